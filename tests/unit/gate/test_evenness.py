from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.evenness import evenness

loads = st.dictionaries(
    st.sampled_from([f"pod-{number}" for number in range(8)]),
    st.floats(0, 1e6, allow_nan=False, allow_subnormal=False).map(lambda load: round(load, 6)),
    min_size=2,
)


def even(load: dict[str, float], pods: list[str], young: tuple[str, ...] = ()) -> float | None:
    found = evenness(load, pods, young, "requests", "own proxies")
    return found.busiest_to_mean if found else None


def test_a_pinned_pod_is_busier_than_the_mean_by_the_number_of_pods() -> None:
    found = evenness({"a": 600.0}, ["a", "b", "c"], (), "requests", "own proxies")
    assert found is not None
    assert (found.busiest_pod, found.busiest_to_mean, found.by_pod) == (
        "a",
        3.0,
        {"a": 600.0, "b": 0.0, "c": 0.0},
    )


def test_one_pod_or_no_load_says_nothing() -> None:
    assert even({"a": 5.0}, ["a"]) is None
    assert even({}, ["a", "b"]) is None
    assert even({"a": 0.0}, ["a", "b"]) is None


def test_a_young_pod_and_a_pod_that_is_gone_do_not_count() -> None:
    assert even({"a": 100.0, "b": 100.0, "new": 3.0, "gone": 900.0}, ["a", "b", "new"], ("new",)) == 1.0


@pytest.mark.parametrize(
    ("load", "beyond"),
    [
        ({"a": 30.0, "b": 0.0, "c": 0.0}, True),
        ({"a": 9.0, "b": 0.0, "c": 0.0}, False),
        ({"a": 667.0, "b": 200.0, "c": 133.0}, False),
        ({"a": 800.0, "b": 100.0, "c": 100.0}, True),
        ({"a": 1000.0, "b": 0.0}, False),
    ],
)
def test_pinned_is_more_than_the_better_of_two_would_get_and_no_chance(
    load: dict[str, float], beyond: bool
) -> None:
    found = evenness(load, list(load), (), "requests", "own proxies")
    assert found is not None
    assert found.is_beyond(2.0) == beyond


@given(st.integers(3, 12), st.integers(0, 2**32))
def test_a_balancer_that_always_takes_the_better_of_two_is_never_beyond(pods: int, seed: int) -> None:
    """Pod 0 is the fastest, pod 1 the next, and so on: the most uneven that picking two can be."""
    dice = random.Random(seed)
    load = dict.fromkeys((f"pod-{number}" for number in range(pods)), 0.0)
    for _ in range(500):
        load[f"pod-{min(dice.sample(range(pods), 2))}"] += 1
    found = evenness(load, list(load), (), "requests", "own proxies")
    assert found is not None
    assert not found.is_beyond(2.0)


@given(loads)
def test_the_busiest_pod_is_between_the_mean_and_all_there_is(load: dict[str, float]) -> None:
    found = evenness(load, list(load), (), "requests", "own proxies")
    if found:
        assert 1 - 1e-9 <= found.busiest_to_mean <= len(load) + 1e-9
        assert found.variation >= 0


@given(loads, st.floats(0.001, 1000))
def test_evenness_does_not_depend_on_how_much_traffic_there_is(load: dict[str, float], factor: float) -> None:
    before, after = (
        even(load, list(load)),
        even({pod: value * factor for pod, value in load.items()}, list(load)),
    )
    if before is not None and after is not None:
        assert abs(before - after) < 1e-6 * before
