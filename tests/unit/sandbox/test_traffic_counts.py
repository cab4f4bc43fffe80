"""That nothing is lost or made up between the places that count, and how long things take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.sandbox.traffic_cluster import GOOD, NAMESPACE, PORT, Cluster, client, requests, responses

from meshroll_sandbox.faults import Errors, ErrorsWithMesh, NoTraffic, Partition
from meshroll_sandbox.standins.traffic import latency
from meshroll_sandbox.standins.traffic.effects import BAD_RELEASE, BAD_RELEASE_RATIO
from meshroll_sandbox.standins.traffic.proxy import IDLE_SECONDS

APPLICATION = f'target_port="{PORT}"'
CALL = 'grpc_type="unary",grpc_service="charging.Tariffs",grpc_method="Get"'


def cluster(
    clients: str | None, servers: str | None, per_request: bool = False, headless: bool = False, seed: int = 1
) -> Cluster:
    """Releases of the proxies of clients and of servers, None for none."""
    made = Cluster(seed)
    made.run("tariffs", 3, release=servers)
    made.expose("tariffs", "tariffs", headless)
    port = PORT if headless else 80
    calls = client("tariffs", 40, per_request=per_request, round_robin=headless, port=port)
    made.run("pricing", 2, calls, clients)
    return made


def handled(made: Cluster, code: str) -> int:
    return sum(meter.served.handled.get((CALL, code), 0) for meter in made.of("tariffs"))


@given(
    per_request=st.booleans(),
    headless=st.booleans(),
    events=st.lists(st.sampled_from(["stop", "start", "unready", "client", "wait", "error"]), max_size=8),
)
@settings(max_examples=15, deadline=None)
def test_what_clients_send_is_what_servers_get(per_request: bool, headless: bool, events: list[str]) -> None:
    """Whatever happens to pods: over all proxies ever, outbound = inbound, and what applications saw agrees."""
    made = cluster(GOOD, GOOD, per_request, headless)
    seen = dict(made.model.meters)
    for number, event in enumerate(events):
        servers = [name for name in made.pods if name.startswith("tariffs")]
        if event == "stop" and servers:
            made.stop(servers[0])
        elif event == "start":
            made.start("tariffs", f"tariffs-new-{number}", release=GOOD)
        elif event == "unready" and servers:
            made.unready(servers[-1])
        elif event == "client":
            made.start("pricing", f"pricing-new-{number}", made.pods["pricing-0"].client, GOOD)
        elif event == "error":
            made.faults = (Errors(f"{NAMESPACE}/tariffs", 0.3),)
        made.play(7)
        seen |= {(*key, meter.pod.uid): meter for key, meter in made.model.meters.items()}
    meters = list({id(meter): meter for meter in seen.values()}.values())
    clients = [meter for meter in meters if meter.pod.client]
    servers_seen = [meter for meter in meters if not meter.pod.client]
    sent = sum(requests(meter, 'direction="outbound"') for meter in clients)
    got = sum(requests(meter, 'direction="inbound"', APPLICATION) for meter in servers_seen)
    assert sent == got == sum(sum(meter.served.handled.values()) for meter in servers_seen)
    made_calls = sum(
        count for one in clients for (_, code), count in one.made.handled.items() if code != "Unavailable"
    )
    assert made_calls == sent
    for meter in meters:
        assert requests(meter) == responses(meter)


def test_the_rate_is_what_the_annotation_says() -> None:
    made = cluster(None, None)
    made.play(100)
    assert handled(made, "OK") == pytest.approx(4000, abs=2)


@pytest.mark.parametrize(("clients", "servers"), [(GOOD, GOOD), (GOOD, None), (None, GOOD), (None, None)])
def test_tls_only_where_both_are_meshed(clients: str | None, servers: str | None) -> None:
    made = cluster(clients, servers)
    made.play(10)
    outbound = {tls: sum(requests(m, "outbound", f'tls="{tls}"') for m in made.of("pricing")) for tls in TLS}
    inbound = {
        tls: sum(requests(m, "inbound", APPLICATION, f'tls="{tls}"') for m in made.of("tariffs"))
        for tls in TLS
    }
    tls = "true" if clients and servers else "no_identity"
    assert outbound == {key: 400 if clients and key == tls else 0 for key in TLS}
    assert inbound == {key: 400 if servers and key == tls else 0 for key in TLS}


TLS = ("true", "no_identity")


def test_probes_are_told_apart() -> None:
    made = cluster(None, GOOD)
    made.faults = (NoTraffic(),)
    made.play(60)
    for meter in made.of("tariffs"):
        assert requests(meter, 'route_name="probe"', 'target_port="8081"') == 6
        assert requests(meter, APPLICATION) == 0
        assert requests(meter) == requests(meter, 'route_name="probe"', 'tls="no_identity"')


def test_without_traffic_counters_stand_still_and_are_dropped_only_when_idle_for_long() -> None:
    made = cluster(GOOD, GOOD)
    made.play(20)
    before = {meter.pod.key: requests(meter, APPLICATION) for meter in made.model.meters.values()}
    made.faults = (NoTraffic(),)
    made.play(IDLE_SECONDS - 20)
    assert {meter.pod.key: requests(meter, APPLICATION) for meter in made.model.meters.values()} == before
    made.play(60)
    assert sum(requests(meter, APPLICATION) for meter in made.model.meters.values()) == 0
    assert handled(made, "OK") == 800, "applications keep theirs"
    made.faults = ()
    made.play(20)
    assert sum(requests(meter, APPLICATION) for meter in made.of("pricing")) == 800, "from zero again"


def test_application_errors_are_seen_with_and_without_a_mesh() -> None:
    for release in (None, GOOD):
        made = cluster(release, release)
        made.faults = (Errors(f"{NAMESPACE}/tariffs", 0.2),)
        made.play(100)
        assert handled(made, "Internal") == pytest.approx(800, abs=4 * 25.3)
        failures = sum(responses(meter, "failure", 'grpc_status="13"') for meter in made.of("tariffs"))
        assert failures == (handled(made, "Internal") if release else 0)


@pytest.mark.parametrize(("clients", "servers"), [(GOOD, None), (None, GOOD), (GOOD, GOOD)])
def test_errors_with_mesh_begin_with_the_first_meshed_pod(clients: str | None, servers: str | None) -> None:
    made = cluster(None, None)
    made.faults = (ErrorsWithMesh(0.25),)
    made.play(30)
    calls = [meter.made.handled for meter in made.of("pricing")]
    assert sum(count for one in calls for (_, code), count in one.items() if code != "OK") == 0
    meshed = cluster(clients, servers)
    meshed.faults = (ErrorsWithMesh(0.25),)
    meshed.play(100)
    at_client = sum(
        responses(meter, "outbound", "failure", 'grpc_status="14"') for meter in meshed.of("pricing")
    )
    at_server = sum(
        responses(meter, "inbound", "failure", 'grpc_status="14"') for meter in meshed.of("tariffs")
    )
    assert at_client == (pytest.approx(1000, abs=110) if clients else 0)
    assert at_server == (pytest.approx(1000, abs=110) if servers else 0)
    assert handled(meshed, "OK") == pytest.approx(4000, abs=2), "applications know nothing of it"


def test_errors_with_mesh_of_one_service_spare_others() -> None:
    made = cluster(GOOD, GOOD)
    made.faults = (ErrorsWithMesh(0.25, service=f"{NAMESPACE}/sessions"),)
    made.play(20)
    assert sum(responses(meter, "failure") for meter in made.of("tariffs")) == 0


@pytest.mark.parametrize("release", [GOOD, None])
def test_callers_turn_away_from_a_pod_that_nobody_reaches(release: str | None) -> None:
    made = Cluster()
    made.run("tariffs", 3, release=release)
    made.expose("tariffs", "tariffs")
    made.run("pricing", 1, client("tariffs", 40), release)
    made.play(10)
    (busiest, *_) = sorted(made.served("tariffs"), key=made.served("tariffs").__getitem__, reverse=True)
    made.faults = (Partition(pod=f"{NAMESPACE}/{busiest}"),)
    counts = made.served_during("tariffs", 10)
    assert counts[busiest] == 0
    assert sum(counts.values()) == 400
    made.faults = ()
    made.play(30)
    assert sum(made.served_during("tariffs", 30).values()) == 1200


def test_calls_to_a_service_that_nobody_reaches_fail_in_the_client_alone() -> None:
    made = Cluster()
    made.run("tariffs", 2, release=GOOD)
    made.expose("tariffs", "tariffs")
    made.run("pricing", 1, client("tariffs", 40), GOOD)
    made.play(10)
    before = responses(made.meter("pricing-0"), 'direction="outbound"')
    made.faults = (Partition(service=f"{NAMESPACE}/tariffs"),)
    assert sum(made.served_during("tariffs", 10).values()) == 0
    assert responses(made.meter("pricing-0"), 'direction="outbound"') == before
    failed = [
        count for (_, code), count in made.meter("pricing-0").made.handled.items() if code == "Unavailable"
    ]
    assert sum(failed) == 400


def test_the_bad_release_fails_requests() -> None:
    made = cluster(BAD_RELEASE, GOOD)
    made.play(100)
    failures = sum(responses(meter, "outbound", "failure") for meter in made.of("pricing"))
    assert failures == pytest.approx(4000 * BAD_RELEASE_RATIO, abs=110)
    good = cluster(GOOD, GOOD)
    good.play(100)
    assert sum(responses(meter, "failure") for meter in good.model.meters.values()) == 0


def mean_client_ms(made: Cluster) -> float:
    made.play(50)
    histograms = [meter.made.seconds(CALL) for meter in made.of("pricing")]
    return 1000 * sum(one.total for one in histograms) / sum(one.count for one in histograms)


def test_a_dial_costs_77_ms_unless_the_own_proxy_takes_it() -> None:
    held = mean_client_ms(cluster(None, None))
    assert mean_client_ms(cluster(None, None, per_request=True)) - held == pytest.approx(77, abs=0.3)
    assert latency.DIAL_MS == 77
    meshed = mean_client_ms(cluster(GOOD, GOOD))
    assert meshed - held == pytest.approx(1.5, abs=0.3), "two proxies"
    dialling = mean_client_ms(cluster(GOOD, GOOD, per_request=True))
    assert dialling - meshed == pytest.approx(latency.LOCAL_DIAL_MS, abs=0.3)


def test_the_same_seed_and_events_give_the_same_numbers() -> None:
    def text(seed: int) -> list[str]:
        made = cluster(GOOD, GOOD, seed=seed)
        made.play(10)
        made.stop("tariffs-1")
        made.start("tariffs", "tariffs-new", release=GOOD)
        made.play(10)
        return [line for meter in made.model.meters.values() for line in meter.proxy_lines()]

    assert text(3) == text(3)
    assert text(3) != text(4)


def test_pods_that_go_away_stop_exporting_and_new_ones_begin_at_zero() -> None:
    made = cluster(GOOD, GOOD)
    made.play(20)
    made.stop("tariffs-0")
    made.play(0.25)
    assert (NAMESPACE, "tariffs-0") not in made.model.meters
    made.start("tariffs", "tariffs-0", release=GOOD)
    made.pods["tariffs-0"] = made.pods["tariffs-0"].__class__(
        **{**made.pods["tariffs-0"].__dict__, "uid": "another", "ready": False}
    )
    made.play(0.25)
    assert requests(made.meter("tariffs-0"), APPLICATION) == 0
    assert made.meter("tariffs-0").served.handled == {(CALL, "OK"): 0}


def test_connections_are_counted_where_they_begin_and_end() -> None:
    held, dialling = cluster(None, GOOD), cluster(None, GOOD, per_request=True)
    for made in (held, dialling):
        made.play(10)
    opened = {id(made): [connections(meter) for meter in made.of("tariffs")] for made in (held, dialling)}
    assert sum(one[0] for one in opened[id(held)]) == 2, "one for each client pod"
    assert sum(one[1] for one in opened[id(held)]) == 2
    assert sum(one[0] for one in opened[id(dialling)]) == 400, "one for each request"
    assert sum(one[1] for one in opened[id(dialling)]) == 0
    for name in ("pricing-0", "pricing-1"):
        held.stop(name)
    held.play(0.25)
    assert [connections(meter)[1] for meter in held.of("tariffs")] == [0, 0, 0]


def connections(meter: object) -> tuple[int, int]:
    """Connections from outside: how many were opened, how many are open."""
    proxy = meter.proxy  # type: ignore[attr-defined]
    found = [one for text, one in proxy.connections.items() if 'direction="inbound",peer="src"' in text]
    return sum(one.opened for one in found), sum(one.opened - one.closed for one in found)
