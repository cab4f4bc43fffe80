"""Does Linkerd itself stand well, and does the cluster carry it?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address, ip_network

from meshroll.core.checks.row import Case, Check
from meshroll.core.control_plane import DEPLOYMENTS, not_up, parts
from meshroll.core.model import labels_of
from meshroll.core.scan.row import Hit, listed

# Proxies and identity forgive each other as much (identity.issuer.clockSkewAllowance); tokens of EKS forgive minutes.
SKEW_MAX_SECONDS = 20.0
INJECTOR_WEBHOOK = "linkerd-proxy-injector.linkerd.io"
# charts/linkerd-control-plane/values.yaml
CLUSTER_NETWORKS = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8"


def _not_up(case: Case) -> Iterator[Hit]:
    plane = case.view.control_plane
    if plane.installed:
        for phrase in not_up(parts(plane.deployments)):
            yield Hit(f"{phrase}.", plane.namespace, f"Deployment/{phrase.split()[0]}")


def _single(case: Case) -> Iterator[Hit]:
    for item in parts(case.view.control_plane.deployments) if case.view.control_plane.installed else ():
        if int(item["spec"].get("replicas", 1)) < 2:
            name = item["metadata"]["name"]
            yield Hit(f"{name} has one replica.", case.view.control_plane.namespace, f"Deployment/{name}")


def _fails_closed(case: Case) -> Iterator[Hit]:
    """Which of the two dangers there is: pods without a proxy, or no pods."""
    single = any(hit.object == f"Deployment/{DEPLOYMENTS[-1]}" for hit in _single(case))
    for configuration in case.seen.objects("mutating_webhooks"):
        for webhook in configuration.get("webhooks") or []:
            if webhook["name"] == INJECTOR_WEBHOOK and webhook.get("failurePolicy") == "Fail" and single:
                yield Hit("The injector has one replica, and its webhook's failurePolicy is Fail.")


def _fails_open(case: Case) -> Iterator[Hit]:
    for configuration in case.seen.objects("mutating_webhooks"):
        for webhook in configuration.get("webhooks") or []:
            if webhook["name"] == INJECTOR_WEBHOOK and webhook.get("failurePolicy", "Fail") == "Ignore":
                yield Hit("The injector's webhook has failurePolicy Ignore.")


def _helm(case: Case) -> Iterator[Hit]:
    newest: dict[str, tuple[int, str]] = {}
    for record in case.seen.objects("helm_records"):
        labels = labels_of(record)
        found = (int(labels.get("version", 0)), labels.get("status", ""))
        newest[labels.get("name", "")] = max(found, newest.get(labels.get("name", ""), found))
    for name, (revision, status) in sorted(newest.items()):
        if name.startswith("linkerd") and status not in ("deployed", "superseded"):
            yield Hit(
                f"Helm's newest record of {name}, revision {revision}, says {status}.",
                case.view.control_plane.namespace,
            )


def _networks(case: Case) -> Iterator[Hit]:
    """As `linkerd check` does it (l5d-cluster-networks-cidr, -pods), before there is anything to check."""
    told = str(case.values.get("clusterNetworks") or CLUSTER_NETWORKS)
    networks = [ip_network(each.strip(), strict=False) for each in told.split(",") if each.strip()]

    # Of ten thousand pods not each is looked at: they stand in some dozen blocks.
    @cache
    def covered(block: str) -> bool:
        whole = ip_network(f"{block}.0/24")
        return any(network.version == 4 and whole.subnet_of(network) for network in networks)  # type: ignore[arg-type]

    def outside(address: str) -> bool:
        if ":" not in address and covered(address.rpartition(".")[0]):
            return False
        ip = ip_address(address)
        return not any(ip.version == network.version and ip in network for network in networks)

    ranges = {str(block) for node in case.view.nodes if (block := (node.get("spec") or {}).get("podCIDR"))}
    pods, services = _addresses(case)
    for what, found in (
        ("Pod ranges of nodes", {each for each in ranges if outside(each.partition("/")[0])}),
        ("Pods", {each for each in pods if outside(each)}),
        ("Services", {each for each in services if outside(each)}),
    ):
        if found:
            yield Hit(f"{what} are outside of clusterNetworks ({told}): {listed(found)}.")


def _addresses(case: Case) -> tuple[set[str], set[str]]:
    """Of the pods, but for those on the host's network, and of the Services of these namespaces."""
    pods, services = set(), set()
    for _, space in case.spaces():
        pods |= {
            pod.manifest["status"]["podIP"]
            for pod in space.pods
            if (pod.manifest.get("status") or {}).get("podIP") and not pod.manifest["spec"].get("hostNetwork")
        }
        services |= {
            service["spec"]["clusterIP"]
            for service in space.services
            if service["spec"].get("clusterIP") not in (None, "", "None")
        }
    return pods, services


def _ipv6(case: Case) -> Iterator[Hit]:
    if not case.values.get("disableIPv6", True):
        return
    for what, found in zip(("Pods", "Services"), _addresses(case), strict=True):
        if six := {each for each in found if ":" in each}:
            yield Hit(f"{what} have IPv6 addresses, and disableIPv6 is true: {listed(six)}.")


def _clock(case: Case) -> Iterator[Hit]:
    ahead = case.seen.ahead_seconds
    if abs(ahead) > SKEW_MAX_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        yield Hit(f"This machine's clock is {abs(ahead):.0f} s {way} the API server's.")


def _linkerd_check(case: Case) -> Iterator[Hit]:
    for each in case.seen.linkerd_checked:
        yield Hit(
            f"{each.category}: {each.description}: {each.said}", fix=f"See {each.hint}." if each.hint else ""
        )


# A profile counts at an install alone (core/install); values go with every release that an upgrade installs.
_GIVEN = (
    "in meshroll_control_plane.values: an install is given them, and the next release that `meshroll upgrade` brings. "
    "`helm upgrade --reuse-values` gives them to the one that runs, with the chart of its version."
)
CHECKS = (
    Check(
        "control-plane-not-up",
        "every part of the control plane is available",
        _not_up,
        acceptable=True,
        why="Proxies that start while destination or identity is away do not become Ready, so a wave would fail.",
        fix="Get it well first: `kubectl -n linkerd get deployments,pods,events`.",
    ),
    Check(
        "control-plane-single",
        "every part of the control plane has two replicas at least",
        _single,
        severity="warn",
        why="While the one replica of identity or destination is away, new proxies do not start and endpoints that "
        "change are not seen. A drained node is enough.",
        fix=f"Set controllerReplicas: 3 and enablePodAntiAffinity: true (three nodes) {_GIVEN}",
    ),
    Check(
        "injector-blocks-pods",
        "pods can start while one injector is away",
        _fails_closed,
        severity="warn",
        needs=("mutating_webhooks",),
        why="With failurePolicy Fail no pod of a meshed namespace starts while no injector answers: not after a node "
        "is lost, nor when an autoscaler wants more.",
        fix=f"Set controllerReplicas: 3, or webhookFailurePolicy: Ignore, {_GIVEN}",
    ),
    Check(
        "injector-lets-pods-by",
        "no pod can start without its proxy unseen",
        _fails_open,
        severity="note",
        needs=("mutating_webhooks",),
        why="With failurePolicy Ignore (the chart's default) pods that start while no injector answers run without a "
        "proxy, and nothing says so. meshroll looks at each pod of its own runs; afterwards nobody does.",
        fix="`meshroll status` shows such pods, `meshroll rollout` restarts them. With webhookFailurePolicy: Fail (and "
        "controllerReplicas: 3) in meshroll_control_plane.values there are none.",
    ),
    Check(
        "helm-unfinished",
        "Helm has ended what it began",
        _helm,
        severity="warn",
        needs=("helm_records",),
        why="Helm refuses to upgrade beside a record that is pending, and takes a failed one with the same values for "
        "done, so what runs may be neither the one nor the other release.",
        fix="`helm -n linkerd history NAME` says what happened; `meshroll upgrade` mends what it began itself.",
    ),
    Check(
        "cluster-networks",
        "clusterNetworks covers nodes, pods and Services",
        _networks,
        acceptable=True,
        why="Proxies ask the control plane only about addresses inside of clusterNetworks: what is outside is neither "
        "balanced nor encrypted (linkerd check: l5d-cluster-networks-pods). VPCs may have ranges of their own.",
        fix=f"Set clusterNetworks with these ranges added {_GIVEN}",
    ),
    Check(
        "ipv6-disabled",
        "proxies carry the addresses' family",
        _ipv6,
        acceptable=True,
        why="With disableIPv6, the chart's default, neither linkerd-init nor linkerd-cni redirects IPv6: calls to and "
        "from such addresses go past the proxies, unencrypted and unmeasured, and nothing says so.",
        fix=f"Set disableIPv6: false (in those of linkerd2-cni too, where it is used) {_GIVEN}",
    ),
    Check(
        "clock-skew",
        "this machine's clock goes with the cluster's",
        _clock,
        severity="warn",
        needs=("clock",),
        why="Certificates that are made here begin now; where the cluster's clock is behind, they are not valid yet. "
        "Tokens of EKS carry this machine's time.",
        fix="Set the clock (NTP).",
    ),
    Check(
        "linkerd-check",
        "`linkerd check` finds nothing",
        _linkerd_check,
        severity="warn",
        needs=("linkerd_check",),
        why="Linkerd's own command knows its own health best. It is asked where it is on PATH and Linkerd is "
        "installed; what it says about versions is left out.",
        fix="Follow the hint of Linkerd's check.",
    ),
)
