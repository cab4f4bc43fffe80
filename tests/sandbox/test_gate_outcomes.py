"""Slice b: what a failed, an unmeasurable and an undecided gate lead to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox.support import Estate, Told, make_estate, receiver, wait_for_pods
from sandbox.test_whole_namespace import assert_fallback

from meshroll_sandbox import faults
from meshroll_sandbox.status import Status


@pytest.fixture
def told() -> Iterator[Told]:
    """What a webhook has got so far, and its URL."""
    with receiver() as told:
        yield told


@pytest.fixture
def estate(sandbox: Status, tmp_path: Path, request: pytest.FixtureRequest, told: Told) -> Iterator[Estate]:
    assert sandbox.connection
    name = "gate-" + str(abs(hash(request.node.name)) % 10_000_000)
    estate = make_estate(sandbox.connection, name, tmp_path)
    estate.settings(
        notifications=[{"url": told.url}, {"url": told.url, "format": "slack", "events": ["pause"]}]
    )
    yield estate
    faults.write(sandbox.folder, [])


def test_errors_that_begin_with_the_first_meshed_pod_take_the_whole_run_back(
    sandbox: Status, estate: Estate, told: Told, tmp_path: Path
) -> None:
    service = f"{estate.name}/voltnet-omnicharge-points"
    faults.write(sandbox.folder, [faults.ErrorsWithMesh(ratio=0.3, service=service)])
    ran = estate.run("rollout")
    assert ran.code == 4, ran.result["errors"]
    assert "gate-failed" in ran.codes
    assert ran.cluster["gate"][-1]["outcome"] == "Failed"
    assert_fallback(estate)
    assert told.events == ["start", "rollback"]
    assert ran.result["errors"][0]["message"] in told.bodies[-1]["reason"]
    page = tmp_path / "page.html"
    report = estate.run("report", ran.result["run_id"], "--output-file", str(page)).cluster["report"]
    assert (report["verdict"], report["undo"]) == ("Rolled back", None)
    assert report["workloads"][0]["rows"][0]["outcome"] == "Failed", "what decided comes first"
    assert report["reason"] in page.read_text()


def test_errors_that_are_there_before_refuse_and_change_nothing(
    sandbox: Status, estate: Estate, told: Told
) -> None:
    faults.write(sandbox.folder, [faults.Errors(service=f"{estate.name}/tariffs", ratio=0.3)])
    wait_until_measured(estate, "namespace-outside-limits")
    before = estate.fingerprint()
    ran = estate.run("rollout")
    assert ran.code == 3 and set(ran.codes) == {"namespace-outside-limits"}, ran.result["errors"]
    assert told.events == ["failure"], "and nothing of the looks before it"
    assert estate.fingerprint() == before


def test_no_traffic_pauses_and_the_next_rollout_goes_on(sandbox: Status, estate: Estate, told: Told) -> None:
    estate.namespace_settings(workloads=["Deployment/sessions-gateway", "Deployment/sessions"])
    faults.write(sandbox.folder, [faults.NoTraffic()])
    ran = estate.run("rollout")
    assert ran.code == 9 and ran.codes == ["gate-inconclusive"], ran.result["errors"]
    meshed = ran.workload("Deployment/sessions-gateway")
    assert meshed["meshed_pods"] == meshed["pods"] == 2
    assert ran.workload("Deployment/sessions")["meshed_pods"] == 0
    pods = {pod.uid for pod in estate.pods("Deployment/sessions-gateway")}
    assert told.events[0] == "start" and sorted(told.events[1:]) == ["pause", "slack"]
    faults.write(sandbox.folder, [])
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    assert told.events[3:] == ["start", "success"]
    assert ran.cluster["gate"][0]["wave"].endswith("Deployment/sessions-gateway"), "it goes on at that gate"
    assert {pod.uid for pod in estate.pods("Deployment/sessions-gateway")} == pods, (
        "and restarts nothing for it"
    )


@pytest.mark.exhaustive
def test_a_paused_run_can_be_taken_back(sandbox: Status, estate: Estate) -> None:
    faults.write(sandbox.folder, [faults.NoTraffic()])
    assert estate.run("rollout").code == 9
    assert estate.run("rollback", "--to", "previous").code == 0
    assert all(pod.proxy is None for pod in estate.pods("Deployment/omni"))
    assert estate.variable("omni", "DIAL_MODE") == "pooled"


def test_a_proxy_that_prometheus_does_not_scrape_is_an_error_and_no_verdict(
    sandbox: Status, estate: Estate
) -> None:
    estate.kube.merge_patch(
        f"/apis/apps/v1/namespaces/{estate.name}/deployments/omni",
        {"spec": {"template": {"metadata": {"labels": {"sandbox.meshroll.io/unscraped": "true"}}}}},
    )
    wait_for_pods(estate.kube, estate.name, 20)
    ran = estate.run("rollout")
    assert ran.code == 9 and ran.codes == ["gate-error"], ran.result["errors"]
    assert "linkerd-proxy" in ran.result["errors"][0]["hint"], "the scrape configuration to add"


def wait_until_measured(estate: Estate, code: str) -> None:
    """A fault shows in a window only after a while; ask until it does, at most 30 s."""
    import time

    for _ in range(15):
        if code in estate.run("plan").codes:
            return
        time.sleep(2)
