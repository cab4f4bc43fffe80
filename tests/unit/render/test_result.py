"""Results as people read them, at the width of a small terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from meshroll.render.changes import value
from meshroll.render.result import print_result, repeating
from meshroll.render.signals import WORKLOADS_MAX, limit, number, signal_name

COLUMNS = 80


def workload(name: str, meshed: int, pods: int, reason: str | None = None) -> dict[str, Any]:
    release, sidecar = ("edge-26.6.3", "native") if meshed else (None, None)
    return {
        "workload": name,
        "pods": pods,
        "meshed_pods": meshed,
        "release": release,
        "sidecar": sidecar,
        "reason": reason,
    }


def cluster(name: str = "sandbox", **more: Any) -> dict[str, Any]:
    workloads = [
        workload("Deployment/voltnet-omnicharge-points", 3, 3),
        workload("Deployment/legacy-terminal", 0, 1, "opts out (linkerd.io/inject: disabled)"),
    ]
    namespace = {
        "name": "charging",
        "injection": "enabled",
        "workloads": workloads,
        "not_handled": ["Pod/bare"],
    }
    return {
        "name": name,
        "outcome": "success",
        "exit_code": 0,
        "release": "edge-26.6.3",
        "kubernetes_version": "v1.35.4-eks-a1b2c3d",
        "namespaces": [namespace],
        "gate": [],
        "changes": [],
        "plan": None,
        "summary": ["charging: 3 of 4 pods are meshed."],
        "next": "meshroll status -n charging shows it; meshroll rollback -n charging takes it back",
        **more,
    }


def verdict(outcome: str, **finding: Any) -> dict[str, Any]:
    defaults = {"signal": "success_ratio", "value": 0.8, "before": None, "limit": 0.99, "outcome": outcome}
    findings = [{**defaults, "text": "", **finding}]
    workloads = [{"workload": "Deployment/omni", "findings": findings}]
    return {"outcome": outcome, "wave": "Wave 1 of 3", "summary": "success 80 %", "workloads": workloads}


def text(
    *clusters: dict[str, Any],
    command: str = "rollout",
    verbose: bool = False,
    where: dict[str, str] | None = None,
) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=COLUMNS, highlight=False, markup=False, color_system=None)
    print_result(console, {"command": command, "data": {"clusters": list(clusters)}}, verbose, where or {})
    return stream.getvalue()


MANY = [f"Deployment/w-{number:03d}" for number in range(WORKLOADS_MAX + 5)]


def of_many(outcome: str, **outcomes: str) -> dict[str, Any]:
    """A verdict on MANY workloads, of which some (by number) came out otherwise."""
    one = verdict(outcome)["workloads"][0]
    workloads = [
        {**one, "workload": name, "outcome": outcomes.get(f"w{number}", "Successful")}
        for number, name in enumerate(MANY)
    ]
    return {**verdict(outcome), "workloads": workloads}


@pytest.mark.parametrize("outcome", ["Failed", "Successful"])
def test_of_more_workloads_than_a_person_reads_the_rest_is_counted(outcome: str) -> None:
    gates = [of_many(outcome)]
    printed = text(cluster(gate=gates))
    assert (printed.count("w-0"), "and 5 more workloads: --verbose" in printed) == (WORKLOADS_MAX, True)
    assert "more workloads" not in text(cluster(gate=gates), verbose=True)


def test_the_worst_of_many_workloads_are_those_that_are_shown() -> None:
    printed = text(cluster(gate=[of_many("Failed", w23="Failed", w24="Inconclusive")]))
    assert printed.index("w-023") < printed.index("w-024") < printed.index("w-000")


def test_every_workload_has_its_line_and_reasons_stand_below() -> None:
    printed = text(cluster())
    line = next(line for line in printed.splitlines() if "omnicharge" in line)
    assert line.split() == ["Deployment/voltnet-omnicharge-points", "3/3", "edge-26.6.3", "native"]
    assert "  - Deployment/legacy-terminal: opts out (linkerd.io/inject: disabled)" in printed
    assert "  - Pod/bare: of a kind that meshroll does not handle" in printed
    assert all(len(line) <= COLUMNS for line in printed.splitlines())


def test_workloads_with_one_reason_share_a_line() -> None:
    workloads = [workload(f"Deployment/{name}", 0, 1, "not injected") for name in "abc"]
    printed = text(cluster(namespaces=[{"name": "charging", "workloads": workloads}]))
    assert "  - Deployment/a, Deployment/b, Deployment/c: not injected" in printed


def test_the_next_command_can_be_typed_as_it_stands() -> None:
    printed = " ".join(text(cluster(), where={"-i": "inv", "-n": "charging"}).split())
    assert (
        "Next: meshroll status -i inv -n charging shows it; meshroll rollback -i inv -n charging" in printed
    )
    assert repeating("meshroll plan", {}) == "meshroll plan"
    assert repeating("meshroll plan", {"-n": "a"}) == "meshroll plan -n a"


def test_a_gate_that_failed_shows_its_signals_and_no_data_is_no_number() -> None:
    printed = text(cluster(gate=[verdict("Successful"), verdict("Failed")]))
    rows = [line.split() for line in printed.splitlines()]
    assert ["success", "n/a", "80", "%", ">=", "99", "%"] in rows
    assert rows.count(["Deployment/omni"]) == 1
    assert "Before -> after" not in printed


def test_a_success_compares_each_workload_with_before_in_one_line() -> None:
    gates = [
        verdict("Successful", value=0.5),
        verdict("Successful", signal="outbound_success_ratio", before=0.98, value=1.0),
    ]
    rows = [line.split() for line in text(cluster(gate=gates)).splitlines()]
    assert ["omni", "98", "->", "100"] in rows
    assert ["success", "n/a", "50", "%", ">=", "99", "%"] not in rows
    assert ["success", "n/a", "50", "%", ">=", "99", "%"] in [
        line.split() for line in text(cluster(gate=gates), verbose=True).splitlines()
    ]


def planned(changes: list[dict[str, Any]], restarting_pods: int, **limits: Any) -> dict[str, Any]:
    return {
        "title": "Wave 1 of 3",
        "gate": True,
        "pause": None,
        "restarting_pods": restarting_pods,
        "limits": {"pods": 10, "pods_per_node": None, "set_by": "namespace", **limits},
        "changes": changes,
    }


@pytest.mark.parametrize(
    ("pods", "limits", "said"),
    [
        (10, {}, None),
        (11, {}, "11 pods restart, at most 10 at once"),
        (11, {"set_by": "cluster"}, "11 pods restart, at most 10 at once (the cluster's limit)"),
        (3, {"pods_per_node": 1}, "3 pods restart, at most 1 at once on a node"),
        (11, {"pods_per_node": 2}, "11 pods restart, at most 10 at once, at most 2 at once on a node"),
        (1, {"pods_per_node": 1}, None),
    ],
)
def test_a_plan_says_why_pods_do_not_restart_all_at_once(
    pods: int, limits: dict[str, Any], said: str | None
) -> None:
    lines = text(cluster(plan={"steps": [planned([], pods, **limits)]}), command="plan").splitlines()
    assert [line.strip() for line in lines if "restart" in line] == ([said] if said else [])


def test_a_plan_says_each_field_before_and_after() -> None:
    field = "/spec/template/metadata/annotations/linkerd.io~1inject"
    change = {"object": "charging/Deployment/omni", "field": field, "before": None, "after": "enabled"}
    made = {"object": "charging/Service/x", "field": "", "before": None, "after": {"ports": []}}
    printed = text(cluster(plan={"steps": [planned([change, made], 0)]}), command="plan")
    assert "1. Wave 1 of 3  then a gate" in printed
    assert "spec.template.metadata.annotations.linkerd.io/inject: (none) -> enabled" in " ".join(
        printed.split()
    )
    assert "create" in printed


def test_many_clusters_get_a_line_each_and_the_failed_ones_more() -> None:
    clusters = [cluster(f"c{number}") for number in range(6)]
    clusters[3] |= {"outcome": "failed", "exit_code": 4}
    printed = text(*clusters)
    assert printed.count("opts out") == 1
    assert all(f"c{number} " in printed for number in range(6))


def test_runs_are_listed_with_why_they_ended() -> None:
    run = {
        "run_id": "20260101t000000z-abc123",
        "started_at": "2026-01-01T00:00:00Z",
        "command": "rollout",
        "state": "rolled_back",
        "namespaces": ["charging"],
        "holder": "ann@host",
        "reason": "success 80 %",
    }
    printed = text(cluster(namespaces=[], runs=[run]), command="runs")
    assert "20260101t000000z-abc123  rollout   rolled back  charging  by ann@host" in printed
    assert "success 80 %" in printed
    assert "No run is remembered" in text(cluster(namespaces=[], runs=[]), command="runs")


@pytest.mark.parametrize(
    ("signal", "amount", "said"),
    [
        ("success_ratio", 0.99951, "99.95 %"),
        ("success_ratio", 1.0, "100 %"),
        ("latency_p99_ms", 12.3, "12 ms"),
        ("latency_p99_ms", 9.98, "10 ms"),
        ("outbound_latency_p50_ms", 1.23, "1.2 ms"),
        ("busiest_pod_to_mean", 1.234, "1.23"),
        ("inbound_requests", 120.0, "120"),
        ("proxy_cores", 0.0412, "0.041"),
        ("proxy_memory_bytes", 96.0 * 2**20, "96 MiB"),
        ("success_ratio", None, "n/a"),
    ],
)
def test_numbers_have_the_unit_of_their_signal(signal: str, amount: float | None, said: str) -> None:
    assert number(signal, amount) == said


def test_signals_have_names_that_people_use() -> None:
    assert signal_name("outbound_latency_p99_ms") == "calls: p99"
    assert signal_name("something_new_ratio") == "something new"
    assert signal_name("inbound_requests") == "served: requests"
    assert signal_name("application_outbound_failed_ratio") == "calls: failed, by the application"
    assert signal_name("told_slower_than_50_ms_ratio") == "slower than 50 ms, by application_queries"
    assert signal_name("proxy_memory_bytes") == "proxies: memory"


def test_limits_have_a_direction() -> None:
    assert limit("success_ratio", 0.99) == ">= 99 %"
    assert limit("outbound_latency_p99_ms", 1000) == "<= 1000 ms"
    assert limit("denied_ratio", 0.01) == "<= 1 %"
    assert limit("restarts", 1.0) == "<= 1"
    assert limit("success_ratio", None) == ""


def test_long_values_are_cut_and_short_ones_are_not() -> None:
    assert (value(None), value("x"), value({"a": 1})) == ("(none)", "x", '{"a":1}')
    assert len(value("x" * 500)) == 70
