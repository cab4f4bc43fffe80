from __future__ import annotations

from meshroll.core.errors import Problem
from meshroll.core.gate.observation import ERRORS_IN_A_ROW_MAX, QUIET_SECONDS_MAX, Observation
from meshroll.core.gate.signals import PROXIES, Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import Gate, Prometheus

SUBJECT = [
    Subject(workload="Deployment/omni", pods=("omni-1",), meshed_pods=("omni-1",), traffic_expected=True)
]
DOWN = Problem("prometheus-unreachable", "Prometheus does not answer", "Start it.")


def observation(window_seconds: float = 120.0, scrape_interval_seconds: float = 5.0) -> Observation:
    prometheus = Prometheus(url="http://prometheus", scrape_interval_seconds=scrape_interval_seconds)
    return Observation(Gate(window_seconds=window_seconds, interval_seconds=15.0), prometheus, {})


def reading(looked_seconds: float, success: float, per_second: float = 50.0, scraped: bool = True) -> Reading:
    traffic = Traffic(
        source=PROXIES,
        responses=per_second * looked_seconds,
        requests_per_second=per_second,
        success_ratio=success,
    )
    return Reading(
        at_seconds=1000.0,
        window_seconds=looked_seconds,
        signals={"Deployment/omni": Signals(outbound=traffic)},
        target_up={"omni-1": True} if scraped else {},
        scrape_age_seconds={"omni-1": 1.0} if scraped else {},
    )


def look(watch: Observation, seen: Reading, elapsed_seconds: float | None = None) -> Verdict | None:
    """One look; the gate has looked as long as the window by default."""
    return watch.measured(SUBJECT, seen, seen.window_seconds if elapsed_seconds is None else elapsed_seconds)


def test_good_signals_are_watched_for_the_whole_window() -> None:
    watch = observation()
    assert look(watch, reading(15, 1.0)) is None
    assert look(watch, reading(105, 1.0)) is None
    verdict = look(watch, reading(120, 1.0))
    assert verdict is not None
    assert verdict.outcome == Outcome.SUCCESSFUL


def test_a_slight_fault_may_still_be_made_up_for_and_a_collapse_may_not() -> None:
    assert look(observation(), reading(15, 0.985)) is None
    verdict = look(observation(), reading(15, 0.8))
    assert verdict is not None
    assert verdict.outcome == Outcome.FAILED


def test_an_early_failure_would_have_been_one_at_the_end_too() -> None:
    """Even without one more failure and with half as much traffic again, the window misses its limit."""
    watch = observation()
    early = look(watch, reading(15, 0.8))
    failures, whole = 0.2 * 15 * 50, 120 * 50 * 1.5
    late = look(observation(), reading(120, 1 - failures / whole, 75.0))
    assert early is not None
    assert late is not None
    assert (early.outcome, late.outcome) == (Outcome.FAILED, Outcome.FAILED)


def test_a_prometheus_that_is_away_within_the_window_is_waited_for() -> None:
    """From the first look on: what is missed then is not known, and the window is there to know it in."""
    watch = observation()
    for elapsed in range(15, 120, 15):
        assert watch.not_measured(DOWN, elapsed) is None
    verdict = look(watch, reading(120, 1.0))
    assert verdict is not None
    assert verdict.outcome == Outcome.SUCCESSFUL


def test_a_prometheus_that_is_away_at_the_last_look_alone_is_asked_once_more() -> None:
    """What the looks before it saw is no verdict."""
    watch = observation()
    assert look(watch, reading(105, 1.0)) is None
    assert watch.not_measured(DOWN, 120) is None
    verdict = look(watch, reading(120, 0.5), 135)
    assert verdict is not None
    assert verdict.outcome == Outcome.FAILED


def test_several_failed_measurements_in_a_row_are_an_error_once_the_window_is_over() -> None:
    watch = observation()
    assert watch.not_measured(DOWN, 15) is None
    assert look(watch, reading(30, 1.0)) is None
    answers = [watch.not_measured(DOWN, 120 + looks * 15) for looks in range(ERRORS_IN_A_ROW_MAX)]
    assert answers[:-1] == [None] * (ERRORS_IN_A_ROW_MAX - 1)
    last = answers[-1]
    assert last is not None
    assert (last.outcome, last.hint) == (Outcome.ERROR, "Start it.")


def test_a_missed_scrape_at_the_last_look_stretches_the_window() -> None:
    watch = observation()
    assert look(watch, reading(120, 1.0, scraped=False)) is None
    verdict = look(watch, reading(120, 1.0))
    assert verdict is not None
    assert verdict.outcome == Outcome.SUCCESSFUL


def test_proxies_that_are_not_scraped_end_in_error_and_never_in_inconclusive() -> None:
    watch = observation()
    early = [look(watch, reading(15, 1.0, scraped=False)) for _ in range(ERRORS_IN_A_ROW_MAX)]
    assert set(early) == {None}
    outcomes = [look(watch, reading(120, 1.0, scraped=False))]
    assert outcomes[-1] is not None
    assert outcomes[-1].outcome == Outcome.ERROR


def test_a_window_shorter_than_three_scrapes_is_made_longer() -> None:
    assert observation(window_seconds=10.0, scrape_interval_seconds=30.0).window_seconds == 90.0
    assert observation().first_look_seconds == 15.0


def test_traffic_that_may_be_on_its_way_back_is_waited_for_and_not_longer() -> None:
    silent = reading(120, 1.0, 0.0)
    assert look(observation(), silent, 120 + QUIET_SECONDS_MAX - 1) is None
    verdict = look(observation(), silent, 120 + QUIET_SECONDS_MAX)
    assert verdict is not None
    assert verdict.outcome == Outcome.INCONCLUSIVE


def test_a_failure_is_not_waited_out() -> None:
    verdict = look(observation(), reading(120, 0.5), 120)
    assert verdict is not None
    assert verdict.outcome == Outcome.FAILED
