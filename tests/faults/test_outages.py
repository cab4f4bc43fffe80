"""What a run talks to goes away in the middle and comes back: it waits, or goes back, and says nothing untrue."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from faults.conftest import Figure
from faults.ends import EITHER, OLD, end_of
from faults.estate import Estate
from faults.fault import BeforeWrite, Down, Once, path_has

API_DOWN_SECONDS = 60.0
INJECTOR = "/apis/apps/v1/namespaces/linkerd/deployments/linkerd-proxy-injector"


TEMPLATE = path_has("/deployments/")
MOMENTS = {
    "lock": path_has("/leases"),
    "journal": path_has("/namespaces/meshroll/configmaps/"),
    "first template": TEMPLATE,
    "Service": path_has("/services$"),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("moment", [*MOMENTS, "namespace"])
def test_the_api_server_is_down_for_a_minute(estate: Estate, figure: Figure, moment: str) -> None:
    figure.row("API server down for 60 s in the middle of a rollout")
    moments = {**MOMENTS, "namespace": path_has(f"/api/v1/namespaces/{estate.name}$")}
    fault = Once(moments[moment], Down(API_DOWN_SECONDS))
    began = time.monotonic()
    with estate.through.api.disturbed(fault):
        ran = estate.run("rollout")
        took = time.monotonic() - began
        # Whoever gave up early is asked again once the API server is back.
        while ran.code != 0 and time.monotonic() - began < API_DOWN_SECONDS + 20:
            time.sleep(1)
    assert fault.hit
    if ran.code == 0:
        end_of(estate, ("new",), ran)
        figure.end("new at once")
        return
    assert ran.code in (3, 4, 5, 9, 130), (f"after {took:.0f} s", ran.code, ran.result["errors"])
    after = estate.run_to_end("resume")
    assert after.code in (0, 4), (ran.result["errors"], after.result["errors"])
    figure.end(f"{end_of(estate, EITHER, after)} after {ran.code} and resume")


@pytest.mark.exhaustive
def test_prometheus_does_not_answer_any_more(estate: Estate, figure: Figure) -> None:
    figure.row("Prometheus down from the first change on")
    prometheus = estate.through.prometheus
    try:
        with estate.through.api.disturbed(BeforeWrite(TEMPLATE, prometheus.down)):
            ran = estate.run("rollout")
    finally:
        prometheus.up()
    assert ran.code in (4, 9), (ran.code, ran.result["errors"])
    if ran.code == 4:
        figure.end(end_of(estate, OLD, ran))
        return
    after = estate.run_to_end("resume")
    assert after.code == 0, after.result["errors"]
    figure.end(f"{end_of(estate, ('new',), after)} after {ran.code} and resume")


@pytest.fixture
def webhook(estate: Estate) -> Iterator[None]:
    """Puts the injector back."""
    before = estate.kube.get(INJECTOR)
    assert before
    yield
    scale_injector(estate, before["spec"]["replicas"])


def scale_injector(estate: Estate, replicas: int) -> None:
    """Nobody answers the webhook without a pod of it."""
    estate.kube.merge_patch(INJECTOR, {"spec": {"replicas": replicas}})
    deadline = time.monotonic() + 30
    while (((estate.kube.get(INJECTOR) or {}).get("status") or {}).get("readyReplicas") or 0) != replicas:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("policy", ["Ignore", "Fail"])
def test_the_injector_does_not_answer(estate: Estate, figure: Figure, policy: str, webhook: None) -> None:
    figure.row(f"injector down from the first change on, failurePolicy {policy}")
    configuration = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/"
    configuration += "linkerd-proxy-injector-webhook-config"
    before = (estate.kube.get(configuration) or {})["webhooks"][0]["failurePolicy"]
    replicas = (estate.kube.get(INJECTOR) or {})["spec"]["replicas"]
    path = "/webhooks/0/failurePolicy"
    estate.kube.json_patch(configuration, [{"op": "replace", "path": path, "value": policy}])
    try:
        with estate.through.api.disturbed(BeforeWrite(TEMPLATE, lambda: scale_injector(estate, 0))):
            ran = estate.run("rollout")
        assert ran.code in (4, 5), (ran.code, ran.result["errors"])
        if ran.code == 4:
            figure.end(end_of(estate, OLD, ran))
            return
        scale_injector(estate, replicas)
        after = estate.run("rollback")
        assert after.code == 0, (ran.result["errors"], after.result["errors"])
        figure.end(f"{end_of(estate, ('fallback',), after)} after {ran.code} and rollback")
    finally:
        estate.kube.json_patch(configuration, [{"op": "replace", "path": path, "value": before}])
