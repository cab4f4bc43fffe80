from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.environment import OF_THE_CHANGE, judged_controls, weighed
from meshroll.core.gate.history import with_past
from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.signals import PROXIES, Reading, Signals
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, WorkloadVerdict, worst
from meshroll.core.plan import Known
from meshroll.core.settings import Gate, Prometheus

from .counted import counts_of, traffic

BLOCK, BLOCKS = 15.0, 20
APPLICATION = "application metrics (go-grpc-prometheus)"
OMNI = Subject(workload="Deployment/omni", pods=("omni-1",), meshed_pods=("omni-1",))
GATE = Gate(window_seconds=300, window_max_seconds=300, interval_seconds=BLOCK)


def workload(
    name: str, outcome: Outcome | None, signal: str = "success_ratio", collapsed: bool = False
) -> WorkloadVerdict:
    finding = Finding(signal=signal, text="2 % of 600 failed", outcome=outcome, collapsed=collapsed)
    return WorkloadVerdict(workload=f"Deployment/{name}", outcome=outcome, findings=(finding,))


def verdict(*workloads: WorkloadVerdict) -> Verdict:
    outcome = worst(each.outcome for each in workloads) or Outcome.INCONCLUSIVE
    return Verdict(outcome=outcome, summary=f"{outcome}: as it was.", workloads=workloads)


def failing(count: int, collapsed: bool = False, of: int = 5) -> Verdict:
    bad = [workload(f"changed-{n}", Outcome.FAILED, collapsed=collapsed) for n in range(count)]
    good = [workload(f"changed-{n}", Outcome.SUCCESSFUL) for n in range(count, of)]
    return verdict(*bad, *good)


SOUND = workload("tariffs", Outcome.SUCCESSFUL)
UNDECIDED = workload("tariffs", Outcome.INCONCLUSIVE)
WORSE = workload("tariffs", Outcome.FAILED)
COLLAPSED = workload("tariffs", Outcome.FAILED, collapsed=True)


@pytest.mark.parametrize(
    ("count", "collapsed", "controls", "expected"),
    [
        (1, False, [], Outcome.FAILED),
        (2, False, [UNDECIDED], Outcome.FAILED),
        (1, False, [WORSE], Outcome.INCONCLUSIVE),
        (3, False, [], Outcome.INCONCLUSIVE),
        (3, False, [UNDECIDED], Outcome.INCONCLUSIVE),
        (3, False, [SOUND], Outcome.FAILED),
        (3, False, [SOUND, WORSE], Outcome.INCONCLUSIVE),
        (5, True, [], Outcome.FAILED),
        (5, True, [UNDECIDED, WORSE], Outcome.FAILED),
        (1, True, [COLLAPSED], Outcome.INCONCLUSIVE),
        (1, False, [COLLAPSED], Outcome.INCONCLUSIVE),
    ],
)
def test_what_fails_with_the_unchanged_or_in_numbers_is_the_environment_but_a_collapse_of_the_changed_alone(
    count: int, collapsed: bool, controls: list[WorkloadVerdict], expected: Outcome
) -> None:
    assert weighed(failing(count, collapsed), controls).outcome == expected


def test_the_reason_names_how_many_fail_and_which_unchanged_one_does_too() -> None:
    found = weighed(failing(3), [SOUND, WORSE])
    assert found.summary == (
        "Inconclusive: 3 of 5 workloads fail at once (Deployment/changed-0: 2 % of 600 failed), and unchanged "
        "Deployment/tariffs too (2 % of 600 failed): that is the environment, not the change."
    )
    assert "rollback" in found.hint


def test_the_reason_names_the_server_that_fails_and_not_the_caller_that_gets_its_errors() -> None:
    caller = workload("pricing", Outcome.FAILED, "outbound_failed_ratio")
    found = weighed(verdict(caller, workload("tariffs", Outcome.FAILED)), [WORSE])
    assert "2 of 2 workloads fail at once (Deployment/tariffs: " in found.summary


def test_where_a_workload_could_not_be_measured_it_is_an_error_that_names_it_and_the_failure() -> None:
    found = weighed(verdict(*failing(1).workloads, workload("omni", Outcome.ERROR)), [WORSE])
    assert found.outcome == Outcome.ERROR
    assert "Deployment/changed-0" in found.summary
    assert found.summary.endswith(" Not measured: Deployment/omni.")


@pytest.mark.parametrize("signal", sorted(OF_THE_CHANGE))
def test_what_only_the_mesh_can_break_stays_failed_in_any_environment(signal: str) -> None:
    bad = [workload(f"changed-{n}", Outcome.FAILED, signal) for n in range(3)]
    assert weighed(verdict(*bad), [WORSE]).outcome == Outcome.FAILED


workloads = st.builds(
    workload, st.sampled_from("abcd"), st.sampled_from(Outcome), st.just("success_ratio"), st.booleans()
)


@given(st.lists(workloads, min_size=1), st.lists(workloads))
def test_nothing_but_a_failure_changes_and_it_never_becomes_a_success(
    changed: list[WorkloadVerdict], controls: list[WorkloadVerdict]
) -> None:
    before = verdict(*changed)
    after = weighed(before, controls)
    assert after == before or (
        before.outcome == Outcome.FAILED and after.outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR)
    )
    assert after.workloads == before.workloads


def reading(**signals: Signals) -> Reading:
    return Reading(
        at_seconds=1000.0,
        window_seconds=BLOCK,
        signals={f"Deployment/{name}": each for name, each in signals.items()},
        target_up={"omni-1": True},
        scrape_age_seconds={"omni-1": 1.0},
    )


def served(success: float, source: str = APPLICATION) -> Signals:
    return Signals(inbound=traffic(50 * BLOCK, success, seconds=BLOCK, source=source))


def controlled(
    *looks: Reading, before: dict[str, Signals] | None = None, controls: Sequence[str] = ("tariffs",)
) -> dict[str, Outcome | None]:
    ids = [f"Deployment/{name}" for name in controls]
    found = judged_controls(GATE, ids, [OMNI], list(looks), before or {}, BLOCKS)
    return {each.workload.removeprefix("Deployment/"): each.outcome for each in found}


def test_a_control_is_held_to_the_limit_where_it_has_no_history() -> None:
    assert controlled(*[reading(tariffs=served(0.95))] * BLOCKS) == {"tariffs": Outcome.FAILED}
    assert controlled(*[reading(tariffs=served(1.0))] * BLOCKS) == {"tariffs": Outcome.SUCCESSFUL}


def test_a_control_that_always_was_below_the_limit_is_not_worse() -> None:
    """Its own history is what it is held to, and not the inventory's limit."""
    bad = reading(tariffs=served(0.95))
    before = with_past({"Deployment/tariffs": served(0.95)}, [counts_of(bad)] * 60)
    assert controlled(*[bad] * BLOCKS, before=before) == {"tariffs": Outcome.SUCCESSFUL}
    assert controlled(*[reading(tariffs=served(0.7))] * BLOCKS, before=before) == {"tariffs": Outcome.FAILED}


def test_a_control_without_traffic_tells_nothing() -> None:
    assert controlled(*[reading()] * BLOCKS) == {}
    assert controlled(*[reading(tariffs=Signals(inbound=traffic(1.0)))] * BLOCKS) == {}


def test_a_control_whose_own_calls_fail_may_only_suffer_and_tells_nothing() -> None:
    calls = Signals(
        inbound=traffic(50 * BLOCK, 0.9, source=APPLICATION),
        outbound=traffic(50 * BLOCK, 0.9, source="client"),
    )
    assert controlled(*[reading(tariffs=calls)] * BLOCKS) == {}


@pytest.mark.parametrize(("success", "outcome"), [(0.9, None), (1.0, Outcome.SUCCESSFUL)])
def test_a_control_that_was_seen_to_call_a_changed_workload_may_be_sound_but_is_never_worse(
    success: float, outcome: Outcome | None
) -> None:
    """It calls points, which no manifest says calls omni: both were seen to."""
    seen = reading(
        tariffs=msgspec.structs.replace(served(success), called=("Deployment/points",)),
        points=msgspec.structs.replace(served(1.0), called=("Deployment/omni",)),
    )
    found = controlled(*[seen] * BLOCKS, controls=("tariffs", "points"))
    assert found.get("tariffs") == outcome
    assert found["points"] == Outcome.SUCCESSFUL


def test_a_control_that_calls_only_controls_counts_as_worse() -> None:
    calling = msgspec.structs.replace(served(0.9), called=("Deployment/points",))
    seen = reading(tariffs=calling, points=served(1.0))
    assert controlled(*[seen] * BLOCKS, controls=("tariffs", "points"))["tariffs"] == Outcome.FAILED


@pytest.mark.parametrize(
    ("without_identity", "named", "counted_calls", "excused"),
    [
        (0.0, [], False, True),
        (0.04, [], False, True),
        (0.06, [], False, False),
        (0.06, ["Deployment/portal"], False, True),
        (0.06, [], True, True),
    ],
)
def test_a_control_that_may_be_the_caller_whom_nobody_named_does_not_excuse_a_collapse(
    without_identity: float, named: list[str], counted_calls: bool, excused: bool
) -> None:
    omni = msgspec.structs.replace(OMNI, known=Known(unmeshed=named))
    changed = served(0.2, PROXIES)
    asked = 50 * BLOCK
    seen = reading(
        omni=msgspec.structs.replace(changed, secured_requests=asked * (1 - without_identity)),
        tariffs=msgspec.structs.replace(
            served(0.2),
            outbound=traffic(asked, 1.0, seconds=BLOCK, source="client") if counted_calls else None,
        ),
    )
    controls = judged_controls(GATE, ["Deployment/tariffs"], [omni], [seen] * 4, {}, BLOCKS)
    found = weighed(failing(1, collapsed=True), controls)
    assert found.outcome == (Outcome.INCONCLUSIVE if excused else Outcome.FAILED)


def observed(control_success: float, controls: tuple[str, ...] | None) -> Outcome | None:
    watch = Observation(GATE, Prometheus(url="http://prometheus", scrape_interval_seconds=5.0), {})
    seen = reading(
        omni=Signals(outbound=traffic(50 * BLOCK, 0.96, seconds=BLOCK)), tariffs=served(control_success)
    )
    for number in range(1, BLOCKS + 1):
        look = Look(elapsed_seconds=number * BLOCK, subjects=(OMNI,), controls=controls, reading=seen)
        ended = watch.looked(look)
        if ended:
            return ended.outcome
    return None


def test_a_gate_waits_in_an_incident_of_others_and_then_pauses() -> None:
    assert observed(0.96, ("Deployment/tariffs",)) == Outcome.INCONCLUSIVE
    assert observed(1.0, ("Deployment/tariffs",)) == Outcome.FAILED


def test_where_nothing_was_changed_a_failure_is_one_whatever_its_cause() -> None:
    assert observed(0.96, None) == Outcome.FAILED
