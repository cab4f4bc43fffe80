"""What follows from what AWS says of a cluster."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.eks_facts import EksFacts, Ingress, Selector, Support, ingress, supported
from meshroll.core.facts import Hidden

FACTS = EksFacts(
    "prod",
    datetime.date(2026, 3, 1),
    "1.33",
    "ACTIVE",
    None,
    "sg-cluster",
    ("sg-more",),
)
SUPPORT = Support(datetime.date(2026, 7, 29), datetime.date(2027, 7, 29))


@pytest.mark.parametrize(
    ("selector", "namespace", "labels", "caught"),
    [
        (Selector("charging"), "charging", {}, True),
        (Selector("charging"), "charging-2", {}, False),
        (Selector("char*"), "charging", {"a": "b"}, True),
        (Selector("c?arging"), "charging", {}, True),
        (Selector("charging", {"on": "fargate"}), "charging", {"on": "fargate", "a": "b"}, True),
        (Selector("charging", {"on": "fargate"}), "charging", {"on": "nodes"}, False),
        (Selector("charging", {"on": "fargate", "a": "b"}), "charging", {"on": "fargate"}, False),
        (Selector("charging", {"o*": "far*"}), "charging", {"on": "fargate"}, True),
        (Selector("*", {"on": "fargate"}), "charging", {}, False),
    ],
)
def test_a_selector_catches_a_namespace_and_every_label_that_it_names(
    selector: Selector, namespace: str, labels: dict[str, str], caught: bool
) -> None:
    assert selector.catches(namespace, labels) is caught


CLUSTER, MORE, OTHER = (
    {"UserIdGroupPairs": [{"GroupId": f"sg-{name}"}]} for name in ("cluster", "more", "other")
)


def tcp(first: int, last: int, source: dict[str, Any], protocol: str = "tcp") -> dict[str, Any]:
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last, **source}


@pytest.mark.parametrize(
    ("permission", "port", "open_"),
    [
        (tcp(8443, 8443, MORE), 8443, True),
        (tcp(8443, 8443, MORE), 9443, False),
        (tcp(1025, 65535, CLUSTER), 9443, True),
        (tcp(1025, 65535, CLUSTER, "udp"), 9443, False),
        ({"IpProtocol": "-1", **CLUSTER}, 9443, True),
        ({"IpProtocol": "-1", **OTHER}, 9443, False),
        ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, 9443, True),
        (tcp(443, 443, {"PrefixListIds": [{"PrefixListId": "pl-1"}]}), 9443, False),
    ],
)
def test_a_rule_lets_in_by_protocol_port_and_source(
    permission: dict[str, Any], port: int, open_: bool
) -> None:
    assert ingress(permission).lets_in(FACTS.control_plane_groups, port) is open_


def test_an_instance_is_closed_where_none_of_its_interfaces_lets_the_control_plane_in() -> None:
    from_cluster = Ingress("tcp", 8443, 8443, frozenset({"sg-cluster"}))
    facts = replace(
        FACTS,
        nodes={
            "i-1": (frozenset({"a"}), frozenset({"b"})),
            "i-2": (frozenset({"a"}),),
            "i-3": (frozenset({"a"}),),
        },
        rules={"a": (), "b": (from_cluster,)},
    )
    assert facts.closed(8443) == {frozenset({"a"}): ["i-2", "i-3"]}


@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(1, 65535))
def test_a_range_is_open_from_its_first_port_to_its_last(first: int, last: int, port: int) -> None:
    rule = Ingress("tcp", first, last, frozenset({"sg-cluster"}))
    assert rule.lets_in({"sg-cluster"}, port) is (port in range(first, last + 1))


def test_what_aws_says_of_a_version_counts_and_else_what_is_known() -> None:
    other = Support(datetime.date(2020, 1, 1), datetime.date(2021, 1, 1))
    assert supported("1.33", SUPPORT, {"1.33": other}) == SUPPORT
    assert supported("1.33", None, {"1.33": SUPPORT}) == SUPPORT
    assert supported("1.33", Hidden("no"), {"1.33": SUPPORT}) == SUPPORT
    assert supported("1.33", Hidden("no"), {}) == Hidden(
        "until when EKS supports Kubernetes 1.33 is not known (no)"
    )
    assert isinstance(supported("1.33", None, {"1.32": SUPPORT}), Hidden)
