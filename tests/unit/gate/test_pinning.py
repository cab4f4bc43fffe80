from __future__ import annotations

import msgspec
import pytest

from meshroll.core.gate.calls import Calls
from meshroll.core.gate.evenness import evenness
from meshroll.core.gate.pinning import balance_findings
from meshroll.core.gate.signals import Signals
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.plan import Known
from meshroll.core.settings import Gate

PODS = ("points-1", "points-2", "points-3")
EXPECTED = Subject(workload="Deployment/points", pods=PODS, meshed_pods=PODS, evenness_expected=True)
OMNI = Calls(
    client="omni-1",
    workload="Deployment/omni",
    service="",
    pod="points-2",
    requests=412.0,
    total=412.0,
    lasting=True,
)
UNMESHED = msgspec.structs.replace(OMNI, client="", workload="")


def signals(
    *calls: Calls,
    load: tuple[float, float, float] = (400.0, 500.0, 450.0),
    source: str = "callers' proxies",
    balanced: float = 0.0,
) -> Signals:
    by_pod = dict(zip(PODS, load, strict=True))
    return Signals(
        calls=calls, balanced_requests=balanced, load=evenness(by_pod, PODS, (), "requests", source)
    )


def found(seen: Signals, subject: Subject = EXPECTED, known: Known | None = None) -> dict[str, Finding]:
    subject = msgspec.structs.replace(subject, known=known or Known())
    return {finding.signal: finding for finding in balance_findings(Gate(), subject, seen, Signals())}


def test_a_pinned_client_fails_an_even_load_and_is_named() -> None:
    """Three pods of omni, each with a pod of points to itself, look even together."""
    each = [
        msgspec.structs.replace(
            OMNI, client=f"omni-{n}", pod=f"points-{n}", requests=400.0 + n, total=400.0 + n
        )
        for n in (1, 2, 3)
    ]
    seen = found(signals(*each, load=(401.0, 402.0, 403.0)), known=Known(headless=["points"]))
    assert seen["busiest_pod_to_mean"].outcome == Outcome.SUCCESSFUL
    pinned = seen["pinned_client"]
    assert (pinned.outcome, pinned.value) == (Outcome.FAILED, 403.0)
    assert pinned.text == (
        "client omni-3 (Deployment/omni): 403 of 403 requests go to pod points-3, one of 3; likely cause: it dials the "
        "pods of headless Service points itself (and 2 more clients)"
    )


@pytest.mark.parametrize(
    ("calls", "known", "balanced", "said", "hint"),
    [
        (UNMESHED, Known(), 0.0, "a caller that no manifest names has no proxy", "access-log"),
        (
            UNMESHED,
            Known(unmeshed=["reporting/Deployment/reports"]),
            0.0,
            "reporting/Deployment/reports has no proxy and holds its connection, or a caller that no",
            "access-log",
        ),
        (OMNI, Known(headless=["points"]), 900.0, "dials the pods of headless Service points", "ClusterIP"),
        (OMNI, Known(), 900.0, "by a balancer of its own (kuberesolver, xDS)", "Deployment/omni dial"),
        (OMNI, Known(), 0.0, "or a socket load balancer", "socketLB.hostNamespaceOnly=true"),
        (
            msgspec.structs.replace(OMNI, service="points"),
            Known(headless=["points-headless"]),
            412.0,
            "its proxy chose it among the pods of Service points",
            "trafficDistribution",
        ),
    ],
    ids=[
        "unmeshed",
        "unmeshed and known",
        "headless",
        "balancer of the client",
        "socket load balancer",
        "Linkerd",
    ],
)
def test_the_cause_is_what_is_known_and_no_more(
    calls: Calls, known: Known, balanced: float, said: str, hint: str
) -> None:
    uneven = signals(calls, load=(1.0, 900.0, 2.0), balanced=balanced)
    assert said in found(uneven, known=known)["pinned_client"].text
    for finding in found(uneven, known=known).values():
        assert hint in finding.hint
    assert "socket" not in found(uneven, known=known)["pinned_client"].text or hint.startswith("socketLB")


def test_an_uneven_load_names_who_is_pinned_to_the_busiest_pod_and_nobody_else() -> None:
    uneven = signals(OMNI, load=(1.0, 900.0, 2.0))
    text = found(uneven)["busiest_pod_to_mean"].text
    assert text.endswith("; client omni-1 (Deployment/omni) is pinned to it")
    elsewhere = signals(msgspec.structs.replace(OMNI, pod="points-1"), load=(1.0, 900.0, 2.0))
    assert "omni-1" not in found(elsewhere)["busiest_pod_to_mean"].text


def test_what_linkerd_balances_itself_is_reported_and_fails_nothing() -> None:
    pinned = found(signals(msgspec.structs.replace(OMNI, service="points")))["pinned_client"]
    assert pinned.outcome is None
    assert "omni-1" in pinned.text


def test_an_uneven_load_says_itself_why_a_client_is_pinned_where_no_other_reason_does() -> None:
    uneven = signals(msgspec.structs.replace(OMNI, service="points"), load=(1.0, 900.0, 2.0))
    text = found(uneven)["busiest_pod_to_mean"].text
    assert "; client omni-1 (Deployment/omni) is pinned to it, likely because its proxy chose it" in text


def test_a_client_that_is_not_moved_yet_is_reported_and_fails_nothing() -> None:
    known = Known(headless=["points"], unmoved=["Deployment/omni"])
    pinned = found(signals(OMNI), known=known)["pinned_client"]
    assert pinned.outcome is None
    assert pinned.text.endswith("it is not moved yet")
    other = msgspec.structs.replace(
        OMNI, client="fleet-1", workload="Deployment/fleet", requests=300.0, total=300.0
    )
    pinned = found(signals(OMNI, other), known=known)["pinned_client"]
    assert pinned.outcome == Outcome.FAILED
    assert pinned.text.startswith("client fleet-1"), "the fault is named, not what is as it was"


def test_where_an_even_load_is_not_expected_a_pinned_client_is_reported() -> None:
    subject = msgspec.structs.replace(EXPECTED, evenness_expected=False)
    assert found(signals(OMNI), subject)["pinned_client"].outcome is None


def test_a_few_requests_among_many_are_reported_and_undo_nothing() -> None:
    few = msgspec.structs.replace(UNMESHED, requests=40.0, total=40.0)
    assert found(signals(few, load=(400.0, 400.0, 300.0)))["pinned_client"].outcome is None
    assert found(signals(few, load=(200.0, 200.0, 300.0)))["pinned_client"].outcome == Outcome.FAILED


def test_a_pod_that_was_not_there_in_all_looks_is_not_judged() -> None:
    gone = msgspec.structs.replace(OMNI, pod="points-9")
    assert "pinned_client" not in found(signals(gone))
    assert "pinned_client" not in found(msgspec.structs.replace(signals(OMNI), load=None))


def test_callers_without_a_proxy_are_not_pinned_to_the_only_pod_that_counts_them() -> None:
    subject = msgspec.structs.replace(EXPECTED, meshed_pods=("points-2",))
    assert "pinned_client" not in found(signals(UNMESHED), subject)
    assert "pinned_client" in found(signals(OMNI), subject)


def test_requests_that_no_proxy_counted_went_past_them() -> None:
    application = "application metrics (go-grpc-prometheus)"
    past = found(signals(load=(0.0, 900.0, 0.0), source=application))["busiest_pod_to_mean"]
    assert past.outcome == Outcome.FAILED
    assert "no proxy counted these requests" in past.text
    assert "skip-inbound-ports" in past.hint
    some = msgspec.structs.replace(EXPECTED, meshed_pods=PODS[:1])
    text = found(signals(load=(0.0, 900.0, 0.0), source=application), some)["busiest_pod_to_mean"].text
    assert "no proxy" not in text


def test_an_even_load_without_a_pinned_client_is_one_finding() -> None:
    assert list(found(signals())) == ["busiest_pod_to_mean"]
