"""meshroll rbac: what to grant the account that runs a command."""

from __future__ import annotations

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import play
from meshroll.core.errors import ExitCode

# Those of core.permissions, which is not imported for --help; a test holds them equal.
NAMES = (
    *(
        "status",
        "runs",
        "report",
        "verify",
        "verify --probe",
        "preflight",
        "plan",
        "rollout",
        "rollback",
        "resume",
        "lock steal",
    ),
    *("releases --for", "install", "upgrade", "uninstall", "renewal"),
)


@click.command()
@click.option(
    "--command",
    "wanted",
    type=click.Choice(NAMES),
    default="rollout",
    show_default=True,
    metavar="COMMAND",
    help=f"What it is for: {', '.join(NAMES)}. `install` is a rollout where Linkerd is not there yet, "
    "`renewal` the module meshroll.linkerd.certificates in a playbook of your own.",
)
@click.option(
    "--service-account",
    metavar="NAMESPACE/NAME",
    help="Whom to bind them to.  [default: a group mesh-team, to be replaced]",
)
@where_and_how
def command(wanted: str, service_account: str | None) -> ExitCode:
    """Print the smallest Roles that a command needs.

    \b
    meshroll rbac -i inventories/prod --limit eu-1 | kubectl apply -f -
    meshroll rbac -i inventories/prod --limit eu-1 --command status --service-account ci/mesh

    Namespaced things stand in Roles of the inventory's namespaces (or the one of -n), of Linkerd's and of meshroll's
    own, the rest in a ClusterRole. Those of rollout are enough for status, runs, report, verify, plan, rollback, resume
    and lock steal too. Reads the inventory and asks no cluster; several clusters are told one after the other.

    \b
    Exit codes: 0 printed, 2 no namespace is named, or not NAMESPACE/NAME.
    """
    from meshroll.render.roles import role_lines

    played = play("rbac", extra_vars={"rbac_for": wanted, "rbac_service_account": service_account or ""})
    output, result = played.output, played.result
    if output.json:
        output.object(result)
    else:
        output.lines(role_lines(result["data"].get("clusters", [])))
        output.problems(result)
    return ExitCode(result["exit_code"])
