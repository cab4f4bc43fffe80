"""Which pod is named, and which is not; how often that is right is measured in benchmarks/."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshroll.core.gate.judge import judge
from meshroll.core.gate.latency import quantile
from meshroll.core.gate.pods import pod_findings
from meshroll.core.gate.signals import PROXIES, PodTraffic, Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate, Prometheus

OMNI = "Deployment/omni"
BLOCKS = 8
BOUNDS = (*(step * scale for scale in (1, 10, 100, 1000) for step in (1, 2, 3, 4, 5)), math.inf)


@dataclass(frozen=True)
class Pod:
    """One pod in one block. Its latency is log-normal; with little ``spread`` all of it falls into one bucket."""

    responses: float = 500.0
    failed: float = 0.0005
    median_ms: float = 20.0
    spread: float = 0.6

    def cumulative(self) -> dict[float, float]:
        def below(bound: float) -> float:
            return 0.5 * (1 + math.erf(math.log(bound / self.median_ms) / self.spread / math.sqrt(2)))

        return {bound: self.responses * (below(bound) if bound < math.inf else 1.0) for bound in BOUNDS}


USUAL = Pod()


def reading(pods: Mapping[str, Pod]) -> Reading:
    histograms = {name: pod.cumulative() for name, pod in pods.items()}
    inbound = Traffic(
        source=PROXIES,
        seconds=30.0,
        responses=sum(pod.responses for pod in pods.values()),
        failures=sum(pod.responses * pod.failed for pod in pods.values()),
        buckets={f"{bound:g}": sum(each[bound] for each in histograms.values()) for bound in BOUNDS},
    )
    each = {
        name: PodTraffic(pod.responses, pod.responses * pod.failed, quantile(histograms[name], 0.5))
        for name, pod in pods.items()
    }
    return Reading(
        at_seconds=0.0,
        window_seconds=30.0,
        signals={OMNI: Signals(inbound=inbound, pods=each)},
        target_up=dict.fromkeys(pods, True),
        scrape_age_seconds={},
    )


def beside(*first: Pod, siblings: int = 2, usual: Pod = USUAL) -> list[Reading]:
    """omni-0 block by block, and siblings that are as usual; a single block stands for all of them."""
    blocks = first * BLOCKS if len(first) == 1 else first
    others = {f"omni-{number}": usual for number in range(1, siblings + 1)}
    return [reading({"omni-0": pod, **others}) for pod in blocks]


def named(blocks: Sequence[Reading], failing: tuple[str, ...] = ()) -> list[Finding]:
    return pod_findings([OMNI], failing, blocks, 20).get(OMNI, [])


def acted(blocks: Sequence[Reading]) -> list[str]:
    return [finding.signal for finding in named(blocks) if finding.outcome == Outcome.FAILED]


def test_a_failing_pod_is_named_beside_its_siblings_with_what_to_do() -> None:
    (finding,) = named(beside(Pod(failed=0.06)))
    assert (finding.signal, finding.outcome) == ("failing_pod", Outcome.FAILED)
    assert finding.text == "pod omni-0 fails 6 % of 4000 requests, its siblings 0.05 %"
    assert finding.hint.startswith("Look at its node and its log (`kubectl describe pod omni-0`)")


def test_a_slow_pod_is_named_beside_its_siblings_with_what_to_do() -> None:
    (finding,) = named(beside(Pod(median_ms=60)))
    assert (finding.signal, finding.outcome) == ("slow_pod", Outcome.FAILED)
    assert finding.text == "pod omni-0 has a median of 64.1 ms, its siblings 20 ms"
    assert finding.hint


@pytest.mark.parametrize(
    ("pod", "outcomes"),
    [
        (Pod(median_ms=60), [Outcome.FAILED]),
        (Pod(median_ms=40), [None]),
        (Pod(median_ms=25), []),
        (Pod(failed=0.05), [Outcome.FAILED]),
        (Pod(failed=0.02), [None]),
        (Pod(failed=0.004), []),
    ],
)
def test_between_well_and_at_fault_a_pod_is_reported_and_not_acted_on(
    pod: Pod, outcomes: list[Outcome | None]
) -> None:
    assert [finding.outcome for finding in named(beside(pod))] == outcomes


def test_the_fewer_blocks_say_so_the_slower_a_pod_has_to_be_to_be_acted_on() -> None:
    """A phase of its own may fill four blocks, and hardly twenty."""
    usual, slow, slower = (Pod(median_ms=median_ms) for median_ms in (14, 37, 50))
    assert acted(beside(*[slow] * 4, usual=usual)) == []
    assert acted(beside(*[slow] * 20, usual=usual)) == ["slow_pod"]
    assert acted(beside(*[slower] * 4, usual=usual)) == ["slow_pod"]


def test_a_slow_pod_that_the_balancer_spares_is_named_all_the_same() -> None:
    assert acted(beside(Pod(responses=15, median_ms=60))) == ["slow_pod"]


@pytest.mark.parametrize("pod", [Pod(responses=12, median_ms=90), Pod(responses=12, failed=0.5)])
def test_below_a_hundred_requests_nothing_is_said_of_a_pod(pod: Pod) -> None:
    assert named(beside(pod)) == []


def test_of_two_pods_the_worse_one_is_reported_and_never_acted_on() -> None:
    found = named(beside(Pod(median_ms=90, failed=0.3), siblings=1))
    assert [(finding.signal, finding.outcome) for finding in found] == [
        ("failing_pod", None),
        ("slow_pod", None),
    ]
    assert "its only sibling 20 ms" in found[1].text


def test_a_pod_alone_is_compared_with_nobody() -> None:
    assert named(beside(Pod(median_ms=90, failed=0.3), siblings=0)) == []


@pytest.mark.parametrize("bad", [Pod(failed=0.5), Pod(median_ms=200)])
def test_one_bad_block_is_no_fault_of_a_pod(bad: Pod) -> None:
    assert acted(beside(*[USUAL] * 6, bad, USUAL)) == []


@pytest.mark.parametrize("bad", [Pod(failed=0.06), Pod(median_ms=80)])
def test_what_a_pod_has_got_over_is_no_reason_to_undo_anything(bad: Pod) -> None:
    assert acted(beside(*[bad] * 7)) != []
    assert acted(beside(*[bad] * 7, *[USUAL] * 5)) == []


def test_a_sibling_that_restarts_is_no_excuse() -> None:
    """In two blocks a fifth of what it answers fails: as much as the pod fails in ten minutes."""
    quiet, bad = Pod(responses=50), Pod(responses=50, failed=0.04)
    blocks = [
        reading(
            {
                "omni-0": bad,
                "omni-1": quiet,
                "omni-2": Pod(responses=50, failed=0.2) if at in (4, 5) else quiet,
            }
        )
        for at in range(20)
    ]
    assert acted(blocks) == ["failing_pod"]


def test_what_shakes_all_pods_at_times_does_not_hide_the_one_that_fails_always() -> None:
    blocks = [
        reading(
            {
                f"omni-{number}": Pod(responses=50, failed=0.1 if at in (4, 5) else failed)
                for number, failed in enumerate((0.05, 0.0005, 0.0005))
            }
        )
        for at in range(20)
    ]
    assert acted(blocks) == ["failing_pod"]


def test_a_pod_that_fails_while_the_others_fail_a_little_is_not_excused_by_them() -> None:
    bad, ill = Pod(failed=0.4), Pod(failed=0.03)
    shaken = {"omni-0": bad, "omni-1": ill, "omni-2": ill}
    calm = {f"omni-{number}": USUAL for number in range(3)}
    blocks = [reading(shaken if at in (4, 9, 14, 18) else calm) for at in range(20)]
    assert acted(blocks) == ["failing_pod"]
    assert named(blocks)[0].text == "pod omni-0 fails 8 % of 10000 requests, its siblings 0.64 %"


def test_three_minutes_are_too_few_to_tell_a_busy_pods_phases_from_a_fault() -> None:
    calm, phase = Pod(responses=5000, failed=0.01), Pod(responses=5000, failed=0.07)
    assert acted(beside(calm, phase, phase, calm, phase, phase, usual=calm)) == []


def test_a_pod_that_has_ended_is_not_named_and_one_that_came_later_is_compared_since_then() -> None:
    bad = beside(Pod(failed=0.06, median_ms=60))
    gone = reading({f"omni-{number}": USUAL for number in (1, 2, 3)})
    assert named([*bad, gone]) == []
    assert acted([gone, *bad]) == ["failing_pod", "slow_pod"]


def test_buckets_that_cannot_tell_three_times_from_twice_say_nothing() -> None:
    """All between 20 and 30 ms beside all between 50 and 100 ms: 25 and 75, or 29 and 51."""
    usual = Pod(median_ms=28, spread=0.02)
    (finding,) = named(beside(Pod(median_ms=53, spread=0.02), usual=usual))
    assert "has a median of 75 ms, its siblings 25 ms" in finding.text
    assert finding.outcome is None


def test_a_mix_that_shifts_a_little_moves_the_median_far_and_is_no_fault() -> None:
    """Hits of a cache take 1 ms and misses 50: of one pod 54 % miss, of its siblings 46 %."""

    def mixed(misses: Mapping[str, float]) -> Reading:
        whole = reading({name: Pod(spread=0.01) for name in misses})
        shares = {name: {0.5: 0.0, 1.0: 1 - miss, 40.0: 1 - miss, 50.0: 1.0} for name, miss in misses.items()}
        histograms = {
            name: {
                bound: 500 * max((s for b, s in share.items() if b <= bound), default=0.0) for bound in BOUNDS
            }
            for name, share in shares.items()
        }
        buckets = {f"{bound:g}": sum(each[bound] for each in histograms.values()) for bound in BOUNDS}
        signals = whole.of(OMNI)
        assert signals.inbound
        inbound = Traffic(source=PROXIES, seconds=30.0, responses=signals.inbound.responses, buckets=buckets)
        pods = {name: PodTraffic(500, 0, quantile(each, 0.5)) for name, each in histograms.items()}
        changed = Signals(inbound=inbound, pods=pods)
        return Reading(
            at_seconds=0, window_seconds=30, signals={OMNI: changed}, target_up={}, scrape_age_seconds={}
        )

    blocks = [mixed({"omni-0": 0.54, "omni-1": 0.46, "omni-2": 0.46})] * BLOCKS
    medians = [pod.median_ms or 0.0 for pod in blocks[0].of(OMNI).pods.values()]
    assert medians[0] > 10 * medians[1]
    assert acted(blocks) == []
    assert acted([mixed({"omni-0": 0.9, "omni-1": 0.3, "omni-2": 0.3})] * BLOCKS) == ["slow_pod"]


def test_a_restart_of_one_pod_is_over_before_it_is_named_unless_the_workload_is_at_fault() -> None:
    early = beside(*[Pod(responses=60, failed=0.3)] * 2)
    assert [finding.outcome for finding in named(early)] == [None]
    (finding,) = named(early, failing=(OMNI,))
    assert finding.outcome == Outcome.FAILED


pods = st.builds(
    Pod,
    responses=st.floats(0, 1000),
    failed=st.floats(0, 0.3),
    median_ms=st.floats(2, 500),
    spread=st.floats(0.1, 1.0),
)


@given(
    st.lists(st.floats(30, 1000), min_size=2, max_size=6),
    st.lists(st.tuples(st.floats(0, 0.9), st.floats(1, 20)), min_size=4, max_size=12),
    st.floats(0.1, 1.0),
)
@settings(max_examples=30, deadline=None)
def test_what_shakes_all_pods_alike_names_none(
    load: list[float], shocks: list[tuple[float, float]], spread: float
) -> None:
    blocks = [
        reading(
            {
                f"omni-{number}": Pod(responses, failed, 20 * times, spread)
                for number, responses in enumerate(load)
            }
        )
        for failed, times in shocks
    ]
    assert named(blocks) == []
    assert named(blocks, failing=(OMNI,)) == []


@given(st.lists(pods, min_size=2, max_size=5, unique=True), st.randoms())
@settings(max_examples=30, deadline=None)
def test_names_do_not_matter(of_pods: list[Pod], dice: object) -> None:
    names = [f"omni-{number}" for number in range(len(of_pods))]
    others = names[1:] + names[:1]
    first, second = (
        named([reading(dict(zip(order, of_pods, strict=True)))] * BLOCKS) for order in (names, others)
    )
    renamed = dict(zip(names, others, strict=True))
    assert [(finding.signal, finding.outcome) for finding in first] == [
        (finding.signal, finding.outcome) for finding in second
    ]
    for one, other in zip(first, second, strict=True):
        assert one.value == pytest.approx(other.value)
        assert renamed[one.text.split()[1]] == other.text.split()[1]


def verdict_of(blocks: Sequence[Reading], scraped: int = 3) -> tuple[Outcome, str]:
    names = tuple(f"omni-{number}" for number in range(3))
    subject = Subject(workload=OMNI, pods=names, meshed_pods=names, traffic_expected=True)
    up = dict.fromkeys(names[:scraped], True)
    seen = [
        Reading(
            at_seconds=0,
            window_seconds=30,
            signals=block.signals,
            target_up=up,
            scrape_age_seconds={},
        )
        for block in blocks
    ]
    verdict = judge(Gate(), Prometheus(url="http://prometheus"), [subject], seen, {}, 20)
    return verdict.outcome, verdict.summary


def test_the_reason_of_the_verdict_begins_with_the_pod() -> None:
    outcome, summary = verdict_of(beside(Pod(responses=100, median_ms=60)))
    assert outcome == Outcome.FAILED
    assert summary.startswith("Failed: Deployment/omni: pod omni-0 has a median of")
    outcome, summary = verdict_of(beside(*[Pod(failed=0.6)] * 2))
    assert outcome == Outcome.FAILED
    assert summary.startswith("Failed: Deployment/omni: pod omni-0 fails 60 % of 1000 requests"), "a collapse"


def test_a_slower_pod_that_is_only_reported_leaves_the_verdict_alone() -> None:
    assert verdict_of(beside(Pod(median_ms=40)))[0] == Outcome.SUCCESSFUL


def test_no_pod_is_named_while_its_siblings_are_not_all_scraped() -> None:
    assert verdict_of(beside(Pod(failed=0.3)), scraped=2)[0] == Outcome.ERROR


def test_without_a_histogram_no_pod_is_slow() -> None:
    blocks = beside(Pod(median_ms=90))
    bare = [
        Reading(
            at_seconds=0,
            window_seconds=30,
            signals={OMNI: Signals(pods=block.of(OMNI).pods)},
            target_up={},
            scrape_age_seconds={},
        )
        for block in blocks
    ]
    assert named(bare) == []
