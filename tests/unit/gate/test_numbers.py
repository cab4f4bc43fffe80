"""Compact numbers are mappings like any other, and hold the names that many have in common once."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.measurements import Measurements, Query, Sample
from meshroll.core.gate.numbers import numbers, total
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import PodTraffic, Traffic

by_name = st.dictionaries(st.sampled_from("abcde"), st.integers(-9, 9).map(float))


@given(by_name)
def test_they_are_what_they_were_made_of(plain: dict[str, float]) -> None:
    found = numbers(plain)
    assert found == plain
    assert list(found) == list(plain)
    assert ("a" in found, found.get("a")) == ("a" in plain, plain.get("a"))
    assert msgspec.json.decode(msgspec.json.encode(found, enc_hook=dict)) == plain


def test_the_same_names_are_kept_once() -> None:
    assert numbers({"a": 1.0, "b": 2.0}).places is numbers({"a": 3.0, "b": 4.0}).places


@given(st.lists(by_name), st.booleans())
def test_a_total_has_each_name_once(many: list[dict[str, float]], compact: bool) -> None:
    expected: dict[str, float] = {}
    for each in many:
        for name, number in each.items():
            expected[name] = expected.get(name, 0.0) + number
    assert total([numbers(each) if compact else each for each in many]) == expected


def test_a_total_of_the_same_names_is_by_name_too() -> None:
    assert total([numbers({"a": 1.0, "b": 2.0})] * 3) == {"a": 3.0, "b": 6.0}


def test_traffic_without_buckets_has_no_dict_of_its_own() -> None:
    assert Traffic(source="x").buckets is Traffic(source="y").told


def test_a_pod_without_a_median_has_none() -> None:
    def query(name: str) -> Query:
        return Query(name, "", "", "")

    answered = {"classification": "success"}
    measured = Measurements(
        namespace="charging",
        at_seconds=0.0,
        window_seconds=30.0,
        queries={name: query(name) for name in ("inbound-responses", "inbound-by-pod")},
        samples={
            "inbound-responses": [Sample({"deployment": "omni", **answered}, 9.0)],
            "inbound-by-pod": [Sample({"pod": pod, **answered}, 4.5) for pod in ("omni-1", "omni-2")],
            "inbound-median-by-pod": [Sample({"pod": "omni-1"}, 12.0)],
        },
    )
    found = read(measured, dict.fromkeys(("omni-1", "omni-2"), "Deployment/omni")).of("Deployment/omni").pods
    assert found == {"omni-1": PodTraffic(4.5, 0.0, 12.0), "omni-2": PodTraffic(4.5, 0.0, None)}
