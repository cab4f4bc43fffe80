from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.evenness import evenness
from meshroll.core.gate.findings import mesh_findings
from meshroll.core.gate.judge import judge
from meshroll.core.gate.signals import Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import PRECEDENCE, Outcome, Verdict
from meshroll.core.settings import Gate, Limits, Prometheus

from .counted import traffic

PROMETHEUS = Prometheus(url="http://prometheus", scrape_interval_seconds=30.0)
GATE = Gate()
BLOCKS = 8
PODS = ("omni-1", "omni-2")
RANK = {outcome: rank for rank, outcome in enumerate(PRECEDENCE)}


def subject(name: str = "Deployment/omni", pods: tuple[str, ...] = PODS, **flags: bool) -> Subject:
    return Subject(workload=name, pods=pods, meshed_pods=pods, **flags)


def reading(signals: dict[str, Signals], scraped: tuple[str, ...] = PODS, **changes: object) -> Reading:
    whole = Reading(
        at_seconds=1000.0,
        window_seconds=120.0,
        signals=signals,
        target_up=dict.fromkeys(scraped, True),
        scrape_age_seconds=dict.fromkeys(scraped, 10.0),
    )
    return msgspec.structs.replace(whole, **changes)


def verdict_of(signals: Signals, before: Signals | None = None, **flags: bool) -> Verdict:
    past = {"Deployment/omni": before} if before else {}
    return judged([subject(**flags)], reading({"Deployment/omni": signals}), past)


def judged(
    subjects: list[Subject], seen: Reading, before: dict[str, Signals] | None = None, gate: Gate = GATE
) -> Verdict:
    """Over a window whose blocks are all alike."""
    return judge(gate, PROMETHEUS, subjects, [seen] * BLOCKS, before or {}, BLOCKS, wave="wave 1")


def spread(*requests: float) -> Signals:
    pods = {f"omni-{number}": value for number, value in enumerate(requests, 1)}
    return Signals(inbound=traffic(), load=evenness(pods, list(pods), (), "requests", "callers' proxies"))


def test_good_signals_are_successful_and_the_summary_says_before_and_after() -> None:
    before = Signals(
        inbound=traffic(slow=0.5), load=evenness({"a": 9.0}, ["a", "b", "c"], (), "requests", "application")
    )
    now = msgspec.structs.replace(spread(1050.0, 950.0), mtls_requests=6000.0, meshed_pair_requests=6000.0)
    verdict = verdict_of(now, before, traffic_expected=True, evenness_expected=True)
    assert verdict.outcome == Outcome.SUCCESSFUL
    assert verdict.summary == (
        "Successful: 1 workload, success 100 % (before 100 %), p99 19.9 ms (before 1980 ms), "
        "busiest pod 1.05x mean (before 3.00x), mTLS 100 %."
    )
    assert Verdict.from_dict(verdict.as_dict()) == verdict


@pytest.mark.parametrize(
    ("signals", "signal"),
    [
        (Signals(inbound=traffic(success=0.95)), "success_ratio"),
        (Signals(outbound=traffic(success=0.95)), "outbound_success_ratio"),
        (Signals(inbound=traffic(slow=0.05)), "latency_p99_ms"),
        (Signals(inbound=traffic(), mtls_requests=3000.0, meshed_pair_requests=6000.0), "mtls_ratio"),
        (Signals(inbound=traffic(), denied_requests=600.0), "denied_ratio"),
        (
            Signals(outbound=traffic(), refused_connections=600.0, refused_ports=("tariffs:81",)),
            "refused_ratio",
        ),
        (spread(2000.0, 10.0, 10.0), "busiest_pod_to_mean"),
    ],
)
def test_a_signal_beyond_its_limit_fails_and_is_named(signals: Signals, signal: str) -> None:
    verdict = verdict_of(signals, evenness_expected=True)
    finding = verdict.workloads[0].finding(signal)
    assert verdict.outcome == Outcome.FAILED
    assert finding is not None
    assert finding.outcome == Outcome.FAILED
    assert finding.text in verdict.summary


def limited(p99_ms: float, slow: float = 0.0) -> Verdict:
    gate = Gate(limits=Limits(latency_p99_ms_max=p99_ms))
    return judged([subject()], reading({"Deployment/omni": Signals(inbound=traffic(slow=slow))}), {}, gate)


@pytest.mark.parametrize(
    ("limit_ms", "slow", "outcome", "bucket"),
    [
        (3000.0, 0.0, Outcome.SUCCESSFUL, ""),
        (1500.0, 0.05, Outcome.SUCCESSFUL, "(1000, 2000] ms"),
        (1000.0, 0.05, Outcome.FAILED, ""),
    ],
)
def test_a_limit_between_two_bounds_of_the_histogram_is_held_at_the_upper_one_and_said(
    limit_ms: float, slow: float, outcome: Outcome, bucket: str
) -> None:
    verdict = limited(limit_ms, slow)
    finding = verdict.workloads[0].finding("latency_p99_ms")
    assert verdict.outcome == outcome
    assert finding is not None
    assert finding.text.endswith(
        f"; whether p99 is above {limit_ms:g} ms is not resolvable: bucket {bucket}"
        if bucket
        else "1 % wanted"
    )


def test_what_is_slower_than_the_last_bound_may_keep_a_limit_beyond_it() -> None:
    past_all = msgspec.structs.replace(traffic(), buckets={"10": 0.0, "2000": 5000.0, "inf": 6000.0})
    seen = reading({"Deployment/omni": Signals(inbound=past_all)})
    verdict = judged([subject()], seen, {}, Gate(limits=Limits(latency_p99_ms_max=3000.0)))
    assert verdict.outcome == Outcome.INCONCLUSIVE
    assert verdict.summary == (
        "Inconclusive: Deployment/omni: 16.7 % of 48000 requests took more than 2000 ms, at most 1 % wanted; "
        "whether p99 is above 3000 ms is not resolvable: bucket (2000, +Inf] ms."
    )
    assert "bound that its histogram has" in verdict.hint


def test_an_uneven_load_is_no_fault_while_callers_may_be_pinned() -> None:
    verdict = verdict_of(spread(2000.0, 0.0), evenness_expected=False)
    assert verdict.outcome == Outcome.SUCCESSFUL
    assert verdict.workloads[0].finding("busiest_pod_to_mean") is not None


def test_unevenness_that_picking_the_better_of_two_explains_is_no_fault_and_is_said() -> None:
    verdict = verdict_of(spread(600.0, 300.0, 100.0), evenness_expected=True)
    finding = verdict.workloads[0].finding("busiest_pod_to_mean")
    assert verdict.outcome == Outcome.SUCCESSFUL
    assert finding is not None
    assert "uneven, but explained" in finding.text


def test_unevenness_that_chance_explains_is_inconclusive() -> None:
    assert verdict_of(spread(1.0, 0.0, 0.0), evenness_expected=True).outcome == Outcome.INCONCLUSIVE


@pytest.mark.parametrize("now", [Signals(), Signals(inbound=traffic(3.0)), Signals(inbound=traffic(0.0))])
def test_too_little_traffic_is_inconclusive_where_some_was_expected(now: Signals) -> None:
    assert verdict_of(now, traffic_expected=True).outcome == Outcome.INCONCLUSIVE
    assert verdict_of(now, before=Signals(inbound=traffic())).outcome == Outcome.INCONCLUSIVE


def test_a_server_that_lost_its_callers_is_not_excused_by_the_calls_it_makes() -> None:
    before, now = Signals(inbound=traffic()), Signals(inbound=traffic(0.0), outbound=traffic())
    assert verdict_of(now, before, traffic_expected=True).outcome == Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("now_per_second", "outcome"),
    [(4.9, Outcome.INCONCLUSIVE), (5.1, Outcome.SUCCESSFUL), (500.0, Outcome.SUCCESSFUL)],
)
def test_where_nine_tenths_of_the_traffic_are_gone_the_rest_proves_nothing(
    now_per_second: float, outcome: Outcome
) -> None:
    """Calls that fail before a proxy sees them are counted by nobody."""
    before, now = traffic(50.0 * 120), traffic(now_per_second * 120)
    for past, seen in (
        (Signals(inbound=before), Signals(inbound=now)),
        (Signals(outbound=before), Signals(outbound=now)),
    ):
        verdict = verdict_of(seen, past)
        assert verdict.outcome == outcome
        assert ("less than a tenth of the 50/s before" in verdict.summary) == (
            outcome == Outcome.INCONCLUSIVE
        )


def test_a_pure_client_is_judged_by_what_it_calls() -> None:
    assert verdict_of(Signals(outbound=traffic()), traffic_expected=True).outcome == Outcome.SUCCESSFUL


def test_an_agent_without_traffic_does_not_hold_up_a_wave() -> None:
    agent = subject("DaemonSet/meter-agent", ("agent-1",))
    seen = reading({"Deployment/omni": Signals(outbound=traffic())}, (*PODS, "agent-1"))
    verdict = judged([subject(traffic_expected=True), agent], seen, {})
    assert verdict.outcome == Outcome.SUCCESSFUL
    alone = judged([agent], seen, {})
    assert (alone.outcome, alone.workloads[0].finding("proxies_scraped_ratio") is not None) == (
        Outcome.SUCCESSFUL,
        True,
    )


def test_a_wave_whose_traffic_vanished_is_inconclusive_however_little_it_was() -> None:
    before = Signals(inbound=traffic(5.0))
    verdict = verdict_of(Signals(), before)
    assert verdict.outcome == Outcome.INCONCLUSIVE
    assert "though there was some before" in verdict.summary


def test_no_pod_is_inconclusive_and_so_is_no_subject() -> None:
    assert judged([subject(pods=())], reading({}), {}).outcome == Outcome.INCONCLUSIVE
    assert judged([], reading({}), {}).outcome == Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "changes",
    [
        {"target_up": {"omni-1": True}},
        {"target_up": {"omni-1": True, "omni-2": False}},
        {"scrape_age_seconds": {"omni-1": 10.0, "omni-2": 91.0}},
        {"unlabelled": frozenset({"omni-2"})},
        {"target_up": {}, "scrape_age_seconds": {}},
    ],
)
def test_what_cannot_be_measured_is_an_error_with_what_to_do(changes: dict[str, object]) -> None:
    seen = reading({"Deployment/omni": Signals(inbound=traffic(slow=0.5))}, **changes)
    verdict = judged([subject(traffic_expected=True)], seen, {})
    assert verdict.outcome == Outcome.ERROR
    assert verdict.hint
    assert "job_name: linkerd-proxy" in verdict.hint


def test_errors_of_half_of_the_pods_are_no_reason_to_undo_anything() -> None:
    half = reading({"Deployment/omni": Signals(inbound=traffic(success=0.5))}, target_up={"omni-1": True})
    assert judged([subject()], half).outcome == Outcome.ERROR


def test_a_measured_fault_stands_beside_a_workload_that_could_not_be_measured() -> None:
    subjects = [subject(), subject("Deployment/tariffs", ("tariffs-1",))]
    seen = reading({"Deployment/omni": Signals(inbound=traffic(success=0.5))})
    assert judged(subjects, seen, {}).outcome == Outcome.FAILED


ratios = st.floats(0, 1)
amounts = st.one_of(st.none(), st.integers(0, 100_000).map(float))
traffics = st.builds(traffic, st.floats(0, 1e5), ratios, ratios)
many_signals = st.builds(
    Signals,
    inbound=st.one_of(st.none(), traffics),
    outbound=st.one_of(st.none(), traffics),
    mtls_requests=amounts,
    meshed_pair_requests=amounts,
    denied_requests=amounts,
    refused_connections=amounts,
)
flags = st.fixed_dictionaries({"traffic_expected": st.booleans(), "evenness_expected": st.booleans()})
scraped_pods = st.sampled_from([(), PODS[:1], PODS])


@given(many_signals, st.one_of(st.none(), many_signals), flags, scraped_pods, st.floats(0, 1))
def test_more_errors_never_make_the_outcome_better(
    signals: Signals, before: Signals | None, flag: dict[str, bool], scraped: tuple[str, ...], factor: float
) -> None:
    def worse(one: Traffic | None) -> Traffic | None:
        if one is None or one.responses is None:
            return one
        good = (one.responses - one.failures) * factor
        return msgspec.structs.replace(one, failures=one.responses - good)

    more = msgspec.structs.replace(signals, inbound=worse(signals.inbound), outbound=worse(signals.outbound))
    past = {"Deployment/omni": before} if before else {}
    fewer, many = (
        judged([subject(**flag)], reading({"Deployment/omni": each}, scraped), past).outcome
        for each in (signals, more)
    )
    assert RANK[many] <= RANK[fewer]


@given(st.one_of(st.none(), many_signals), flags, st.integers(0, 3))
def test_no_data_is_never_successful_and_never_failed(
    before: Signals | None, flag: dict[str, bool], pods: int
) -> None:
    names = tuple(f"omni-{number}" for number in range(pods))
    past = {"Deployment/omni": before} if before else {}
    verdict = judged([subject(pods=names, **flag)], reading({}, ()), past)
    assert verdict.outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR)


@given(many_signals, flags)
def test_a_verdict_survives_json(signals: Signals, flag: dict[str, bool]) -> None:
    verdict = verdict_of(signals, **flag)
    assert Verdict.from_dict(msgspec.json.decode(msgspec.json.encode(verdict.as_dict()))) == verdict


@given(many_signals, flags)
def test_looser_limits_never_make_the_outcome_worse(signals: Signals, flag: dict[str, bool]) -> None:
    loose = Gate(limits=Limits(success_ratio_min=0.0, latency_p99_ms_max=None, mtls_ratio_min=0.0))
    seen = reading({"Deployment/omni": signals})
    strict_outcome, loose_outcome = (
        judged([subject(**flag)], seen, {}, gate).outcome for gate in (GATE, loose)
    )
    assert RANK[loose_outcome] >= RANK[strict_outcome]


def test_a_pod_that_started_without_a_proxy_fails_whatever_its_numbers() -> None:
    half = Subject(
        workload="Deployment/omni", pods=("omni-1", "omni-2"), meshed_pods=("omni-1",), mesh_expected=True
    )
    (finding,) = mesh_findings(half)
    assert (finding.outcome, finding.value) == (Outcome.FAILED, 0.5)
    whole = msgspec.structs.replace(half, meshed_pods=half.pods)
    assert mesh_findings(whole)[0].outcome == Outcome.SUCCESSFUL
    assert mesh_findings(msgspec.structs.replace(half, mesh_expected=False)) == []
