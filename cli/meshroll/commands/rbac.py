"""meshroll rbac: what to grant the account that runs a command."""

from __future__ import annotations

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import play
from meshroll.core.errors import ExitCode, Problem, UsageError

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
        "drill",
    ),
    *("releases --for", "install", "upgrade", "uninstall", "uninstall --crds", "renewal"),
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
@click.option("--service-account", metavar="NAMESPACE/NAME", help="Bind them to this ServiceAccount.")
@click.option("--group", metavar="NAME", help="Bind them to this group, as the API server knows it.")
@click.option("--user", metavar="NAME", help="Bind them to this user, as the API server knows them.")
@where_and_how
def command(wanted: str, service_account: str | None, group: str | None, user: str | None) -> ExitCode:
    """Print the smallest Roles that a command needs.

    \b
    meshroll rbac -i inventories/prod --limit eu-1 --group mesh-team | kubectl --context eu-1 apply -f -
    meshroll rbac -i inventories/prod --limit eu-1 --command status --service-account ci/mesh

    Namespaced things stand in Roles of the inventory's namespaces (or the one of -n), of Linkerd's and of meshroll's
    own, the rest in a ClusterRole. They are called after the command and whom they are for. Those of rollout are enough
    for status, runs, report, verify, plan, rollback, resume and lock steal too. Reads the inventory and asks no
    cluster. As text they are of one cluster, because kubectl would apply them all to the same.

    \b
    Exit codes: 0 printed, 2 no namespace is named, or not one cluster, or not one to bind them to.
    """
    from meshroll.core.roles import subject_of
    from meshroll.render.roles import role_lines

    subject_of(service_account, group, user)
    whom = {"rbac_service_account": service_account, "rbac_group": group, "rbac_user": user}
    played = play("rbac", extra_vars={"rbac_for": wanted, **{name: who for name, who in whom.items() if who}})
    output, result = played.output, played.result
    if output.json:
        output.object(result)
    else:
        clusters = result["data"].get("clusters", [])
        if len(clusters) > 1:
            named = ", ".join(cluster["name"] for cluster in clusters)
            raise UsageError(
                Problem(
                    "usage",
                    f"They differ from cluster to cluster, and these are several: {named}.",
                    "Name one with --limit, or use --output json.",
                )
            )
        output.lines(role_lines(clusters))
        output.problems(result)
    return ExitCode(result["exit_code"])
