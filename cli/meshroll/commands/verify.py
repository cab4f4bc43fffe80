"""meshroll verify: the gate on its own."""

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@click.option("--replay", metavar="RUN", help="Judge again what the gates of an earlier run measured.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False),
    help="With --replay: judge by the meshroll_gate in this file, not by the inventory's.",
)
@click.option(
    "--probe",
    metavar="SERVICE[:PORT][/PATH]",
    help="Call this Service from inside the mesh, and count which pods answer; makes a Job for it.",
)
@where_and_how
def command(replay: str | None, policy: str | None, probe: str | None) -> ExitCode:
    """Judge the golden signals of what is meshed, now.

    \b
    meshroll verify -i inventories/prod -n charging
    meshroll verify -i inventories/prod --replay 20261124t200539z-6f2330 --policy stricter.yml
    meshroll verify -i inventories/prod -n charging --probe tariffs

    Changes nothing. Each namespace takes meshroll_gate.settle_seconds and window_seconds, and up to
    window_max_seconds while it is undecided; a replay only reads. A probe makes a Job of its own in the
    namespace, which calls the Service 100 times on one held connection, and removes it again however it
    ends; it changes nothing else and takes no lock. It calls gRPC's health check, or gets / where the port
    is named http, or PATH where there is one.

    \b
    Exit codes: 0 Successful, 2 no such run or no name of a Service, 3 nothing was recorded or can be
    probed (no such Service), 9 Inconclusive, 10 Failed, 11 Error (could not be measured).
    """
    if policy and not replay:
        raise click.UsageError("--policy goes with --replay; `verify` itself judges by the inventory.")
    if probe is not None:
        if replay:
            raise click.UsageError("--probe asks the cluster, --replay does not; give one of them.")
        from meshroll.core.probe.target import parse

        parse(probe)
        return run_playbook("verify", extra_vars={"verify_probe": probe})
    if not replay:
        return run_playbook("verify")
    from meshroll.adapters import policy_file

    return run_playbook(
        "verify", extra_vars={"verify_replay": replay, **(policy_file.read(policy) if policy else {})}
    )
