"""What applications count beside the proxies: the same instrument before and after the change."""

from __future__ import annotations

from meshroll.core.gate.signals import PROXIES, Reading, Signals, Traffic
from meshroll.core.gate.traffic import APPLICATIONS, CLIENTS
from meshroll.core.gate.verdict import Outcome

from .counted import traffic
from .test_history import OMNI, PER_BLOCK, baseline, dice, verdict

GRPC, CLIENT = APPLICATIONS["application-grpc"], CLIENTS["application-client"]


def counted(failed: float, source: str, slow: float = 0.0, requests: float = PER_BLOCK) -> Traffic:
    return traffic(requests, 1 - failed / requests, slow, 30.0, source)


def reading(signals: Signals) -> Reading:
    return Reading(
        at_seconds=0.0,
        window_seconds=30.0,
        signals={OMNI: signals},
        target_up={"omni-1": True},
        scrape_age_seconds={"omni-1": 1.0},
    )


def unmeshed(failed: float) -> Reading:
    return reading(Signals(inbound=counted(failed, GRPC), outbound=counted(failed, CLIENT)))


BEFORE = baseline([unmeshed(failed) for failed in dice(0.75, 60, 2)])


def meshed(served: Traffic, called: Traffic | None = None) -> Reading:
    """Whose proxies have nothing to complain of."""
    clean = counted(0.0, PROXIES)
    return reading(
        Signals(inbound=clean, outbound=clean, application_inbound=served, application_outbound=called)
    )


def test_a_first_rollout_is_compared_with_before_by_what_the_application_counts() -> None:
    found = verdict(BEFORE, [meshed(counted(failed, GRPC)) for failed in dice(10.0, 20, 3)])
    finding = found.workloads[0].finding("application_failed_ratio")
    assert finding is not None
    assert (found.outcome, finding.outcome, finding.source) == (Outcome.FAILED, Outcome.FAILED, GRPC)
    assert "application requests failed" in finding.text
    assert "before" in finding.text


def test_calls_that_fail_before_a_proxy_counts_them_are_seen_by_the_caller() -> None:
    found = verdict(BEFORE, [meshed(counted(0.0, GRPC), counted(150.0, CLIENT))] * 8)
    assert found.outcome == Outcome.FAILED
    assert "application outbound requests failed" in found.summary


def test_the_same_as_before_is_successful() -> None:
    blocks = [meshed(counted(failed, GRPC), counted(failed, CLIENT)) for failed in dice(0.75, 20, 5)]
    assert verdict(BEFORE, blocks).outcome == Outcome.SUCCESSFUL


def test_what_the_application_counts_too_little_of_is_settled_by_the_proxies() -> None:
    found = verdict(BEFORE, [meshed(counted(0.0, GRPC, requests=10.0))] * 20)
    finding = found.workloads[0].finding("application_success_ratio")
    assert finding is not None
    assert (found.outcome, finding.outcome) == (Outcome.SUCCESSFUL, None)


def test_a_callers_latency_is_not_compared_with_before_because_the_mesh_is_in_it() -> None:
    past = BEFORE[OMNI].outbound
    assert past is not None
    assert set(past.past) == {"failed"}
    slow = [meshed(counted(0.0, GRPC), counted(0.0, CLIENT, slow=0.008))] * 20
    assert verdict(BEFORE, slow).outcome == Outcome.SUCCESSFUL
