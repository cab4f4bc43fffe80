"""Who is cut off, held against a reading of NetworkPolicy that goes pod by pod and rule by rule."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from meshroll.core.scan import MeshedPod
from meshroll.core.scan.reach import cuts

Json = dict[str, Any]
NAMESPACES: dict[str, dict[str, str]] = {"a": {"team": "x"}, "b": {"team": "y"}, "c": {}}
PORT = 4143


# -- the other reading --------------------------------------------------------------------------------------------


def matches(selector: Json, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        there = each["key"] in labels
        among = there and labels[each["key"]] in each.get("values", [])
        if not {"In": among, "NotIn": not among, "Exists": there, "DoesNotExist": not there}[
            each["operator"]
        ]:
            return False
    return True


def is_peer(peer: Json, pod: MeshedPod, home: str) -> bool:
    if "ipBlock" in peer:
        if not pod.ip:
            return False
        address, block = ip_address(pod.ip), peer["ipBlock"]
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(each) for each in block.get("except", [])
        )
    if "namespaceSelector" in peer:
        if not matches(peer["namespaceSelector"], NAMESPACES[pod.namespace]):
            return False
    elif pod.namespace != home:
        return False
    return matches(peer.get("podSelector", {}), dict(pod.labels))


def lets(rule: Json, way: str, only_proxies: bool) -> bool:
    """Whether the rule has a TCP port at all, or the proxies'."""
    if not rule.get("ports"):
        return True
    for port in rule["ports"]:
        if port.get("protocol", "TCP") != "TCP":
            continue
        number = port.get("port")
        if not only_proxies or number is None or number == "linkerd-proxy":
            return True
        if isinstance(number, int) and number <= PORT <= port.get("endPort", number):
            return True
    return False


def allowed(policies: list[Json], way: str, own: MeshedPod, other: MeshedPod, only_proxies: bool) -> bool:
    """Whether ``own`` may be reached by ``other`` (Ingress), or may reach it (Egress)."""
    about = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == own.namespace
        and matches(policy["spec"]["podSelector"], dict(own.labels))
        and way in policy["spec"]["policyTypes"]
    ]
    peers = "from" if way == "Ingress" else "to"
    return not about or any(
        lets(rule, way, only_proxies)
        and (
            not rule.get(peers)
            or any(is_peer(each, other, policy["metadata"]["namespace"]) for each in rule[peers])
        )
        for policy in about
        for rule in policy["spec"].get(way.lower(), [])
    )


def lost(policies: list[Json], pods: list[MeshedPod]) -> set[tuple[str, str, str]]:
    """(way, server, caller) of each pair that reached one another and is cut off by the policies of one of the two."""
    found = set()
    for server in pods:
        for caller in pods:
            if server is caller:
                continue
            both = (("Ingress", server, caller), ("Egress", caller, server))
            if all(allowed(policies, *each, False) for each in both):
                found |= {
                    (each[0], server.owner, caller.owner)
                    for each in both
                    if not allowed(policies, *each, True)
                }
    return found


# -- examples -----------------------------------------------------------------------------------------------------

labels = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["1", "2"]))
selectors = st.one_of(
    st.just({}),
    labels.map(lambda found: {"matchLabels": found}),
    st.builds(
        lambda key, operator, values: {
            "matchExpressions": [
                {"key": key, "operator": operator, **({"values": values} if operator.endswith("In") else {})}
            ]
        },
        st.sampled_from(["app", "tier"]),
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
        st.lists(st.sampled_from(["1", "2"]), min_size=1),
    ),
)
namespace_selectors = st.sampled_from(
    [{}, {"matchLabels": {"team": "x"}}, {"matchExpressions": [{"key": "team", "operator": "Exists"}]}]
)
peers = st.one_of(
    st.builds(lambda pods: {"podSelector": pods}, selectors),
    st.builds(lambda spaces: {"namespaceSelector": spaces}, namespace_selectors),
    st.builds(
        lambda spaces, pods: {"namespaceSelector": spaces, "podSelector": pods},
        namespace_selectors,
        selectors,
    ),
    st.sampled_from(
        [
            {"ipBlock": {"cidr": "10.0.0.0/8"}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
            {"ipBlock": {"cidr": "fd00::/8"}},
        ]
    ),
)
ports = st.sampled_from(
    [
        {"port": 8080},
        {"port": 8080, "protocol": "TCP"},
        {"port": 53, "protocol": "UDP"},
        {"port": 4143, "protocol": "UDP"},
        {"port": 4143},
        {"port": 4000, "endPort": 4142},
        {"port": 4000, "endPort": 4143},
        {"port": 4143, "endPort": 5000},
        {"port": "grpc"},
        {"port": "linkerd-proxy"},
        {"protocol": "TCP"},
        {"protocol": "UDP"},
    ]
)


def rules(key: str) -> st.SearchStrategy[list[Json]]:
    rule = st.fixed_dictionaries(
        {}, optional={key: st.lists(peers, max_size=2), "ports": st.lists(ports, max_size=2)}
    )
    return st.lists(rule, max_size=2)


@st.composite
def policies(draw: st.DrawFn) -> list[Json]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        # The API server leaves none without a type.
        ways = draw(st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
        spec: Json = {"podSelector": draw(selectors), "policyTypes": ways}
        for way in ways:
            spec[way.lower()] = draw(rules("from" if way == "Ingress" else "to"))
        meta = {"name": f"policy-{number}", "namespace": draw(st.sampled_from(sorted(NAMESPACES)))}
        found.append({"kind": "NetworkPolicy", "metadata": meta, "spec": spec})
    return found


@st.composite
def estates(draw: st.DrawFn) -> list[MeshedPod]:
    addresses = st.sampled_from(["", "10.0.0.7", "10.1.0.7", "192.168.0.7", "fd00::7"])
    return [
        MeshedPod(
            draw(st.sampled_from(sorted(NAMESPACES))),
            f"pod-{number}",
            f"Pod/{number}",
            draw(labels),
            draw(addresses),
        )
        for number in range(draw(st.integers(1, 5)))
    ]


@settings(max_examples=600)
@given(policies(), estates())
def test_exactly_those_are_cut_off_who_reached_one_another_and_will_not(
    found: list[Json], pods: list[MeshedPod]
) -> None:
    told = cuts(found, pods, NAMESPACES.__getitem__, PORT)
    named: set[tuple[str, str, str]] = set()
    for cut in told:
        home = cut.policy["metadata"]["namespace"]
        selected = cut.servers if cut.way == "Ingress" else cut.callers
        assert {name.partition("/")[0] for name in selected} == {home}
        named |= {
            (cut.way, s.partition("/")[2], c.partition("/")[2]) for s in cut.servers for c in cut.callers
        }
    wanted = lost(found, pods)
    event(f"{'something' if wanted else 'nothing'} is cut off")
    # A cut names sets of servers and callers, so it may name a pair of which another rule lets one through.
    assert wanted <= named
    assert {way for way, _, _ in wanted} == {cut.way for cut in told}
    for column in (1, 2):
        assert {each[column] for each in wanted} == {each[column] for each in named}


@given(policies(), estates())
def test_with_the_proxies_port_in_every_rule_nobody_is_cut_off(
    found: list[Json], pods: list[MeshedPod]
) -> None:
    for policy in found:
        for way in ("ingress", "egress"):
            for rule in policy["spec"].get(way, []):
                if rule.get("ports"):
                    rule["ports"] = [*rule["ports"], {"port": PORT}]
    assert cuts(found, pods, NAMESPACES.__getitem__, PORT) == []


def pod(name: str, namespace: str = "a", **marks: str) -> MeshedPod:
    return MeshedPod(namespace, name, f"Deployment/{name.rpartition('-')[0] or name}", marks)


def policy(spec: Json, namespace: str = "a") -> Json:
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}


def test_what_the_api_server_would_fill_in_is_read_the_same() -> None:
    """policyTypes: always ingress, egress where it has such rules."""
    both = [pod("one-1"), pod("two-1", app="2")]
    egress = {"podSelector": {}, "egress": [{"ports": [{"port": 80}]}]}
    (cut,) = cuts([policy({**egress, "ingress": [{}]})], both, NAMESPACES.__getitem__, PORT)
    assert cut.way == "Egress"
    assert cuts([policy(egress)], both, NAMESPACES.__getitem__, PORT) == [], "nobody is let in"


def test_pods_of_one_workload_reach_one_another_and_a_single_one_itself() -> None:
    found = [policy({"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]})]
    assert cuts(found, [pod("one-1")], NAMESPACES.__getitem__, PORT) == []
    (cut,) = cuts(found, [pod("one-1"), pod("one-2")], NAMESPACES.__getitem__, PORT)
    assert cut.callers == cut.servers == ("a/Deployment/one",)


@pytest.mark.parametrize("port", [4143, 4144])
def test_the_port_is_that_of_the_values(port: int) -> None:
    found = [policy({"podSelector": {}, "ingress": [{"ports": [{"port": 4144}]}]})]
    told = cuts(found, [pod("one-1"), pod("two-1")], NAMESPACES.__getitem__, port)
    assert bool(told) == (port == 4143)


def test_many_pods_of_few_labels_are_looked_at_as_few() -> None:
    """Ten thousand pods pair by pair would be hours; grouped, one look at their labels is enough."""
    pods = [
        MeshedPod(
            f"n{number % 50}",
            f"p-{number}",
            f"Deployment/d{number % 500}",
            {"app": str(number % 10), "hash": str(number)},
        )
        for number in range(10_000)
    ]
    found = [
        policy(
            {"podSelector": {"matchLabels": {"app": "1"}}, "ingress": [{"ports": [{"port": 80}]}]},
            f"n{number}",
        )
        for number in range(50)
    ]
    reads = 0

    def counted(_: str) -> dict[str, str]:
        nonlocal reads
        reads += 1
        return {}

    assert len(cuts(found, pods, counted, PORT)) == 5
    assert reads == 50, "one for each namespace and value of app that there is"
