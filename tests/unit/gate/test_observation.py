from __future__ import annotations

import msgspec
import pytest

from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.subjects import Restarts, Subject
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import Gate, Prometheus

from .counted import traffic

SUBJECT = Subject(
    workload="Deployment/omni", pods=("omni-1",), meshed_pods=("omni-1",), traffic_expected=True
)
BLOCK = 15.0


def observation(
    window_seconds: float = 120.0, window_max_seconds: float = 300.0, errors_in_a_row_max: int = 3
) -> Observation:
    gate = Gate(
        window_seconds=window_seconds,
        window_max_seconds=window_max_seconds,
        interval_seconds=BLOCK,
        errors_in_a_row_max=errors_in_a_row_max,
    )
    return Observation(gate, Prometheus(url="http://prometheus", scrape_interval_seconds=5.0), {})


def block(
    success: float = 1.0, per_second: float = 50.0, scraped: bool = True, at_seconds: float = 1000.0
) -> Reading:
    return Reading(
        at_seconds=at_seconds,
        window_seconds=BLOCK,
        signals={"Deployment/omni": Signals(outbound=traffic(per_second * BLOCK, success, seconds=BLOCK))},
        target_up={"omni-1": True} if scraped else {},
        scrape_age_seconds={"omni-1": 1.0} if scraped else {},
    )


def seen(reading: Reading, elapsed_seconds: float, subject: Subject = SUBJECT) -> Look:
    return Look(elapsed_seconds=elapsed_seconds, subjects=(subject,), reading=reading)


def down(elapsed_seconds: float, *subjects: Subject, controls: tuple[str, ...] | None = None) -> Look:
    return Look(
        elapsed_seconds=elapsed_seconds,
        subjects=subjects,
        controls=controls,
        problem="Prometheus does not answer.",
        hint="Start it.",
    )


def look(watch: Observation, *blocks: Reading, since_seconds: float = 0.0) -> Verdict | None:
    """Block after block, until a verdict is there."""
    verdict = None
    for number, reading in enumerate(blocks, 1):
        verdict = watch.looked(seen(reading, since_seconds + number * BLOCK))
        if verdict:
            break
    return verdict


def look_at_both(
    watch: Observation, number: int, omni: float, tariffs: bool, subject: Subject = SUBJECT
) -> Verdict | None:
    """The next look at two workloads: what of omni's requests succeeds, and whether tariffs is scraped."""
    at_seconds = 1000.0 + number * BLOCK
    seconds = at_seconds - (watch.measured_until_seconds or 1000.0)
    counted = {
        "Deployment/omni": Signals(outbound=traffic(50 * seconds, omni, seconds=seconds)),
        "Deployment/tariffs": Signals(inbound=traffic(50 * seconds, seconds=seconds)),
    }
    other = Subject(workload="Deployment/tariffs", pods=("tariffs-1",), meshed_pods=("tariffs-1",))
    reading = msgspec.structs.replace(
        block(at_seconds=at_seconds),
        window_seconds=seconds,
        signals=counted,
        target_up={"omni-1": True, "tariffs-1": tariffs},
    )
    return watch.looked(Look(elapsed_seconds=number * BLOCK, subjects=(subject, other), reading=reading))


def outcome(verdict: Verdict | None) -> Outcome | None:
    return verdict.outcome if verdict else None


def test_good_signals_are_watched_for_the_whole_window() -> None:
    watch = observation()
    assert look(watch, *[block()] * 7) is None
    assert outcome(look(watch, block(), since_seconds=105)) == Outcome.SUCCESSFUL


def test_workloads_that_the_gate_does_not_judge_are_forgotten_at_once() -> None:
    """Of a wave of twenty in a namespace of five hundred a long gate would hold hundreds of megabytes."""
    watch = observation()
    both = {
        name: Signals(outbound=traffic(750.0, 1.0, seconds=BLOCK)) for name in (SUBJECT.workload, "Job/x")
    }
    reading = msgspec.structs.replace(block(), signals=both, target_up={"omni-1": True, "x-1": True})
    watch.looked(seen(reading, BLOCK))
    assert [(set(each.signals), set(each.target_up)) for each in watch.blocks] == [
        ({SUBJECT.workload}, {"omni-1"})
    ]


def test_pods_that_stay_as_they_are_are_kept_once() -> None:
    watch = observation()
    for number in (1, 2):
        again = msgspec.convert(msgspec.to_builtins(SUBJECT), Subject)
        watch.looked(seen(block(), number * BLOCK, again))
    first, second = watch.looks
    assert first.subjects[0] is second.subjects[0]
    assert first.reading and second.reading and first.reading.target_up is second.reading.target_up


def test_a_collapse_is_called_after_two_blocks() -> None:
    watch = observation()
    assert look(watch, block(), block(0.8)) is None, "one bad block may be a hiccup"
    assert outcome(look(watch, block(0.8), since_seconds=30)) == Outcome.FAILED


def test_a_fault_that_has_passed_undoes_nothing() -> None:
    assert outcome(look(observation(), *[block(0.95)] * 2, *[block()] * 10)) == Outcome.SUCCESSFUL


def test_a_fault_that_stays_is_called_at_the_next_look_that_is_due() -> None:
    watch = observation(300.0, 300.0)
    assert look(watch, *[block(0.96)] * 5) is None
    assert outcome(look(watch, block(0.96), since_seconds=75)) == Outcome.FAILED


def test_what_a_plain_limit_holds_is_judged_once_the_window_is_over() -> None:
    """Else each look would be another chance of a false alarm."""
    half = Subject(
        workload="Deployment/omni",
        pods=("omni-1", "omni-2"),
        meshed_pods=("omni-1",),
        traffic_expected=True,
        mesh_expected=True,
    )
    watch = observation()
    early = [watch.looked(seen(block(), number * BLOCK, half)) for number in range(1, 8)]
    assert set(early) == {None}
    assert outcome(watch.looked(seen(block(), 120, half))) == Outcome.FAILED


def test_the_next_block_covers_what_the_last_could_not_measure() -> None:
    watch = observation()
    assert watch.measured_until_seconds is None
    look(watch, block(at_seconds=1000.0), block(scraped=False, at_seconds=1015.0))
    assert watch.measured_until_seconds == 1000.0
    look(watch, block(at_seconds=1030.0))
    assert watch.measured_until_seconds == 1030.0


def test_a_collapse_does_not_wait_for_a_neighbour_that_is_never_scraped() -> None:
    watch = observation()
    assert look_at_both(watch, 1, 0.5, tariffs=False) is None
    verdict = look_at_both(watch, 2, 0.5, tariffs=False)
    assert verdict is not None
    assert verdict.summary.startswith("Failed: Deployment/omni: 50 % of 1500 outbound requests failed")
    assert "Not measured: Deployment/tariffs." in verdict.summary


def test_what_was_measured_beside_a_neighbour_that_was_not_is_counted_once() -> None:
    watch = observation()
    verdicts = [look_at_both(watch, number, 1.0, tariffs=number > 3) for number in range(1, 9)]
    last = verdicts[-1]
    assert last is not None
    assert [each.window_seconds for each in watch.blocks] == [BLOCK] * 8
    for workload in last.workloads:
        share = next(finding.share for finding in workload.findings if finding.share)
        assert (share.requests, workload.outcome) == (50 * 8 * BLOCK, Outcome.SUCCESSFUL)


def test_where_a_container_restarted_looks_that_measured_a_part_are_not_taken_apart() -> None:
    """Its counters began anew, so what one look had more than the one before says nothing."""
    again = msgspec.structs.replace(SUBJECT, restarts={"omni-1/app": Restarts(1, "Error")})
    watch = observation()
    for number, subject in enumerate((SUBJECT, again, again), 1):
        assert look_at_both(watch, number, 0.5, tariffs=False, subject=subject) is None
    verdict = look_at_both(watch, 4, 1.0, tariffs=True, subject=again)
    assert verdict is None
    counted = [each.of("Deployment/omni").outbound for each in watch.blocks]
    assert [each and each.responses for each in counted] == [None, None, None, 50 * 4 * BLOCK]


def test_looks_that_measured_a_part_begin_where_the_first_of_them_did() -> None:
    """Else they could not be taken apart: the first one's beginning was told by this machine's clock."""
    watch = observation()
    for number in (1, 2):
        look_at_both(watch, number, 1.0, tariffs=False)
        assert watch.measured_until_seconds == 1000.0


def test_a_prometheus_that_is_away_within_the_window_is_waited_for() -> None:
    """From the first look on: what is missed then is not known, and the window is there to know it in."""
    watch = observation()
    for elapsed in range(15, 120, 15):
        assert watch.looked(down(elapsed)) is None
    assert outcome(watch.looked(seen(block(per_second=400.0), 120))) == Outcome.SUCCESSFUL


@pytest.mark.parametrize("most", [1, 3, 5])
def test_so_many_failed_measurements_in_a_row_are_an_error_once_the_window_is_over(most: int) -> None:
    watch = observation(errors_in_a_row_max=most)
    assert watch.looked(down(15)) is None
    assert watch.looked(seen(block(), 30)) is None
    answers = [watch.looked(down(120 + looks * 15)) for looks in range(most)]
    assert answers[:-1] == [None] * (most - 1)
    last = answers[-1]
    assert last is not None
    assert (last.outcome, last.hint) == (Outcome.ERROR, "Start it.")


def test_proxies_that_are_not_scraped_end_in_error_and_never_in_inconclusive() -> None:
    watch = observation()
    answers = [watch.looked(seen(block(scraped=False), number * BLOCK)) for number in range(1, 9)]
    assert [outcome(answer) for answer in answers] == [None] * 7 + [Outcome.ERROR]


@pytest.mark.parametrize(("interval", "scrape", "expected"), [(15.0, 30.0, 60.0), (30.0, 10.0, 30.0)])
def test_a_block_has_two_scrapes_at_least(interval: float, scrape: float, expected: float) -> None:
    gate = Gate(window_seconds=10.0, window_max_seconds=10.0, interval_seconds=interval)
    watch = Observation(gate, Prometheus(url="http://prometheus", scrape_interval_seconds=scrape), {})
    assert (watch.block_seconds, watch.window_seconds, watch.longest_seconds) == (expected,) * 3


def test_traffic_that_may_be_on_its_way_back_is_waited_for_and_not_longer() -> None:
    watch = observation()
    assert look(watch, *[block(per_second=0.0)] * 19) is None
    assert outcome(look(watch, block(per_second=0.0), since_seconds=285)) == Outcome.INCONCLUSIVE


def test_an_undecided_gate_ends_as_soon_as_enough_was_seen() -> None:
    watch = observation()
    assert look(watch, *[block(per_second=2.0)] * 8) is None
    verdict = look(watch, *[block(per_second=20.0)] * 12, since_seconds=120)
    assert outcome(verdict) == Outcome.SUCCESSFUL
    assert len(watch.blocks) < 20


def test_a_proxy_that_is_killed_for_want_of_memory_ends_the_gate_at_once() -> None:
    killed = msgspec.structs.replace(
        SUBJECT, restarts={"omni-1/linkerd-proxy": Restarts(1, "OOMKilled", ended_at_seconds=990.0)}
    )
    watch = observation()
    assert watch.looked(seen(block(), 15)) is None
    verdict = watch.looked(seen(block(), 30, killed))
    assert outcome(verdict) == Outcome.FAILED
    assert verdict is not None
    assert "linkerd-proxy of pod omni-1" in verdict.summary


def looping(subject: Subject = SUBJECT) -> Subject:
    (pod,) = subject.pods
    return msgspec.structs.replace(subject, restarts={f"{pod}/app": Restarts(1, "Error", crash_loop=True)})


@pytest.mark.parametrize("first", [seen(block(), 15), down(15, SUBJECT)])
def test_a_crash_loop_fails_the_gate_while_prometheus_is_down_too(first: Look) -> None:
    watch = observation()
    assert watch.looked(first) is None
    verdict = watch.looked(down(30, looping()))
    assert verdict is not None
    assert verdict.outcome == Outcome.FAILED
    assert verdict.summary == (
        "Failed: Deployment/omni: app of pod omni-1 in CrashLoopBackOff, app of pod omni-1 restarted 1 time in this "
        "gate, last with Error. Nothing else is measured: Prometheus does not answer."
    )
    assert verdict.hint.startswith("`kubectl logs omni-1 -c app --previous`")


def test_a_pod_that_is_not_ready_when_the_window_ends_fails_the_gate_while_prometheus_is_down_too() -> None:
    watch = observation()
    gone = msgspec.structs.replace(SUBJECT, pods=(), meshed_pods=(), unready={"omni-1": ("app",)})
    assert watch.looked(seen(block(), 15)) is None
    answers = [watch.looked(down(number * BLOCK, gone)) for number in range(2, 9)]
    assert [outcome(answer) for answer in answers] == [None] * 6 + [Outcome.FAILED]


def test_many_that_crash_at_once_while_prometheus_is_down_may_be_the_environment() -> None:
    """Nobody can tell then: it is an error as before, and pauses."""
    names = ("omni", "tariffs", "points")
    many = [Subject(workload=f"Deployment/{name}", pods=(f"{name}-1",), meshed_pods=()) for name in names]
    watch = observation()
    assert watch.looked(down(15, *many, controls=())) is None
    answers = [watch.looked(down(n * BLOCK, *map(looping, many), controls=())) for n in range(2, 9)]
    assert [outcome(answer) for answer in answers] == [None] * 6 + [Outcome.ERROR]


def test_a_workload_that_lost_its_last_ready_pod_fails_at_the_end() -> None:
    gone = msgspec.structs.replace(SUBJECT, pods=(), meshed_pods=(), unready={"omni-1": ("app",)})
    watch = observation()
    assert watch.looked(seen(block(), 15)) is None
    answers = [watch.looked(seen(block(), number * BLOCK, gone)) for number in range(2, 9)]
    assert [outcome(answer) for answer in answers] == [None] * 6 + [Outcome.FAILED]


def test_what_is_stopped_is_inconclusive_however_bad_it_looked() -> None:
    watch = observation()
    watch.looked(seen(block(success=0.1), 15))
    stopped = watch.stopped()
    assert stopped.outcome == Outcome.INCONCLUSIVE
    assert stopped.summary == "Inconclusive: it was stopped after 15 s, before it was decided."
    assert stopped.workloads
