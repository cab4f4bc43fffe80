"""meshroll upgrade: hop by hop to the release that policy picks."""

from __future__ import annotations

import click

from meshroll.commands.options import check_option, on_inconclusive_option, where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@check_option
@click.option("--to", metavar="RELEASE", help="Go to this release (edge-26.6.3), not to what policy picks.")
@click.option(
    "--scheduled",
    is_flag=True,
    help="For a job: does nothing unless an upgrade is due and meshroll_upgrade lets it begin now.",
)
@on_inconclusive_option
@where_and_how
def command(check: bool, to: str | None, scheduled: bool, on_inconclusive: str) -> ExitCode:
    """Upgrade Linkerd hop by hop, prove each hop, take the one that fails back.

    \b
    meshroll upgrade -i inventories/prod --check
    meshroll upgrade -i inventories/prod --limit staging
    meshroll upgrade -i inventories/prod --scheduled

    Each hop crosses one milestone at most: control plane, a gate of the proxies as they are under it, then the proxies
    of meshroll_namespaces wave by wave, each with its gate. A hop that fails goes back: the control plane first, then
    only pods with newer proxies; hops before it stay. Run again, it goes on where it was interrupted, or back where it
    had failed, whatever the calendar says. It is about whole clusters: -n is refused.

    \b
    Exit codes: 0 done or nothing to do, 2 no such release, 3 refused, 4 a hop failed and was taken back,
    5 rollback incomplete, 7 locked, 9 paused for a person, 130 interrupted.
    """
    return run_playbook(
        "upgrade",
        check=check,
        extra_vars={
            "upgrade_to": to or "",
            "upgrade_scheduled": scheduled,
            "meshroll_on_inconclusive": on_inconclusive,
        },
    )
