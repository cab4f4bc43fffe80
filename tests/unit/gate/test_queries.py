"""Every query against real PromQL: that it parses, and that it means what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.adapters.prometheus import drill_queries, queries
from meshroll.core.drill.looks import QUERIES as OF_DRILLS
from meshroll.core.gate.measurements import operator_queries
from meshroll.core.settings import ApplicationQuery

ALL = (*queries(), *(query for query in drill_queries(OF_DRILLS) if query not in queries()))
QUERIES = {query.id: query for query in ALL}
# A pod's target labels, as the relabelings of Linkerd's PodMonitor leave them.
OMNI = (
    'namespace="charging",pod="omni-1",deployment="omni",control_plane_ns="linkerd",'
    'job="linkerd-proxy",instance="i"'
)
INBOUND = f'{OMNI},direction="inbound",route_name="default",target_port="8080"'


def evaluate(
    promtool: str, folder: Path, query: str, series: dict[str, str], expected: dict[str, float]
) -> None:
    """Asserts what `query` answers at 4 minutes over the last 2, with scrapes 10 s apart."""
    case = {
        "evaluation_interval": "10s",
        "fuzzy_compare": True,
        "tests": [
            {
                "interval": "10s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": QUERIES[query].render("charging", 120),
                        "eval_time": "4m",
                        "exp_samples": [{"labels": k, "value": v} for k, v in expected.items()],
                    }
                ],
            }
        ],
    }
    (folder / "case.yml").write_text(yaml.safe_dump(case, width=100_000))
    done = subprocess.run(
        [promtool, "test", "rules", "case.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_parses_every_query(promtool: str, tmp_path: Path) -> None:
    own = ApplicationQuery("success_ratio", 'avg by (workload) (ok{namespace="{namespace}"})')
    rules = [
        {"record": query.id.replace("-", "_"), "expr": query.render("charging", 120.5)}
        for query in (*ALL, *operator_queries([own]))
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "gate", "rules": rules}]}))
    subprocess.run([promtool, "check", "rules", "rules.yml"], cwd=tmp_path, check=True, capture_output=True)


def test_no_placeholder_is_left_and_ids_are_unique() -> None:
    texts = [query.render("charging", 120) for query in QUERIES.values()]
    placeholders = (
        "{namespace}",
        "{window}",
        "{window_seconds}",
        "{workload}",
        "{increase}",
        "{series}",
        "{processes}",
        "{proxies}",
        "{target}",
    )
    assert not [text for text in texts for name in placeholders if name in text]
    assert len(QUERIES) == len(ALL)
    assert {*OF_DRILLS} <= {*QUERIES}


def test_responses_are_counted_without_probes_and_without_the_admin_server(
    promtool: str, tmp_path: Path
) -> None:
    probe = INBOUND.replace('route_name="default"', 'route_name="probe"')
    admin = INBOUND.replace('target_port="8080"', 'target_port="4191"')
    evaluate(
        promtool,
        tmp_path,
        "inbound-responses",
        {
            f'response_total{{{INBOUND},classification="success"}}': "0+10x30",
            f'response_total{{{probe},classification="success"}}': "0+7x30",
            f'response_total{{{admin},classification="success"}}': "0+7x30",
            f'response_total{{{INBOUND.replace("charging", "other")},classification="success"}}': "0+7x30",
        },
        {'{deployment="omni",classification="success"}': 120},
    )


def test_the_first_burst_of_errors_counts_although_its_series_is_new(promtool: str, tmp_path: Path) -> None:
    """increase() would say 0 here: the series is 12 at its first scrape and stays so."""
    evaluate(
        promtool,
        tmp_path,
        "inbound-responses",
        {
            f'response_total{{{INBOUND},classification="success"}}': "0+10x30",
            f'response_total{{{INBOUND},classification="failure"}}': "_x18 12x12",
            f"process_start_time_seconds{{{OMNI}}}": "-86400x30",
        },
        {
            '{deployment="omni",classification="success"}': 120,
            '{deployment="omni",classification="failure"}': 12,
        },
    )


def test_a_new_pod_counts_from_zero_and_an_old_one_that_is_only_now_scraped_does_not(
    promtool: str, tmp_path: Path
) -> None:
    old = INBOUND.replace("omni-1", "omni-2").replace('"i"', '"j"')
    target = OMNI.replace("omni-1", "omni-2").replace('"i"', '"j"')
    evaluate(
        promtool,
        tmp_path,
        "inbound-requests",
        {
            f'request_total{{{INBOUND},tls="true"}}': "_x18 5x12",
            f"process_start_time_seconds{{{OMNI}}}": "_x18 170x12",
            f'request_total{{{old},tls="true"}}': "_x18 90000x12",
            f"process_start_time_seconds{{{target}}}": "_x18 -86400x12",
        },
        {
            '{deployment="omni",pod="omni-1",tls="true"}': 5,
            '{deployment="omni",pod="omni-2",tls="true"}': 0,
        },
    )


def test_a_caller_of_another_namespace_that_is_only_now_scraped_does_not_count_all_it_ever_sent(
    promtool: str, tmp_path: Path
) -> None:
    target = OMNI.replace("charging", "reporting").replace("omni", "export")
    called = (
        'direction="outbound",dst_namespace="charging",dst_deployment="points",dst_pod="points-1",tls="true"'
    )
    answer = (
        '{namespace="reporting",deployment="export",dst_deployment="points",dst_pod="points-1",tls="true"}'
    )
    evaluate(
        promtool,
        tmp_path,
        "outbound-matrix",
        {
            f"request_total{{{target},{called}}}": "_x18 90000x12",
            f"process_start_time_seconds{{{target}}}": "_x18 -86400x12",
        },
        {answer: 0},
    )


def test_after_a_restart_what_was_counted_since_counts(promtool: str, tmp_path: Path) -> None:
    evaluate(
        promtool,
        tmp_path,
        "inbound-requests",
        {f'request_total{{{INBOUND},tls="true"}}': "1000+10x17 0+10x12"},
        {'{deployment="omni",pod="omni-1",tls="true"}': 60},
    )


def test_the_matrix_says_who_calls_which_pod_from_whatever_namespace(promtool: str, tmp_path: Path) -> None:
    common = 'direction="outbound",dst_namespace="charging",dst_deployment="tariffs"'
    reports = 'namespace="reporting",deployment="tariff-reports"'
    tariffs = 'dst_deployment="tariffs"'
    evaluate(
        promtool,
        tmp_path,
        "outbound-matrix",
        {
            f'request_total{{{reports},{common},dst_pod="t-1",tls="true"}}': "0+1x30",
            f'request_total{{{OMNI},{common},dst_pod="t-2",tls="no_identity"}}': "0+2x30",
            f'request_total{{{OMNI},direction="outbound",tls="no_identity"}}': "0+2x30",
        },
        {
            f'{{{reports},{tariffs},dst_pod="t-1",tls="true"}}': 12,
            f'{{namespace="charging",deployment="omni",{tariffs},dst_pod="t-2",tls="no_identity"}}': 24,
        },
    )


def test_responses_are_told_apart_by_what_was_called(promtool: str, tmp_path: Path) -> None:
    """All of few calls to one may fail while a caller is well on the whole."""
    common = f'{OMNI},direction="outbound",dst_namespace="charging"'
    evaluate(
        promtool,
        tmp_path,
        "outbound-responses-by-destination",
        {
            f'response_total{{{common},dst_deployment="cache",dst_pod="c-1",classification="success"}}': "0+99x30",
            f'response_total{{{common},dst_deployment="tariffs",dst_pod="t-1",classification="failure"}}': "0+1x30",
            f'response_total{{{common},dst_deployment="tariffs",dst_pod="t-2",classification="failure"}}': "0+1x30",
        },
        {
            f'{{namespace="charging",deployment="omni",dst_deployment="{called}",classification="{said}"}}': count
            for called, said, count in (("cache", "success", 1188), ("tariffs", "failure", 24))
        },
    )


def test_of_each_client_pod_there_is_all_it_sends_and_the_pod_that_gets_most(
    promtool: str, tmp_path: Path
) -> None:
    other = OMNI.replace("omni-1", "omni-2").replace('"i"', '"j"')
    to = 'direction="outbound",dst_namespace="charging",dst_deployment="tariffs"'
    series = {
        f'request_total{{{OMNI},{to},dst_service="tariffs",dst_pod="t-1",tls="true"}}': "0+1x30",
        f'request_total{{{OMNI},{to},dst_service="tariffs",dst_pod="t-2",tls="true"}}': "0+2x30",
        f'request_total{{{OMNI},{to},dst_service="tariffs",dst_pod="t-2",tls="no_identity"}}': "0+1x30",
        f'request_total{{{OMNI},{to},dst_pod="t-1",tls="true"}}': "0+4x30",
        f'request_total{{{other},{to},dst_pod="t-3",tls="true"}}': "0+5x30",
        f'request_total{{{other},{to},dst_service="tariffs",dst_pod="t-3",tls="true"}}': "9x30",
    }
    omni, other = (
        f'namespace="charging",deployment="omni",pod="{pod}",dst_deployment="tariffs"'
        for pod in ("omni-1", "omni-2")
    )
    by_service = f'{omni},dst_service="tariffs"'
    evaluate(
        promtool,
        tmp_path,
        "outbound-clients",
        series,
        {f"{{{by_service}}}": 48, f"{{{omni}}}": 48, f"{{{other}}}": 60},
    )
    evaluate(
        promtool,
        tmp_path,
        "outbound-busiest",
        series,
        {
            f'{{{by_service},dst_pod="t-2"}}': 36,
            f'{{{omni},dst_pod="t-1"}}': 48,
            f'{{{other},dst_pod="t-3"}}': 60,
        },
    )


@pytest.mark.parametrize(
    ("query", "metric", "code_label", "codes"),
    [
        (
            "application-grpc-responses",
            "grpc_server_handled_total",
            "grpc_code",
            ("OK", "NotFound", "Unavailable"),
        ),
        (
            "application-client-responses",
            "grpc_client_handled_total",
            "grpc_code",
            ("OK", "NotFound", "Internal"),
        ),
        (
            "application-otel-rpc-responses",
            "rpc_server_duration_milliseconds_count",
            "rpc_grpc_status_code",
            ("0", "5", "14"),
        ),
        (
            "application-otel-call-responses",
            "rpc_server_call_duration_seconds_count",
            "rpc_response_status_code",
            ("OK", "NOT_FOUND", "UNAVAILABLE"),
        ),
        (
            "application-otel-http-responses",
            "http_server_request_duration_seconds_count",
            "http_response_status_code",
            ("200", "404", "503"),
        ),
    ],
)
def test_applications_are_classified_as_the_proxy_would(
    promtool: str, tmp_path: Path, query: str, metric: str, code_label: str, codes: tuple[str, str, str]
) -> None:
    series = {
        f'{metric}{{namespace="charging",pod="a",{code_label}="{code}"}}': f"0+{step}x30"
        for code, step in zip(codes, (8, 1, 3), strict=True)
    }
    evaluate(
        promtool,
        tmp_path,
        query,
        series,
        {'{pod="a",classification="success"}': 108, '{pod="a",classification="failure"}': 36},
    )


def test_health_checks_of_an_application_are_no_traffic(promtool: str, tmp_path: Path) -> None:
    labels = 'namespace="charging",pod="a",grpc_service="grpc.health.v1.Health",grpc_code="OK"'
    series = {f"grpc_server_handled_total{{{labels}}}": "0+8x30"}
    evaluate(promtool, tmp_path, "application-grpc-responses", series, {})


def test_targets_are_known_by_linkerds_label_or_by_the_jobs_name(promtool: str, tmp_path: Path) -> None:
    series: dict[str, Any] = {
        f"up{{{OMNI}}}": "1x30",
        'up{namespace="charging",pod="omni-2",job="linkerd/linkerd-proxy"}': "0x30",
        'up{namespace="charging",pod="omni-1",job="applications"}': "1x30",
    }
    expected = {'{deployment="omni",pod="omni-1"}': 1.0, '{pod="omni-2"}': 0.0}
    evaluate(promtool, tmp_path, "proxy-targets", series, expected)


def test_a_target_that_is_no_longer_scraped_grows_old(promtool: str, tmp_path: Path) -> None:
    evaluate(promtool, tmp_path, "proxy-scrape-age", {f"up{{{OMNI}}}": "1x15"}, {'{pod="omni-1"}': 90})


def test_a_proxys_own_cpu_is_not_the_applications(promtool: str, tmp_path: Path) -> None:
    series = {
        f'container_cpu_usage_seconds_total{{namespace="charging",pod="a",container="{name}"}}': "0+5x30"
        for name in ("app", "linkerd-proxy", "")
    }
    evaluate(promtool, tmp_path, "pod-cpu", series, {'{pod="a"}': 0.5})


def test_closes_are_of_callers_connections_to_the_application(promtool: str, tmp_path: Path) -> None:
    connection = f'{OMNI},direction="inbound",peer="src",target_port="8080"'
    local = connection.replace('peer="src"', 'peer="dst"')
    admin = connection.replace("8080", "4191")
    series = {
        f'tcp_close_total{{{labels},errno="{name}"}}': f"0+{step}x30"
        for labels in (connection, local, admin)
        for name, step in (("", 3), ("ECONNRESET", 1))
    }
    expected = {
        '{deployment="omni"}': 36.0,
        '{deployment="omni",errno="ECONNRESET"}': 12.0,
    }
    evaluate(promtool, tmp_path, "inbound-closes", series, expected)


def test_a_proxys_cost_is_its_own_and_counted_once(promtool: str, tmp_path: Path) -> None:
    cpu, memory = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
    place = 'namespace="charging",pod="a"'
    series = {
        f'{metric}{{{place},container="{name}",id="{number}",job="{job}"}}': values
        for metric, values in ((cpu, "0+1x30"), (memory, "64x30"))
        for number, name in enumerate(("app", "linkerd-proxy", ""))
        for job in ("kubelet", "cadvisor")
    }
    evaluate(promtool, tmp_path, "proxy-cpu", series, {'{pod="a"}': 0.1})
    evaluate(promtool, tmp_path, "proxy-memory", series, {'{pod="a"}': 64})


APPLICATION = 'namespace="charging",pod="omni-1",job="applications",instance="10.0.0.1:8080"'


@pytest.mark.parametrize(
    ("series", "found"),
    [
        ([OMNI, APPLICATION], []),
        ([f'{OMNI},replica="{name}"' for name in "ab"], ["replica"]),
        ([OMNI, OMNI.replace('job="linkerd-proxy"', 'job="linkerd/linkerd-proxy"')], ["job"]),
        ([f'{APPLICATION},replica="{name}"' for name in "ab"], ["replica"]),
        ([APPLICATION, APPLICATION.replace("8080", "9090")], []),
        ([f'{APPLICATION},service="{name}"' for name in "ab"], []),
        ([OMNI, *(f'{APPLICATION},replica="{name}"' for name in "ab")], []),
    ],
    ids=[
        "a proxy and its application are two targets",
        "a proxy by two replicas",
        "a proxy by two jobs",
        "an application by two replicas",
        "two ports of an application are two targets",
        "two Services of an application are two targets",
        "where proxies count, applications may be there twice",
    ],
)
def test_only_what_would_count_double_is_found_twice(
    promtool: str, tmp_path: Path, series: list[str], found: list[str]
) -> None:
    expected = {f"up{{{labels}}}": 1.0 for labels in series} if found else {}
    evaluate(promtool, tmp_path, "scraped-twice", {f"up{{{labels}}}": "1x30" for labels in series}, expected)


def test_of_many_pods_that_are_there_twice_one_is_enough(promtool: str, tmp_path: Path) -> None:
    series = {
        f'up{{{OMNI.replace("omni-1", pod)},replica="{name}"}}': "1x30"
        for pod, names in (("omni-1", "abc"), ("omni-2", "ab"))
        for name in names
    }
    expected = {f'up{{{OMNI},replica="{name}"}}': 1.0 for name in "abc"}
    evaluate(promtool, tmp_path, "scraped-twice", series, expected)


def test_a_proxys_metrics_are_there_without_any_traffic_of_its_workload(
    promtool: str, tmp_path: Path
) -> None:
    admin = INBOUND.replace('target_port="8080"', 'target_port="4191"')
    series = {
        f"request_total{{{admin}}}": "0+7x30",
        f'response_total{{{admin},classification="success"}}': "0+7x30",
        f'response_latency_ms_bucket{{{INBOUND.replace("charging", "other")},le="5"}}': "0+7x30",
    }
    expected = {"request_total": 1.0, "response_total": 1.0}
    evaluate(promtool, tmp_path, "proxy-metrics", series, expected)


def test_each_pods_median_is_its_own_and_a_pod_without_answers_has_none(
    promtool: str, tmp_path: Path
) -> None:
    series = {}
    for pod, counts in (("omni-1", (0, 4, 4)), ("omni-2", (0, 0, 4)), ("omni-3", (0, 0, 0))):
        labels = INBOUND.replace("omni-1", pod)
        for bound, count in zip(("10", "20", "+Inf"), counts, strict=True):
            series[f'response_latency_ms_bucket{{{labels},le="{bound}"}}'] = f"0+{count}x30"
    expected = {'{pod="omni-1"}': 15.0, '{pod="omni-2"}': 20.0}
    evaluate(promtool, tmp_path, "inbound-median-by-pod", series, expected)
    expected = {'{pod="omni-1"}': 20.0, '{pod="omni-2"}': 20.0}
    evaluate(promtool, tmp_path, "inbound-slowest-by-pod", series, expected)


def test_responses_of_each_pod_are_counted_by_success_and_failure(promtool: str, tmp_path: Path) -> None:
    series = {
        f'response_total{{{INBOUND.replace("omni-1", pod)},classification="{said}"}}': f"0+{step}x30"
        for pod, said, step in (("omni-1", "success", 5), ("omni-2", "success", 4), ("omni-2", "failure", 1))
    }
    expected = {
        '{pod="omni-1",classification="success"}': 60.0,
        '{pod="omni-2",classification="success"}': 48.0,
        '{pod="omni-2",classification="failure"}': 12.0,
    }
    evaluate(promtool, tmp_path, "inbound-by-pod", series, expected)
