from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.pod_health import health_findings
from meshroll.core.gate.subjects import Restarts, Subject
from meshroll.core.gate.verdict import Finding, Outcome

BEGAN, SETTLE, BLOCK = 1000.0, 60.0, 30.0
OMNI = ("omni-1", "omni-2", "omni-3")
APP, PROXY = "omni-1/app", "omni-1/linkerd-proxy"


def pods(
    restarts: dict[str, Restarts] | None = None,
    unready: dict[str, tuple[str, ...]] | None = None,
    names: tuple[str, ...] = OMNI,
) -> Subject:
    """One look at omni; its pods are Ready but for the ``unready`` ones."""
    ready = tuple(name for name in names if name not in (unready or {}))
    return Subject(
        workload="Deployment/omni",
        pods=ready,
        meshed_pods=ready,
        restarts=restarts or {},
        unready=unready or {},
    )


def found(*looks: Subject, over: bool = True) -> dict[str, Finding]:
    seen = [(number * BLOCK, subject) for number, subject in enumerate(looks, 1)]
    return {finding.signal: finding for finding in health_findings(seen, BEGAN, SETTLE, over)}


def outcomes(*looks: Subject, over: bool = True) -> dict[str, Outcome | None]:
    return {signal: finding.outcome for signal, finding in found(*looks, over=over).items()}


def ended(count: int, reason: str = "Error", at_seconds: float | None = None) -> Restarts:
    return Restarts(count, reason, at_seconds)


def test_what_restarted_before_the_gate_looked_says_nothing() -> None:
    old = {APP: ended(7, "OOMKilled", BEGAN - 1)}
    assert found(pods(old), pods(old)) == {}


def test_one_restart_is_told_and_a_second_one_is_a_fault_at_once() -> None:
    one, two = pods({APP: ended(1)}), pods({APP: ended(2)})
    assert outcomes(pods(), one) == {"restarts": None}
    assert outcomes(pods(), one, two, over=False) == {"restarts": Outcome.FAILED}
    finding = found(pods(), one, two)["restarts"]
    assert finding.text == "app of pod omni-1 restarted 2 times in this gate, last with Error"
    assert "kubectl logs omni-1 -c app --previous" in finding.hint


def test_restarts_of_several_pods_add_up() -> None:
    both = pods({APP: ended(4), "omni-2/app": ended(1)})
    assert outcomes(pods({APP: ended(3)}), both) == {"restarts": Outcome.FAILED}
    many = tuple(f"omni-{number}" for number in range(1, 11))
    few = [pods({APP: ended(3)}, names=many), pods({APP: ended(4), "omni-2/app": ended(1)}, names=many)]
    assert outcomes(*few) == {"restarts": None}, "a node may have restarted"


@pytest.mark.parametrize(("key", "hint"), [(PROXY, "proxy-memory-limit"), (APP, "memory limit of app")])
def test_an_oom_kill_is_a_fault_at_once_and_names_container_and_pod(key: str, hint: str) -> None:
    finding = found(pods(), pods({key: ended(1, "OOMKilled")}), over=False)["oom_kills"]
    assert finding.outcome == Outcome.FAILED
    assert f"{key.split('/')[1]} of pod omni-1" in finding.text
    assert hint in finding.hint


def test_a_restart_within_the_first_block_counts_by_its_time() -> None:
    assert outcomes(pods({APP: ended(3, "OOMKilled", BEGAN + 5)}))["oom_kills"] == Outcome.FAILED


def test_what_a_new_pod_did_before_it_was_first_seen_belongs_to_its_start() -> None:
    new = pods({"omni-4/app": ended(3, "OOMKilled", BEGAN + 40)}, names=(*OMNI, "omni-4"))
    assert found(pods(), new) == {}


def test_a_pod_that_has_gone_takes_no_restart_with_it() -> None:
    assert outcomes(pods(), pods({APP: ended(1)}), pods(names=OMNI[1:]), pods(names=OMNI[1:])) == {
        "restarts": None
    }


def test_a_container_that_is_held_back_after_crashes_is_a_fault() -> None:
    looping = pods({APP: Restarts(5, "Error", crash_loop=True)})
    assert "restarts" not in outcomes(looping, over=False), "it may have begun just now, and be starting"
    assert outcomes(looping, looping, over=False) == {"restarts": Outcome.FAILED}
    assert "app of pod omni-1 in CrashLoopBackOff" in found(looping, looping)["restarts"].text


def test_a_pod_that_is_not_ready_any_more_is_a_fault_at_the_end_and_told_before() -> None:
    gone = pods(unready={"omni-2": ("linkerd-proxy", "app")})
    assert outcomes(pods(), gone, gone, over=False) == {"ready_pods_ratio": None}
    finding = found(pods(), gone, gone)["ready_pods_ratio"]
    assert (finding.outcome, finding.value) == (Outcome.FAILED, pytest.approx(2 / 3))
    assert "omni-2 (linkerd-proxy, app)" in finding.text


def test_a_pod_that_was_not_ready_for_a_moment_is_no_fault_and_not_passed_over_either() -> None:
    gone = pods(unready={"omni-2": ("app",)})
    assert found(pods(), gone, pods()) == {}
    assert outcomes(pods(), gone) == {"ready_pods_ratio": Outcome.INCONCLUSIVE}


def test_a_pod_that_was_never_ready_since_the_change_settled_is_a_fault() -> None:
    gone = pods(unready={"omni-2": ("app",)})
    assert outcomes(gone, gone) == {"ready_pods_ratio": Outcome.FAILED}


def test_a_pod_whose_containers_are_all_ready_may_have_lost_its_node() -> None:
    gone = pods(unready={"omni-2": ()})
    assert outcomes(pods(), gone, gone) == {"ready_pods_ratio": Outcome.INCONCLUSIVE}


def test_a_pod_that_an_autoscaler_adds_has_time_to_start() -> None:
    names = (*OMNI, "omni-4")
    starting = pods(unready={"omni-4": ("app",)}, names=names)
    assert outcomes(pods(), starting, starting) == {"ready_pods_ratio": None}
    assert outcomes(pods(), *[starting] * 4) == {"ready_pods_ratio": Outcome.INCONCLUSIVE}
    assert found(pods(), starting, pods(names=names)) == {}


restarts = st.dictionaries(
    st.sampled_from([APP, PROXY, "omni-2/app"]),
    st.builds(Restarts, st.integers(0, 5), st.sampled_from(["", "Error", "OOMKilled"])),
)
unready = st.dictionaries(st.sampled_from(OMNI), st.sampled_from([(), ("app",)]))


@given(st.lists(st.builds(pods, restarts, unready), min_size=1, max_size=6), st.booleans())
def test_whatever_is_seen_only_the_end_judges_readiness_and_a_sound_last_look_has_all_pods_ready(
    looks: list[Subject], over: bool
) -> None:
    judged = outcomes(*looks, over=over)
    assert ("ready_pods_ratio" in judged) == bool(looks[-1].unready)
    assert over or judged.get("ready_pods_ratio") is None
    assert outcomes(*looks, *[pods()] * 2).get("ready_pods_ratio") is None
    if not any(look.restarts for look in looks):
        assert "restarts" not in judged
