"""meshroll uninstall: leave Linkerd."""

import click

from meshroll.commands.options import check_option, where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@check_option
@click.option(
    "--crds", is_flag=True, help="Remove Linkerd's CRDs too, and with them every resource of their kinds."
)
@where_and_how
def command(check: bool, crds: bool) -> ExitCode:
    """Leave Linkerd, once no pod has a proxy.

    \b
    meshroll uninstall -i inventories/staging --check
    meshroll uninstall -i inventories/staging

    Refused while a pod outside Linkerd's own namespace has a proxy, or a run is unfinished. Removes the webhooks
    first, so that no new pod waits for them, then the control plane. The CRDs stay unless --crds is given; namespaces
    and certificates always stay, and the result names the commands that remove them. Run again, it goes on where it
    was interrupted. It is about whole clusters: -n is refused.

    \b
    Exit codes: 0 done or nothing to do, 2 a namespace was named, 3 refused,
    5 stopped midway, 7 locked, 130 interrupted.
    """
    return run_playbook("uninstall", check=check, extra_vars={"uninstall_crds": crds})
