"""What a proxy's balancer makes of a slow pod, and peak EWMA itself."""

import math
from random import Random

import pytest
from unit.sandbox.traffic_cluster import GOOD, Cluster, client

from meshroll_sandbox.faults import SlowPod
from meshroll_sandbox.standins.traffic.balancers import DECAY_SECONDS, DEFAULT_RTT_SECONDS, PeakEwma
from meshroll_sandbox.standins.traffic.topology import Endpoint

POD = Endpoint(("charging", "a"), "a", 8080)


def test_a_slow_pod_gets_less_from_a_proxy_and_its_full_share_otherwise() -> None:
    shares = {}
    for release in (GOOD, None):
        made = Cluster(faults=(SlowPod(200, pod="charging/tariffs-0"),))
        made.run("tariffs", 3)
        made.expose("tariffs", "tariffs")
        made.run("pricing", 1, client("tariffs", 40, per_request=True), release)
        counts = made.served_during("tariffs", 60)
        shares[release] = counts["tariffs-0"] / sum(counts.values())
    assert shares[GOOD] < 0.1
    assert shares[None] == pytest.approx(1 / 3, abs=0.05)


def test_an_estimate_begins_at_the_default_and_decays_when_left_alone() -> None:
    balancer = PeakEwma(Random(1))
    assert balancer.load("a", 0.0) == DEFAULT_RTT_SECONDS
    assert balancer.load("a", DECAY_SECONDS) == pytest.approx(DEFAULT_RTT_SECONDS / math.e)


def test_a_peak_counts_at_once_and_requests_under_way_weigh() -> None:
    balancer = PeakEwma(Random(1))
    balancer.pick([POD], {"a"}, 0.0)
    balancer.sent(POD, 0.0, 0.5)
    assert balancer.load("a", 0.1) == pytest.approx(2 * DEFAULT_RTT_SECONDS)
    balancer.pick([POD], {"a"}, 0.5)
    assert balancer.load("a", 0.5) == pytest.approx(0.5)


def test_of_two_endpoints_the_less_loaded_is_taken() -> None:
    balancer = PeakEwma(Random(1))
    slow, fast = POD, Endpoint(("charging", "b"), "b", 8080)
    balancer.sent(slow, 0.0, 0.4)
    balancer.sent(fast, 0.0, 0.01)
    balancer.pick([slow], {"a"}, 1.0)
    assert {balancer.pick([slow, fast], {"a", "b"}, 1.0) for _ in range(20)} == {fast}


def test_equal_endpoints_share_about_evenly_over_a_minute() -> None:
    """Not exactly: a pod that was slow once is avoided for seconds, so shares sway by a tenth or two."""
    worst = 0.0
    for seed in range(3):
        made = Cluster(seed)
        made.run("tariffs", 3)
        made.expose("tariffs", "tariffs")
        made.run("pricing", 2, client("tariffs", 60), GOOD)
        made.play(30)
        counts = made.served_during("tariffs", 60)
        worst = max(worst, max(counts.values()) / (sum(counts.values()) / 3))
    assert worst < 1.25
