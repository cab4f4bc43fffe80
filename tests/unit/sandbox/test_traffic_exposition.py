"""What a scrape of a pod finds: the text, and the numbers in it."""

import re
from collections import defaultdict

from unit.sandbox.traffic_cluster import GOOD, PORT, Cluster, client

from meshroll_sandbox.faults import Errors, ErrorsWithMesh
from meshroll_sandbox.standins.traffic import cadvisor
from meshroll_sandbox.standins.traffic.proxy import BUCKETS_MS
from meshroll_sandbox.standins.traffic.series import Histogram, labels

SAMPLE = re.compile(r'^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$')


def parse(lines: list[str]) -> dict[str, dict[str, float]]:
    """Metric -> labels -> value; fails on a line that is none, on a sample without type, or one given twice."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    types = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    for line in lines:
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, text, value = match.groups()
        assert {name, re.sub("_(bucket|sum|count)$", "", name)} & types, line
        names = re.findall(r'(\w+)="', text or "")
        assert len(names) == len(set(names)), line
        assert (text or "") not in found[name], line
        found[name][text or ""] = float(value)
    return found


def cluster() -> Cluster:
    made = Cluster(faults=(Errors("charging/tariffs", 0.1), ErrorsWithMesh(0.1)))
    made.run("tariffs", 2, release=GOOD)
    made.expose("tariffs", "tariffs")
    made.run("pricing", 1, client("tariffs", 40), GOOD)
    made.play(30)
    return made


def test_a_callers_proxy() -> None:
    found = parse(list(cluster().meter("pricing-0").proxy_lines()))
    text = next(text for text in found["request_total"] if "outbound" in text)
    for part in (
        'direction="outbound"',
        'authority="tariffs.charging.svc.cluster.local:80"',
        f'target_port="{PORT}"',
        'tls="true"',
        'server_id="default.charging.serviceaccount.identity.linkerd.cluster.local"',
        'dst_namespace="charging"',
        'dst_deployment="tariffs"',
        'dst_pod="tariffs-',
        'dst_service="tariffs"',
    ):
        assert part in text
    assert sum(value for text, value in found["request_total"].items() if "outbound" in text) == 1200
    assert sum(value for text, value in found["response_total"].items() if "outbound" in text) == 1200
    failures = {text for text in found["response_total"] if 'classification="failure"' in text}
    assert {code for text in failures for code in re.findall('grpc_status="([0-9]+)"', text)} == {"13", "14"}
    local = [text for text in found["tcp_open_connections"] if 'direction="outbound",peer="src"' in text]
    assert [found["tcp_open_total"][text] for text in local] == [1]
    assert found["process_start_time_seconds"] == {"": 1_700_000_000}


def test_a_servers_proxy() -> None:
    found = parse(list(cluster().meter("tariffs-0").proxy_lines()))
    text = next(text for text in found["request_total"] if f'target_port="{PORT}"' in text)
    for part in ('srv_name="all-unauthenticated"', 'route_name="default"', 'client_id="default.charging.'):
        assert part in text
    assert "authority" not in text, "the proxy leaves it out of inbound labels"
    allowed = sum(found["inbound_http_authz_allow_total"].values())
    assert allowed == sum(found["request_total"].values())


def test_a_headless_services_pods_are_asked_for_without_a_name() -> None:
    made = Cluster()
    made.run("tariffs", 2)
    made.expose("tariffs", "tariffs", headless=True)
    made.run("pricing", 1, client("tariffs", 40, round_robin=True, port=PORT), GOOD)
    made.play(10)
    for text in parse(list(made.meter("pricing-0").proxy_lines()))["request_total"]:
        if "outbound" in text:
            assert 'dst_pod="tariffs-' in text
            assert "authority" not in text
            assert "dst_service=" not in text


def test_histograms_are_cumulative_and_agree_with_their_counts() -> None:
    made = cluster()
    caller, server = made.meter("pricing-0"), made.meter("tariffs-0")
    for lines, base in (
        (caller.proxy_lines(), "response_latency_ms"),
        (server.application_lines(), "grpc_server_handling_seconds"),
        (caller.application_lines(), "grpc_client_handling_seconds"),
    ):
        found = parse(list(lines))
        for text, count in found[f"{base}_count"].items():
            buckets = [
                value for key, value in found[f"{base}_bucket"].items() if key.startswith(f"{text},le=")
            ]
            assert buckets == sorted(buckets)
            assert buckets[-1] == count
            assert count > 0


def test_a_bucket_takes_its_bound() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0, 1, 1.5, 2, 3):
        histogram.observe(value)
    assert list(histogram.lines("x", 'a="b"'))[:3] == [
        'x_bucket{a="b",le="1"} 2',
        'x_bucket{a="b",le="2"} 4',
        'x_bucket{a="b",le="+Inf"} 5',
    ]


def test_the_buckets_are_linkerds() -> None:
    assert BUCKETS_MS[:7] == (1, 2, 3, 4, 5, 10, 20)
    assert BUCKETS_MS[-1] == 50000
    assert len(BUCKETS_MS) == 25


def test_counters_never_fall() -> None:
    made = cluster()
    before: dict[str, dict[str, float]] = {}
    for _ in range(20):
        made.play(1)
        now = parse(list(made.meter("tariffs-0").proxy_lines()))
        for name, series in before.items():
            if name.endswith(("_total", "_bucket", "_count", "_sum")):
                assert all(now[name][text] >= value for text, value in series.items())
        before = now


def test_cadvisor_shows_where_the_load_is() -> None:
    made = Cluster()
    made.run("tariffs", 3)
    made.expose("tariffs", "tariffs")
    made.run("pricing", 1, client("tariffs", 40))
    made.play(60)
    found = parse(list(cadvisor.lines(made.model.meters.values(), made.model.now)))
    for name in ("container_cpu_usage_seconds_total", "container_network_receive_bytes_total"):
        values = sorted(value for text, value in found[name].items() if 'pod="tariffs-' in text)
        assert values[0] == values[1] < values[2] / 5


def test_values_are_escaped() -> None:
    assert labels({"a": 'x"y\\z\n'}) == 'a="x\\"y\\\\z\\n"'
