"""docs/reference/rbac.md, made from core.permissions: `make docs` writes it, a test compares it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence

from meshroll.core import permissions as data
from meshroll.core.permissions import COMMANDS, Grant, Part
from meshroll.core.roles import notes, roles, subject_of
from meshroll.core.settings import parse
from meshroll.render.roles import role_lines

HEAD = """# Permissions

<!-- Made by `make docs` from cli/meshroll/core/permissions.py. -->

What the account that runs meshroll must be allowed to do. `meshroll rbac` prints the smallest Roles for a command,
made for the namespaces of the inventory, with their bindings:

```sh
meshroll rbac -i inventories/prod --limit eu-1 --service-account ci/mesh | kubectl --context eu-1 apply -f -
meshroll rbac -i inventories/prod --limit eu-1 --command status --group mesh-team
```

They are called after the command and whom they are for (`meshroll-rollout-ci-mesh-` and a digest), so that those of one
team do not replace another's. As text they are of one cluster.

Each command was run with exactly that on a real API server, and what it asked for was read from the audit log. Those
of `rollout` are enough for all that is done day by day. Whoever only looks (`status`, `runs`, `report`, `verify`,
`preflight`, `plan`, `releases`) needs no right to write anything.

`rollout` and `rollback` (with `--check` too) and `verify --probe` look at the rules of each namespace first and refuse
with `permission-missing`, naming what lacks; `preflight` and `plan` say it and go on. A rule with `resourceNames` does
not count there: a run must be able to change all workloads. Anything else that is refused later ends with the API
server's own message. Every account may read `/version` and ask for its own rules (SelfSubjectRulesReview), unless that
was taken away (`system:public-info-viewer`, `system:basic-user`).

## What is asked for

"Namespaces" are those that the run is about: the one of `-n`, else all of `meshroll_namespaces`. Those that only
listed clients live in (`clients[].namespace`) are read and never written.
"""

PARTS: Sequence[tuple[str, Part]] = (
    ("To look", data.LOOK),
    ("To look into namespaces", data.SPACES),
    ("To look into those of clients", data.CLIENTS),
    ("To see until when certificates last", data.CERTIFICATES),
    ("To ask the checks", data.CHECKS),
    ("To see what restarts take away", data.DISRUPTION),
    ("To reach Prometheus", data.PROMETHEUS),
    ("To read which runs there were", data.RUNS),
    ("To read a run and what its gates measured", data.RUN),
    ("To change", data.CHANGE),
    ("To write the journal and take the lock", data.WRITE),
    ("To take the lock from another run", data.STEAL),
    ("To probe", data.PROBE),
    ("To drill", data.DRILL),
    ("To see what an upgrade hits", data.SCAN),
    ("To install Linkerd", data.INSTALL),
    ("To upgrade Linkerd", data.UPGRADE),
    ("To remove Linkerd", data.UNINSTALL),
    ("To remove Linkerd's CRDs too", data.UNINSTALL_CRDS),
    ("To renew the issuer", data.RENEW),
)
SAID = {
    "To look": """
Of the cluster and of Linkerd. A caller may live anywhere, so workloads are listed everywhere.
""",
    "To see until when certificates last": """
The issuer's is in a Secret beside its key, and who reads that key can sign identities of the mesh: so no Role here
grants it to those who look, and `status` says "not read" without it. `status` reads the Secrets of Helm's releases
too, to know when the control plane last changed, if it may; else it goes by the journal.
""",
    "To ask the checks": """
A check whose part may not be read is skipped, and says so ([checks](checks.md)). Kinds that the API server does not
have are not asked for. `preflight` reads how Helm's releases stand too, if it may list Secrets in Linkerd's namespace;
no Role here grants that to those who look.
""",
    "To reach Prometheus": """
Only with `meshroll_prometheus.service`, by its name and port.
""",
    "To change": """
What is got is what a write was refused for, and what the journal has to know of an object as it was. Pods that are
stuck on a failed revision are deleted.
""",
    "To probe": """
Who may create Jobs may run any pod that the namespace admits, with any of its ServiceAccounts: grant it to those who
may anyhow.
""",
    "To drill": """
Namespaces have to be marked for it. `drill rollback` is a rollback and a rollout, and needs what those need.
""",
    "To see what an upgrade hits": """
An upgrade concerns every namespace with proxies, so its breaking changes are looked for in the whole cluster. Each of
it may be left out: what may not be read is said where it would be needed ("not seen"), and the rest is looked for. Of
pods, namespaces and CRDs only the metadata is asked for, of ConfigMaps only those kept that workloads with proxies, or
a Prometheus, read. Kinds that the API server does not have are not asked for.
""",
    "To install Linkerd": """
Linkerd's charts make ClusterRoles, and the API server lets nobody grant more than they hold, unless they may
`escalate` and `bind`. Who may do that, or change the webhook that changes every pod, can make themselves
cluster-admin; so grant it for the install, and what `rollout` needs afterwards. The pod in `default` is a dry run:
does the webhook answer?
""",
    "To upgrade Linkerd": """
The same holds. ClusterRoles and CRDs are named, those that Linkerd's charts have had so far: a release with one more
needs what `--command install` prints for its hop.
""",
    "To remove Linkerd's CRDs too": """
The custom resources are counted before their CRDs go (`--crds`).
""",
    "To renew the issuer": """
An `upgrade` does it where it is due, with what it holds anyway. Alone, this is for `meshroll.linkerd.certificates` in
a playbook of your own. Who may read that Secret can sign identities of the mesh.
""",
}
WHERE = {
    "cluster": "cluster",
    "namespaces": "namespaces",
    "clients": "clients' namespaces",
    "linkerd": "Linkerd's namespace",
    "journal": "`meshroll`",
    "prometheus": "Prometheus' namespace",
    "default": "`default`",
    "kube-system": "`kube-system`",
}


AWS = """
## In AWS

Nothing, for clusters that are reached by a kubeconfig's context. What `meshroll_cluster.eks`, the inventory plugin and
the checks that ask AWS need is in [Clusters of Amazon EKS](../how-to/eks.md#what-it-may-do), and what
`meshroll_prometheus.sigv4` needs (`aps:QueryMetrics`) in
[Prometheus](../how-to/prometheus.md#amazon-managed-service-for-prometheus). Nothing in AWS is ever written.
"""


def page() -> str:
    return HEAD + "".join(_section(*part) for part in PARTS) + "".join(f"{line}\n" for line in _example())


def _section(title: str, part: Part) -> str:
    wanted = [name for name, needs in COMMANDS.items() if set(part) <= set(needs)]
    rows = "".join(
        f"| {_object(grant)} | {', '.join(grant.verbs.split())} | {WHERE[grant.place]} |\n" for grant in part
    )
    named = textwrap.fill(f"For {', '.join(f'`{name}`' for name in wanted)}.", 120, break_on_hyphens=False)
    return (
        f"\n### {title}\n{SAID.get(title, '')}\n{named}\n\n| Object | Verbs | Where |\n|---|---|---|\n{rows}"
    )


def _object(grant: Grant) -> str:
    group = f".{grant.group}" if grant.group else ""
    kinds = ", ".join(f"{resource}{group}" for resource in grant.resources.split())
    names = ", ".join(f"`{name.format(linkerd='NAMESPACE', prometheus='NAME:PORT')}`" for name in grant.names)
    return f"{kinds}: {names}" if names else kinds


def _example() -> Iterator[str]:
    settings = parse({"meshroll_namespaces": [{"name": "charging"}]})
    told = {
        "command": "status",
        "notes": notes("status"),
        "objects": roles("status", settings, subject_of(None, "mesh-team", None)),
    }
    words = "`meshroll rbac --command status --group mesh-team -n charging`:"
    yield from ("", "## As it is printed", "", words, "", "```yaml")
    yield from role_lines([{"name": "prod-eu", "rbac": told}])
    yield "```"
    yield AWS.rstrip("\n")


if __name__ == "__main__":
    sys.stdout.write(page())
