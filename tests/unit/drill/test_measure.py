"""From looks to measures: times, shares and failures, and when a fault has to go at once."""

from __future__ import annotations

import msgspec
import pytest
from unit.core.factories import pods, workload
from unit.drill.looks import BEFORE, BEGAN, at, there

from meshroll.core.drill.looks import CALLERS, CALLERS_OWN, Count, Look, PodSeen, seen
from meshroll.core.drill.measure import measure
from meshroll.core.drill.model import Measures, Scenario
from meshroll.core.gate.measurements import Measurements, Sample

OWN = "its own metrics"


def measured(
    scenario: Scenario, hit: str | None, *looks: Look, past: dict[str, float] | None = None
) -> Measures:
    found = measure(scenario, BEGAN, BEFORE, past or dict.fromkeys(BEFORE, 5.0), hit, looks, 2.0)
    assert found is not None
    return found


def test_without_a_request_nothing_is_measured() -> None:
    assert measure("pod-crash", BEGAN, BEFORE, {}, "a", [], 2.0) is None
    assert measure("pod-crash", BEGAN, BEFORE, {}, "a", [at(1, {}), at(2, {})], 2.0) is None


def test_a_new_pod_waits_from_being_ready_to_its_first_request() -> None:
    more = (*there(*BEFORE), PodSeen("d", BEGAN + 3, False))
    found = measured(
        "scale-up", None, at(2, {"a": 5}), at(4, {"a": 9}, more), at(12, {"a": 20, "d": 1}, more)
    )
    assert (found.new_pods, found.idle_new_pods, found.new_pod_seconds) == (1, 0, 9.0)
    assert found.gone_pod_seconds is None


def test_the_new_pod_that_took_longest_counts_and_one_that_took_nothing_is_told() -> None:
    more = (*there(*BEFORE), *there("d", "e", "f", ready_at=BEGAN))
    one = at(4, {"a": 9, "d": 1, "f": 1}, more)
    assert measured("rolling-deploy", None, one, at(9, {"a": 9, "d": 2, "e": 1}, more)).new_pod_seconds == 9.0
    for seconds, idle_pods in ((32, 0), (33, 1)):
        idle = measured("rolling-deploy", None, one, at(seconds, {"a": 90, "d": 2}, more))
        assert (idle.idle_new_pods, idle.new_pod_seconds) == (idle_pods, None)


def test_a_deploy_that_stands_still_leaves_open_what_its_other_pods_do() -> None:
    new = (*there("c"), *there("d", "e", ready_at=BEGAN), PodSeen("f", None, False))
    stuck = at(300, {"c": 9, "d": 1, "e": 1}, new)
    assert measured("rolling-deploy", None, stuck).new_pod_seconds is None
    assert measured("rolling-deploy", None, stuck).idle_new_pods == 0


def test_a_dead_pod_is_called_until_its_count_grows_no_more() -> None:
    rest = there("b", "c")
    looks = [at(1, {"a": 3}, rest), at(2, {"a": 5}, rest), at(13, {"a": 5, "b": 9}, rest)]
    assert measured("pod-crash", "a", *looks).gone_pod_seconds == 2.0
    assert measured("pod-crash", "a", *looks[2:]).gone_pod_seconds == 13.0
    never = [at(1, {"b": 3}, rest), at(12, {"b": 5}, rest)]
    assert measured("pod-crash", "a", *never).gone_pod_seconds == 0.0


def test_a_pod_that_went_only_now_has_not_been_seen_to_be_called_no_more() -> None:
    rest = there("b", "c")
    looks = [at(20, {"b": 3}), at(25, {"b": 5}, rest)]
    assert measured("scale-down", None, *looks).gone_pod_seconds is None
    assert measured("scale-down", None, *looks, at(36.9, {"b": 9}, rest)).gone_pod_seconds is None
    assert measured("scale-down", None, *looks, at(37, {"b": 9}, rest)).gone_pod_seconds == 0.0


def test_a_pod_that_got_less_than_half_of_its_share_before_is_one_that_nobody_misses() -> None:
    rest = at(20, {"b": 3}, there("b", "c"))
    for requests, idle in ((4.0, True), (6.0, False)):
        past = {"a": requests, "b": 12.0 - requests, "c": 12.0, "gone": 99.0}
        assert measured("pod-crash", "a", rest, past=past).lost_pod_idle == idle
        assert measured("scale-down", None, rest, past=past).lost_pod_idle == idle
        assert measured("degraded-pod", "a", at(20, {"b": 3}), past=past).lost_pod_idle == idle
    assert not measured("scale-up", None, at(20, {"b": 3}), past={"b": 1.0}).lost_pod_idle


def test_callers_that_no_source_covers_are_named_where_it_is_asked_what_they_called() -> None:
    unmeshed = {"unmeshed": ("old", "odd"), "uncounted": ("odd",)}
    look = at(20, {"b": 3}, there("b", "c"), **unmeshed)
    for scenario, named in {
        "rolling-deploy": ("odd",),
        "pod-crash": ("old", "odd"),
        "partition": ("old", "odd"),
        "degraded-pod": ("old", "odd"),
    }.items():
        assert measured(scenario, None, look).uncounted_callers == named
    # The server has counted all of them; those with a proxy still tell who is called that is gone.
    whole = msgspec.structs.replace(look, sent={CALLERS: {"b": 3}, OWN: {"b": 5, "c": 5}})
    assert measured("degraded-pod", "b", whole).uncounted_callers == ()
    assert measured("pod-crash", "a", whole).gone_pod_seconds == 0.0
    assert whole.requests == {"b": 5, "c": 5}


@pytest.mark.parametrize(("slowest", "slow"), [(19.0, False), (20.0, True), (None, False)])
def test_a_pod_whose_callers_turned_away_at_once_was_slow_if_a_call_took_longer_than_any_other(
    slowest: float | None, slow: bool
) -> None:
    found = {"b": 5.0, "c": 10.0} | ({"a": slowest} if slowest else {})
    look = at(20, {"a": 3}, medians_ms={"a": 4.0, "b": 4.0}, slowest_ms=found)
    told = measured("degraded-pod", "a", look)
    assert (told.slow_pod_slower, told.slow_pod_slow_calls) == (False, slow)


def test_a_slow_pod_that_is_not_ready_at_one_time_is_told() -> None:
    unready = (*there("b", "c"), PodSeen("a", None, False))
    looks = [at(1, {"b": 3}, unready), at(20, {"b": 9})]
    assert measured("degraded-pod", "a", *looks).slow_pod_unready
    assert not measured("degraded-pod", "b", *looks).slow_pod_unready


def test_a_pods_own_count_says_nothing_of_callers_that_do_not_reach_it() -> None:
    rest = there("b", "c")
    looks = [at(1, {"a": 3}, rest, source=OWN), at(20, {"a": 3, "b": 2}, rest, source=OWN)]
    assert measured("pod-crash", "a", *looks).gone_pod_seconds is None
    assert measured("partition", "a", at(20, {"a": 3}, source=OWN)).gone_pod_seconds is None


def test_a_server_that_answered_every_call_says_nothing_of_those_that_did_not_arrive() -> None:
    assert measured("scale-up", None, at(1, {"a": 3}, source=OWN)).uncounted_callers
    assert not measured("scale-up", None, at(1, {"a": 3})).uncounted_callers
    assert not measured("degraded-pod", "a", at(1, {"a": 3}, source=OWN)).uncounted_callers
    by_applications = msgspec.structs.replace(at(1, {"a": 3}, source=OWN), answers={CALLERS_OWN: Count(3, 0)})
    assert not measured("scale-up", None, by_applications).uncounted_callers
    assert measured("scale-down", None, by_applications).uncounted_callers


def test_the_share_of_a_slow_pod_is_that_of_the_second_half() -> None:
    looks = [
        at(1, {"a": 10, "b": 10, "c": 10}),
        at(2, {"a": 10, "b": 20, "c": 20}),
        at(3, {"a": 11, "b": 30, "c": 29}, medians_ms={"a": 100.0, "b": 5.0, "c": 6.0}),
    ]
    found = measured("degraded-pod", "a", *looks)
    assert found.slow_pod_share == pytest.approx(1 / 20)
    assert found.fair_share == pytest.approx(1 / 3)
    assert found.slow_pod_slower is True
    assert found.gone_pod_seconds is None


@pytest.mark.parametrize(
    ("proxies", "own", "counted"),
    [
        # All of ten calls to it, among a thousand.
        (Count(10, 10), Count(1000, 10), (CALLERS, 10, 10)),
        # Those that found no pod.
        (Count(93, 0), Count(100, 7), (CALLERS_OWN, 100, 7)),
        (Count(93, 0), Count(100, 0), (CALLERS, 93, 0)),
    ],
)
def test_failures_are_those_that_the_source_counted_that_is_not_blind_to_them(
    proxies: Count, own: Count, counted: tuple[str, float, float]
) -> None:
    last = msgspec.structs.replace(
        at(1, {"a": 10}), answers={CALLERS: proxies, CALLERS_OWN: own, OWN: Count(9, 9)}
    )
    found = measured("partition", "a", last)
    assert (found.requests, found.failed_requests) == counted[1:]
    assert found.source.endswith(f"failures by {counted[0]}")


def test_a_look_counts_what_is_of_the_workload_and_its_callers_and_nothing_else() -> None:
    own, caller, other = workload(name="own"), workload(name="caller"), workload(name="other")
    answers: dict[str, list[Sample]] = {
        "outbound-matrix": [
            Sample(
                {
                    "namespace": "charging",
                    "deployment": "caller",
                    "dst_deployment": "own",
                    "dst_pod": "own-0",
                },
                6,
            ),
            Sample({"namespace": "charging", "deployment": "other", "dst_deployment": "caller"}, 50),
        ],
        "outbound-responses-by-destination": [
            Sample({"deployment": "caller", "dst_deployment": "own", "classification": "success"}, 5),
            Sample({"deployment": "far", "dst_deployment": "own", "classification": "failure"}, 1),
            Sample({"deployment": "caller", "dst_deployment": "other", "classification": "failure"}, 50),
        ],
        "application-client-responses": [
            Sample({"pod": "caller-0", "classification": "success"}, 4),
            Sample({"pod": "other-0", "classification": "failure"}, 50),
        ],
        "inbound-by-pod": [Sample({"pod": "own-0", "classification": "success"}, 5), Sample({"pod": "x"}, 9)],
        "inbound-median-by-pod": [Sample({"pod": "own-0"}, 4.0), Sample({"pod": "other-0"}, 9.0)],
    }
    job = workload(name="job")
    here = [*pods(own), *pods(caller), *pods(other, ready=False), *pods(job, ready=False)]
    here[6].manifest["status"]["phase"] = "Succeeded"
    for pod in here[:4]:
        pod.manifest["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    found = seen(
        Measurements("charging", BEGAN, 10.0, {}, answers),
        own.id,
        (),
        here,
        (),
        ("other-0", "caller-0", "own-0", "job-0"),
    )
    assert found.sent == {CALLERS: {"own-0": 6}, "its own proxies": {"own-0": 5}}
    assert list(found.answers) == [CALLERS, CALLERS_OWN, "its own proxies"]
    assert found.answers[CALLERS] == Count(6, 1)
    assert found.answers[CALLERS_OWN] == Count(4, 0)
    assert found.medians_ms == {"own-0": 4.0}
    assert [pod.name for pod in found.pods] == ["own-0", "own-1"]
    assert found.unready == ("other-0",)
    assert (found.unmeshed, found.uncounted) == (("Deployment/caller",), ("Deployment/caller",))
