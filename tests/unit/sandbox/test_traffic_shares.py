"""Which pods get the requests, for each way that clients reach a Service."""

import pytest
from unit.sandbox.traffic_cluster import GOOD, PORT, Cluster, client, requests

from meshroll_sandbox.standins.traffic.balancers import DNS_SECONDS
from meshroll_sandbox.standins.traffic.topology import Client


def cluster(
    calls: Client, release: str | None = None, servers: int = 3, headless: bool = False, replicas: int = 1
) -> Cluster:
    made = Cluster()
    made.run("tariffs", servers)
    made.expose("tariffs", "tariffs", headless)
    made.run("pricing", replicas, calls, release)
    return made


PINNED = client("tariffs", 40)
PER_REQUEST = client("tariffs", 40, per_request=True)
HEADLESS = client("tariffs", 40, round_robin=True, port=PORT)


def test_a_held_connection_to_a_cluster_ip_sends_everything_to_one_pod() -> None:
    shares = cluster(PINNED).served_during("tariffs", 60)
    assert sorted(shares.values()) == [0, 0, 2400]


def test_it_stays_there_until_that_pod_goes_away() -> None:
    made = cluster(PINNED)
    made.play(10)
    first = max(made.served("tariffs"), key=made.served("tariffs").__getitem__)
    made.start("tariffs", "tariffs-new")
    assert made.served_during("tariffs", 10)[first] == 400
    made.unready(first)
    assert made.served_during("tariffs", 10)[first] == 400, "a connection outlives readiness"
    made.stop(first)
    after = made.served_during("tariffs", 10)
    assert sorted(after.values()) == [0, 0, 400]


def test_dialling_for_each_request_is_even_by_chance() -> None:
    shares = cluster(PER_REQUEST).served_during("tariffs", 300)
    assert sum(shares.values()) == 12000
    for count in shares.values():
        assert count == pytest.approx(4000, abs=4 * 52)  # four standard deviations of a binomial


def test_a_new_pod_gets_its_share_of_dials_at_once() -> None:
    made = cluster(PER_REQUEST)
    made.play(5)
    made.start("tariffs", "tariffs-new")
    assert made.served_during("tariffs", 30)["tariffs-new"] == pytest.approx(300, abs=60)


def test_round_robin_is_exactly_even() -> None:
    shares = cluster(HEADLESS, headless=True).served_during("tariffs", 60)
    assert sorted(shares.values()) == [800, 800, 800]


def test_a_new_pod_behind_a_headless_service_waits_for_dns() -> None:
    made = cluster(HEADLESS, headless=True)
    made.play(10)
    made.start("tariffs", "tariffs-new")
    assert made.served_during("tariffs", DNS_SECONDS - 10)["tariffs-new"] == 0
    assert made.served_during("tariffs", 10)["tariffs-new"] == pytest.approx(100, abs=3)


def test_round_robin_drops_a_lost_pod_at_once() -> None:
    made = cluster(HEADLESS, headless=True)
    made.play(10)
    made.stop("tariffs-1")
    assert sorted(made.served_during("tariffs", 10).values()) == [200, 200]


@pytest.mark.parametrize("mesh", [None, GOOD])
def test_when_all_known_pods_are_replaced_calls_fail_until_dns_is_asked_again(mesh: str | None) -> None:
    made = cluster(HEADLESS, mesh, headless=True)
    made.play(10)
    for number in range(3):
        made.stop(f"tariffs-{number}")
        made.start("tariffs", f"tariffs-new-{number}")
    assert sum(made.served_during("tariffs", DNS_SECONDS - 10).values()) == 0
    handled = made.meter("pricing-0").made.handled
    assert sum(count for (_, code), count in handled.items() if code == "Unavailable") == pytest.approx(
        800, abs=1
    )
    assert sum(made.served_during("tariffs", 10).values()) == pytest.approx(400, abs=1)


def test_a_meshed_client_of_a_headless_service_keeps_its_own_balancing() -> None:
    made = cluster(HEADLESS, GOOD, headless=True)
    assert sorted(made.served_during("tariffs", 60).values()) == [800, 800, 800]
    made.start("tariffs", "tariffs-new")
    assert made.served_during("tariffs", 0.5)["tariffs-new"] > 0, "60 s are a multiple of the DNS interval"


@pytest.mark.parametrize("calls", [PINNED, PER_REQUEST])
def test_a_meshed_client_of_a_cluster_ip_is_balanced_by_its_proxy(calls: Client) -> None:
    shares = cluster(calls, GOOD).served_during("tariffs", 120)
    assert sum(shares.values()) == 4800
    assert max(shares.values()) < 1.15 * 1600
    assert min(shares.values()) > 0.85 * 1600


def test_meshing_the_server_alone_changes_nothing() -> None:
    made = Cluster()
    made.run("tariffs", 3, release=GOOD)
    made.expose("tariffs", "tariffs")
    made.run("pricing", 1, PINNED)
    assert sorted(made.served_during("tariffs", 30).values()) == [0, 0, 1200]
    assert max(requests(meter, "inbound", f'target_port="{PORT}"') for meter in made.of("tariffs")) == 1200


def test_a_proxy_warms_up_to_a_new_pod() -> None:
    made = cluster(PINNED, GOOD)
    made.play(20)
    made.start("tariffs", "tariffs-new")
    # Its estimate begins at the default of 30 ms, well above what the others take, and decays from there.
    assert made.served_during("tariffs", 3)["tariffs-new"] == 0
    assert made.served_during("tariffs", 27)["tariffs-new"] > 0
    assert made.served_during("tariffs", 60)["tariffs-new"] == pytest.approx(600, rel=0.25)


def test_a_refused_port_fails_every_call() -> None:
    made = cluster(client("tariffs", 40, port=8080))
    assert sum(made.served_during("tariffs", 10).values()) == 0
    assert list(made.meter("pricing-0").made.handled.values()) == [0, 400]
    headless = cluster(client("tariffs", 40, round_robin=True, port=80), headless=True)
    assert sum(headless.served_during("tariffs", 10).values()) == 0


def test_a_proxy_says_which_port_the_service_does_not_declare() -> None:
    made = cluster(client("tariffs", 40, port=8080), GOOD)
    made.play(10)
    proxy = made.meter("pricing-0").proxy
    assert proxy
    ((text, count),) = proxy.forbidden.items()
    assert 'parent_name="tariffs",parent_port="8080"' in text
    assert 'route_name="undefined-port"' in text
    assert 'error="forbidden"' in text
    assert 9 <= count <= 11, "a client that holds its connections backs off"


def test_a_client_follows_a_service_that_becomes_a_cluster_ip() -> None:
    """Its addresses hold until it asks DNS again; then it is pinned, having dialled a declared port."""
    made = cluster(HEADLESS, headless=True)
    made.play(10)
    made.expose("tariffs", "tariffs", headless=False, port=PORT)
    assert sorted(made.served_during("tariffs", DNS_SECONDS - 10).values()) == pytest.approx(
        [266, 267, 267], abs=2
    )
    assert sorted(made.served_during("tariffs", 20).values()) == pytest.approx([0, 0, 800], abs=4)


def test_the_rate_is_that_of_the_workload_whatever_its_replicas() -> None:
    made = cluster(PER_REQUEST, replicas=3)
    assert sum(made.served_during("tariffs", 30).values()) == pytest.approx(1200, abs=3)
    made.unready("pricing-1")
    assert sum(made.served_during("tariffs", 30).values()) == pytest.approx(1200, abs=3)
