"""What a gate says of each fault of a meshed namespace: the right outcome, with the right name in the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sandbox.support import GATE, Estate, Ran, add_caller, make_estate

from meshroll_sandbox import faults
from meshroll_sandbox.status import Status

pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def meshed(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "named", tmp_path_factory.mktemp("named"))
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    return estate


@pytest.fixture
def estate(sandbox: Status, meshed: Estate) -> Iterator[Estate]:
    yield meshed
    faults.write(sandbox.folder, [])


def verify_with(sandbox: Status, estate: Estate, on: Sequence[faults.Fault]) -> Ran:
    faults.write(sandbox.folder, on)
    return estate.run("verify")


def reason(ran: Ran) -> str:
    return str(ran.cluster["gate"][-1]["summary"])


def test_errors_fail_with_the_server_that_answers_them(sandbox: Status, estate: Estate) -> None:
    ran = verify_with(sandbox, estate, [faults.Errors(service=f"{estate.name}/tariffs", ratio=0.3)])
    assert (ran.code, ran.codes) == (10, ["gate-failed"]), reason(ran)
    assert "Deployment/tariffs" in reason(ran)
    assert "failed" in reason(ran)


def test_a_partition_fails_with_the_caller_whose_calls_get_nowhere(sandbox: Status, estate: Estate) -> None:
    ran = verify_with(sandbox, estate, [faults.Partition(service=f"{estate.name}/tariffs")])
    assert (ran.code, ran.codes) == (10, ["gate-failed"]), reason(ran)
    assert "Deployment/pricing" in reason(ran)
    assert "outbound requests failed" in reason(ran)


def test_a_slow_pod_fails_by_its_name(sandbox: Status, estate: Estate) -> None:
    # The balancer spares it, so it takes a while until it has answered as many requests as are needed to judge a pod.
    estate.settings(gate={**GATE, "window_seconds": 120, "window_max_seconds": 180})
    pod = estate.pods("Deployment/tariffs")[1].name
    ran = verify_with(sandbox, estate, [faults.SlowPod(pod=f"{estate.name}/{pod}", milliseconds=40)])
    assert (ran.code, ran.codes) == (10, ["gate-failed"]), reason(ran)
    assert pod in reason(ran)
    assert "Deployment/tariffs" in reason(ran)


def test_a_pinned_client_fails_by_its_pod_and_with_the_cause(sandbox: Status, estate: Estate) -> None:
    add_caller(estate, "terminal", "tariffs", 80)
    try:
        ran = verify_with(sandbox, estate, [])
    finally:
        estate.kube.delete(f"/apis/apps/v1/namespaces/{estate.name}/deployments/terminal")
    assert (ran.code, ran.codes) == (10, ["gate-failed"]), reason(ran)
    assert "Deployment/tariffs" in reason(ran)
    assert "a client without a proxy" in reason(ran)
    assert "a caller that no manifest names" in reason(ran)


def test_no_traffic_is_inconclusive_and_says_so(sandbox: Status, estate: Estate) -> None:
    ran = verify_with(sandbox, estate, [faults.NoTraffic()])
    assert (ran.code, ran.codes) == (9, ["gate-inconclusive"])
    assert "are needed to judge it" in reason(ran)
