from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshroll.core.gate.calls import LOOKS_MIN, Calls, calls_of_all
from meshroll_sandbox.standins.traffic.balancers import PeakEwma
from meshroll_sandbox.standins.traffic.topology import Endpoint

CLIENT = Calls(
    client="omni-1", workload="Deployment/omni", service="", pod="points-1", requests=10.0, total=10.0
)
UNMESHED = msgspec.structs.replace(CLIENT, client="", workload="")


def calls(requests: float, total: float, of: Calls = CLIENT, **changes: object) -> Calls:
    return msgspec.structs.replace(of, requests=requests, total=total, lasting=True, **changes)


@given(st.integers(30, 100_000), st.integers(3, 20), st.sampled_from(["", "points"]), st.booleans())
def test_a_client_that_sends_all_of_thirty_requests_to_one_of_three_pods_or_more_is_always_found(
    requests: int, pods: int, service: str, meshed: bool
) -> None:
    of = CLIENT if meshed else UNMESHED
    assert calls(float(requests), float(requests), of, service=service).is_pinned(pods)


@given(st.integers(30, 100_000))
def test_of_two_pods_only_one_that_balances_by_itself_or_not_at_all_is_pinned_and_with_all_it_sends(
    requests: int,
) -> None:
    everything = float(requests)
    assert calls(everything, everything).is_pinned(2)
    assert calls(everything, everything, UNMESHED).is_pinned(2)
    assert not calls(everything, everything, service="points").is_pinned(2), "the faster of two may get all"
    assert not calls(everything - 1, everything).is_pinned(2)


@pytest.mark.parametrize(
    "few",
    [
        calls(29.0, 29.0),
        msgspec.structs.replace(calls(300.0, 300.0), lasting=False),
        calls(29.0, 30.0),
        calls(880.0, 1000.0),
        calls(490.0, 1000.0, UNMESHED),
    ],
    ids=["few requests", "one burst", "chance", "most, but not nearly all", "less than half of the unmeshed"],
)
def test_less_is_not_called_pinned(few: Calls) -> None:
    assert not few.is_pinned(3)


def test_one_of_several_callers_without_a_proxy_is_seen_once_it_is_most_of_them() -> None:
    assert calls(600.0, 1000.0, UNMESHED).is_pinned(4)
    assert not calls(600.0, 1000.0, CLIENT).is_pinned(4)


def test_one_pod_is_all_there_is() -> None:
    assert not calls(1000.0, 1000.0).is_pinned(1)


def looks_of(chosen: list[int], looks: int, service: str) -> list[list[Calls]]:
    """What each look would see of one client whose requests went to these pods, in this order."""
    size = max(1, len(chosen) // looks)
    seen = []
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        busiest = max(set(part), key=part.count)
        one = msgspec.structs.replace(
            CLIENT,
            service=service,
            pod=f"points-{busiest}",
            requests=float(part.count(busiest)),
            total=float(len(part)),
        )
        seen.append([] if one.is_spread else [one])
    return seen


def is_called(looks: list[list[Calls]], pods: int) -> bool:
    return any(call.is_pinned(pods) for call in calls_of_all(looks))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(1, 40), st.integers(4, 20), st.integers(0, 2**32), st.data())
def test_peak_ewma_is_never_called_pinned_however_unlike_the_pods_are(
    pods: int, per_second: int, looks: int, seed: int, data: st.DataObject
) -> None:
    """Linkerd's balancer for two minutes, with pods that take from a millisecond to a second."""
    slow = data.draw(st.lists(st.floats(0.001, 1.0), min_size=pods, max_size=pods))
    dice = random.Random(seed)
    balancer = PeakEwma(dice)
    endpoints = [Endpoint(("charging", f"points-{number}"), str(number), 8080) for number in range(pods)]
    chosen = []
    for number in range(per_second * 120):
        now = number / per_second
        picked = balancer.pick(endpoints, {one.uid for one in endpoints}, now)
        assert picked
        balancer.sent(picked, now, slow[int(picked.uid)] * dice.lognormvariate(0, 0.3))
        chosen.append(int(picked.uid))
    assert not is_called(looks_of(chosen, looks, "points"), pods)


@given(st.integers(3, 12), st.integers(30, 600), st.integers(3, 20), st.integers(0, 2**32))
def test_the_better_of_two_is_never_called_pinned(pods: int, requests: int, looks: int, seed: int) -> None:
    """Pod 0 is always better than the others: the most uneven that picking two can be."""
    dice = random.Random(seed)
    chosen = [min(dice.sample(range(pods), 2)) for _ in range(requests)]
    assert not is_called(looks_of(chosen, looks, "points"), pods)


@given(st.integers(2, 12), st.integers(30, 600), st.integers(3, 20), st.integers(0, 2**32), st.booleans())
def test_a_client_that_takes_turns_or_dials_for_each_request_is_never_called_pinned(
    pods: int, requests: int, looks: int, seed: int, turns: bool
) -> None:
    dice = random.Random(seed)
    chosen = [number % pods if turns else dice.randrange(pods) for number in range(requests)]
    assert not is_called(looks_of(chosen, looks, ""), pods)


@given(st.lists(st.integers(1, 500), min_size=3, max_size=20), st.integers(3, 10))
def test_looks_at_a_pinned_client_add_up(each: list[int], pods: int) -> None:
    many = [[msgspec.structs.replace(CLIENT, requests=float(one), total=float(one))] for one in each]
    (whole,) = calls_of_all(many)
    assert (whole.requests, whole.total, whole.lasting) == (sum(each), sum(each), True)
    assert whole.is_pinned(pods) == (sum(each) >= 30)


def test_a_burst_in_two_of_many_looks_is_no_pinned_client_but_two_may_be_all_there_are() -> None:
    once = [[msgspec.structs.replace(CLIENT, requests=50.0, total=50.0)]]
    assert not is_called([[], [], *once, *once], 3)
    assert is_called([*once, *once], 3)


def test_each_client_and_each_way_that_it_goes_is_one_of_its_own() -> None:
    by_service = msgspec.structs.replace(CLIENT, service="points", pod="points-2")
    other = msgspec.structs.replace(CLIENT, client="omni-2", pod="points-3")
    found = calls_of_all([[CLIENT, by_service, other]] * 4)
    assert {(one.client, one.service, one.pod, one.total) for one in found} == {
        ("omni-1", "", "points-1", 40.0),
        ("omni-1", "points", "points-2", 40.0),
        ("omni-2", "", "points-3", 40.0),
    }


def test_a_client_that_goes_from_pod_to_pod_is_not_pinned() -> None:
    many = [[msgspec.structs.replace(CLIENT, pod=f"points-{number % 3}")] for number in range(12)]
    assert not is_called(many, 3)


def test_a_client_that_has_stopped_calling_or_spreads_its_calls_now_is_left_out() -> None:
    assert calls_of_all([[CLIENT]] * 9 + [[]] * LOOKS_MIN) == ()
    assert calls_of_all([[CLIENT]] * 9 + [[]] * (LOOKS_MIN - 1)) != ()
    assert calls_of_all([]) == ()
