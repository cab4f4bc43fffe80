"""What NetworkPolicies let meshed pods reach, before and after every call between them goes to the proxies' port.

Kubernetes' own semantics (networking.k8s.io/v1): a pod that any policy of a direction selects may be reached (or may
reach) only as the rules of all of those policies together say. Pods that no selector and no address block tells apart
are looked at once, so the work grows with the variety of labels and not with the number of pods. Ports are not
intersected between the two directions: where ingress and egress allow different ones, nothing was reached before
either, and it is told nonetheless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from meshroll.core.facts import MeshedPod
from meshroll.core.model import Object
from meshroll.core.selectors import keys_of, selects

Way = Literal["Ingress", "Egress"]
# The name that the injector gives the proxy's inbound port.
PROXY_PORT_NAME = "linkerd-proxy"
# Of the proxy itself (tap, admin): calls to them are not sent to its inbound port.
OWN_PORTS = (4190, 4191, "linkerd-admin")
_RULES: dict[Way, tuple[str, str]] = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}


@dataclass(frozen=True)
class Rule:
    """One rule of a policy. ``peers`` and ``selected`` are sets of groups of pods, as bits; ``ports`` as told."""

    policy: Object
    way: Way
    selected: int
    peers: int
    ports: str
    to_applications: bool
    to_proxies: bool


@dataclass(frozen=True)
class Cut:
    """What a policy allowed and does not allow any more: ``servers`` and ``callers`` as NAMESPACE/KIND/NAME."""

    policy: Object
    way: Way
    servers: tuple[str, ...]
    callers: tuple[str, ...]
    ports: tuple[str, ...]


def cuts(
    policies: Iterable[Object],
    pods: Sequence[MeshedPod],
    namespace_labels: Callable[[str], Mapping[str, str]],
    proxy_port: int,
) -> list[Cut]:
    """Who among ``pods`` is cut off from whom, and by which policies, once calls go to ``proxy_port``."""
    known = list(policies)
    groups = groups_of(known, pods, namespace_labels)
    rules = [rule for policy in known for rule in _rules(policy, groups, proxy_port)]
    isolated: dict[Way, int] = {way: _isolated(known, way, groups) for way in _RULES}
    before = {way: _reach(rules, way, isolated[way], len(groups), False) for way in _RULES}
    after = {way: _reach(rules, way, isolated[way], len(groups), True) for way in _RULES}
    # Rows are callers and columns servers: egress is told by callers, ingress by servers.
    called = _turned(before["Ingress"])
    allowed = [called[index] & before["Egress"][index] for index in range(len(groups))]
    lost: dict[Way, list[int]] = {
        "Egress": [allowed[index] & ~after["Egress"][index] for index in range(len(groups))],
        "Ingress": [callers & ~after["Ingress"][index] for index, callers in enumerate(_turned(allowed))],
    }
    return list(_told(rules, lost, groups))


def _told(rules: Iterable[Rule], lost: Mapping[Way, Sequence[int]], groups: Sequence[Group]) -> Iterator[Cut]:
    """A cut for each policy with rules by which what is lost was allowed."""
    found: dict[tuple[int, Way], tuple[Rule, set[int], set[int], dict[str, None]]] = {}
    for rule in rules:
        if rule.to_proxies or not rule.to_applications:
            continue
        for own in _bits(rule.selected):
            others = lost[rule.way][own] & rule.peers
            if own in _bits(others) and groups[own].pods == 1:
                others &= ~(1 << own)  # a pod always reaches itself
            if others:
                _, selected, peers, ports = found.setdefault(
                    (id(rule.policy), rule.way), (rule, set(), set(), {})
                )
                selected.add(own)
                peers.update(_bits(others))
                ports[rule.ports] = None
    for rule, selected, peers, ports in found.values():
        servers, callers = (selected, peers) if rule.way == "Ingress" else (peers, selected)
        yield Cut(rule.policy, rule.way, _names(servers, groups), _names(callers, groups), tuple(ports))


@dataclass
class Group:
    """Pods that the policies do not tell apart: how many, and whose (NAMESPACE/KIND/NAME)."""

    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str]
    blocks: frozenset[str]
    owners: set[str] = field(default_factory=set)
    pods: int = 0


def groups_of(
    policies: Sequence[Object],
    pods: Iterable[MeshedPod],
    namespace_labels: Callable[[str], Mapping[str, str]],
) -> list[Group]:
    """``pods`` by what ``policies`` can tell of them."""
    keys = {key for policy in policies for selector in _pod_selectors(policy) for key in keys_of(selector)}
    blocks = {block for policy in policies for block in _blocks(policy)}
    networks = {block: ip_network(block, strict=False) for block in blocks}
    found: dict[tuple[str, tuple[tuple[str, str], ...], frozenset[str]], Group] = {}
    for pod in pods:
        labels = {key: value for key, value in sorted(pod.labels.items()) if key in keys}
        within = frozenset(block for block, network in networks.items() if _within(pod.ip, network))
        key = (pod.namespace, tuple(labels.items()), within)
        if key not in found:
            found[key] = Group(pod.namespace, namespace_labels(pod.namespace), labels, within)
        found[key].owners.add(f"{pod.namespace}/{pod.owner}")
        found[key].pods += 1
    return list(found.values())


def _within(ip: str, network: IPv4Network | IPv6Network) -> bool:
    return bool(ip) and ip_address(ip) in network


def _pod_selectors(policy: Object) -> Iterator[Object]:
    yield policy["spec"].get("podSelector") or {}
    for peer in _peers(policy):
        yield peer.get("podSelector") or {}


def _blocks(policy: Object) -> Iterator[str]:
    for peer in _peers(policy):
        if block := peer.get("ipBlock"):
            yield block["cidr"]
            yield from block.get("except") or []


def _peers(policy: Object) -> Iterator[Object]:
    for rules, peers in _RULES.values():
        for rule in policy["spec"].get(rules) or []:
            yield from rule.get(peers) or []


def ways(policy: Object) -> Sequence[Way]:
    """The API server fills policyTypes in; by hand: always ingress, and egress where it has such rules."""
    spec = policy["spec"]
    ways: Sequence[Way] = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return ways


def _selected(policy: Object, groups: Sequence[Group]) -> int:
    home, selector = policy["metadata"]["namespace"], policy["spec"].get("podSelector") or {}
    return _mask(group.namespace == home and selects(selector, group.labels) for group in groups)


def _isolated(policies: Iterable[Object], way: Way, groups: Sequence[Group]) -> int:
    isolated = 0
    for policy in policies:
        if way in ways(policy):
            isolated |= _selected(policy, groups)
    return isolated


def _rules(policy: Object, groups: Sequence[Group], proxy_port: int) -> Iterator[Rule]:
    selected = _selected(policy, groups)
    for way in ways(policy) if selected else ():
        of, peers_key = _RULES[way]
        for rule in policy["spec"].get(of) or []:
            ports, peers = rule.get("ports") or [], rule.get(peers_key) or []
            over_tcp = [port for port in ports if port.get("protocol", "TCP") == "TCP"]
            yield Rule(
                policy=policy,
                way=way,
                selected=selected,
                peers=_mask(
                    not peers or any(is_peer(peer, group, policy) for peer in peers) for group in groups
                ),
                ports=", ".join(_told_port(port) for port in over_tcp),
                to_applications=not ports or any(port.get("port") not in OWN_PORTS for port in over_tcp),
                to_proxies=not ports or any(has(port, proxy_port, PROXY_PORT_NAME) for port in over_tcp),
            )


def is_peer(peer: Object, group: Group, policy: Object) -> bool:
    """Whether a peer of one of the policy's rules takes the group's pods in."""
    if block := peer.get("ipBlock"):
        return block["cidr"] in group.blocks and not group.blocks & set(block.get("except") or [])
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    home = (
        group.namespace == policy["metadata"]["namespace"]
        if namespaces is None
        else selects(namespaces, group.namespace_labels)
    )
    return home and (pods is None or selects(pods, group.labels))


def has(port: Object, number: int, *names: str) -> bool:
    """Whether a rule's port takes in the port ``number``, which pods call one of ``names``."""
    named = port.get("port")
    if named is None:
        return True
    if isinstance(named, str):
        return named in names
    return int(named) <= number <= int(port.get("endPort") or named)


def _told_port(port: Object) -> str:
    """``8080``, ``8000-8090``, ``grpc``."""
    end = port.get("endPort")
    return f"{port.get('port', 'every port')}{f'-{end}' if end else ''}"


def _reach(rules: Iterable[Rule], way: Way, isolated: int, groups: int, proxies_only: bool) -> list[int]:
    """By group: the groups that it may reach (egress), or that may reach it (ingress)."""
    everybody = (1 << groups) - 1
    found = [0 if isolated >> index & 1 else everybody for index in range(groups)]
    for rule in rules:
        if rule.way == way and (rule.to_proxies if proxies_only else rule.to_applications):
            for index in _bits(rule.selected):
                found[index] |= rule.peers
    return found


def _turned(rows: Sequence[int]) -> list[int]:
    """Rows as columns."""
    turned = [0] * len(rows)
    for index, row in enumerate(rows):
        for other in _bits(row):
            turned[other] |= 1 << index
    return turned


def _mask(bits: Iterable[bool]) -> int:
    return sum(1 << index for index, bit in enumerate(bits) if bit)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _names(of: Iterable[int], groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(sorted({owner for index in of for owner in groups[index].owners}))
