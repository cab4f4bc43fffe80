"""The one line of a verdict: who is to blame, once for each thing, and nobody forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.summing_up import hint_of, names, summary
from meshroll.core.gate.verdict import Finding, Outcome, WorkloadVerdict, worst


def found(signal: str, outcome: Outcome | None = Outcome.FAILED) -> Finding:
    return Finding(signal=signal, text=f"{signal} is bad", outcome=outcome)


def workload(name: str, *findings: Finding) -> WorkloadVerdict:
    outcome = worst(finding.outcome for finding in findings)
    return WorkloadVerdict(workload=f"Deployment/{name}", outcome=outcome, findings=findings)


def test_a_server_that_fails_comes_before_the_callers_that_get_its_errors() -> None:
    caller = workload("pricing", found("outbound_failed_ratio"), found("application_outbound_failed_ratio"))
    server = workload("tariffs", found("failed_ratio"))
    assert summary(Outcome.FAILED, [caller, server]) == (
        "Failed: Deployment/tariffs: failed_ratio is bad; Deployment/pricing: outbound_failed_ratio is bad."
    )


def test_one_workload_is_told_with_two_different_reasons_whoever_counts_each() -> None:
    alone = workload(
        "tariffs",
        found("failed_ratio"),
        found("application_failed_ratio"),
        found("told_failed_ratio"),
        found("success_ratio"),
        found("slow_ratio_100"),
        found("mtls_ratio"),
    )
    assert summary(Outcome.FAILED, [alone]) == (
        "Failed: Deployment/tariffs: failed_ratio is bad; slow_ratio_100 is bad."
    )


def test_a_failure_says_what_could_not_be_measured() -> None:
    missing = workload("omni", found("scraped", Outcome.ERROR))
    assert summary(Outcome.FAILED, [missing, workload("tariffs", found("failed_ratio"))]) == (
        "Failed: Deployment/tariffs: failed_ratio is bad. Not measured: Deployment/omni."
    )


@pytest.mark.parametrize(
    ("count", "end"), [(3, "a, b, c"), (4, "a, b, c and 1 more"), (9, "a, b, c and 6 more")]
)
def test_long_lists_are_cut_and_say_by_how_many(count: int, end: str) -> None:
    assert names(list("abcdefghi"[:count])) == end


signals = st.sampled_from(["failed_ratio", "application_failed_ratio", "outbound_failed_ratio", "mtls_ratio"])
findings = st.builds(found, signals, st.sampled_from([*Outcome, None]))
workloads = st.lists(
    st.builds(workload, st.sampled_from("abcdefg"), findings, findings), min_size=1, max_size=6
)


@given(workloads)
def test_up_to_five_workloads_that_decide_are_all_named(several: list[WorkloadVerdict]) -> None:
    outcome = worst(each.outcome for each in several)
    if outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE):
        line = summary(outcome, several)
        deciding = {each.workload for each in several if each.outcome == outcome}
        assert len(deciding) > 5 or all(name in line for name in deciding)


def test_the_hint_is_that_of_the_reason_that_is_told_first() -> None:
    caller = workload(
        "pricing", Finding(signal="outbound_failed_ratio", text="", outcome=Outcome.FAILED, hint="ask")
    )
    server = workload(
        "tariffs", Finding(signal="pinned_client", text="", outcome=Outcome.FAILED, hint="mesh it")
    )
    assert hint_of(Outcome.FAILED, [caller, server]) == "mesh it"
    assert hint_of(Outcome.SUCCESSFUL, [caller, server]) == ""
