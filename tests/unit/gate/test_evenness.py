from __future__ import annotations

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


def test_few_requests_are_chance_and_many_are_not() -> None:
    few = evenness({"a": 9.0, "b": 4.0, "c": 3.0}, ["a", "b", "c"], (), "requests", "own proxies")
    many = evenness({"a": 900.0, "b": 400.0, "c": 300.0}, ["a", "b", "c"], (), "requests", "own proxies")
    assert few is not None
    assert many is not None
    assert (few.beyond_chance, many.beyond_chance) == (False, True)


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
