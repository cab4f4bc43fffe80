"""Upgrades hop by hop, each with the edition that fails it; in a sandbox whose Linkerd nobody else needs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from faults.tree import kill_tree
from sandbox.support import MESHROLL, STATE, Estate, Ran, catalogue_with, own_estate

OLD, MILESTONE, NEW = "edge-25.10.7", "edge-26.6.3", "edge-26.8.3"
NEVER_UP, BAD_UNDER_TRAFFIC, WITHDRAWN = "edge-26.6.98", "edge-26.6.99", "edge-25.11.2"
# None of them balances over a headless Service, whose client is blind for a while once the servers restart.
TAKEN = ["Deployment/pricing", "Deployment/tariffs", "Deployment/sessions-gateway"]

EXPORTER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "exporter", "namespace": "climbing"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "exporter"}},
        "template": {
            "metadata": {"labels": {"app": "exporter"}, "annotations": {"linkerd.io/inject": "enabled"}},
            "spec": {
                "containers": [{"name": "exporter", "image": "e.example/e:1", "args": ["tariffs:8080"]}]
            },
        },
    },
}
PROFILE = {
    "apiVersion": "linkerd.io/v1alpha2",
    "kind": "ServiceProfile",
    "metadata": {"name": "tariffs.climbing.svc.cluster.local", "namespace": "climbing"},
    "spec": {"routes": []},
}
# Seven upgrades with their gates are minutes.
pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """A mesh of OLD with three workloads on it."""
    with own_estate("climbing", tmp_path_factory.mktemp("upgrade")) as made:
        made.namespace_settings(workloads=TAKEN, injection="workloads", waves=[{"share": 1.0}])
        made.settings(release={"channel": OLD}, control_plane={**made.control_plane, "timeout_seconds": 40})
        ran = made.run("rollout")
        assert ran.code == 0, ran.result["errors"]
        made.settings(release={"channel": "recommended"})
        yield made


def picks(estate: Estate, edge: str) -> None:
    """Policy picks ``edge``, and an upgrade to it is due at once."""
    marked = {"mark": "recommended", "source": "test"}
    changes = {each: marked if each == edge else None for each in (NEVER_UP, BAD_UNDER_TRAFFIC, NEW)}
    estate.settings(catalogue=catalogue_with(estate.folder, changes), upgrade={"interval_days": 0})


def proxies(estate: Estate) -> set[str | None]:
    return {pod.proxy.release if pod.proxy else None for name in TAKEN for pod in estate.pods(name)}


def hops(ran: Ran) -> list[tuple[str, str, str]]:
    return [(hop["from"], hop["to"], hop["state"]) for hop in ran.cluster["upgrade"]["hops"]]


def revisions(estate: Estate) -> list[str]:
    found, _ = estate.kube.list_all("/api/v1/namespaces/linkerd/secrets", labelSelector="owner=helm")
    return sorted(secret["metadata"]["name"] for secret in found)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-n", "climbing"], 2, "namespace-given"),
        (["--to", "2.20"], 2, "release-unknown"),
        (["--to", "edge-27.1.1"], 2, "release-not-found"),
        (["--to", WITHDRAWN], 3, "release-not-recommended"),
    ],
)
def test_what_cannot_be_is_refused_and_the_cluster_stays_as_it_is(
    estate: Estate, arguments: list[str], code: int, said: str
) -> None:
    before = estate.fingerprint(), revisions(estate)
    ran = estate.run("upgrade", *arguments)
    assert (ran.code, ran.codes) == (code, [said])
    assert (estate.fingerprint(), revisions(estate)) == before


def test_a_check_says_the_hops_and_changes_nothing(estate: Estate) -> None:
    picks(estate, NEW)
    before = estate.fingerprint(), revisions(estate)
    ran = estate.run("upgrade", "--check")
    assert hops(ran) == [(OLD, MILESTONE, "planned"), (MILESTONE, NEW, "planned")]
    assert ran.cluster["plan"]["restarting_pods"] == 6
    assert (estate.fingerprint(), revisions(estate)) == before


def test_what_a_later_hop_hits_refuses_it_before_the_first_and_may_be_accepted(estate: Estate) -> None:
    """A client of a Service with a profile, dialling a port that is not declared: refused from edge-26.7.1 on."""
    estate.kube.apply(f"/apis/apps/v1/namespaces/{estate.name}/deployments/exporter", EXPORTER)
    profile = (
        f"/apis/linkerd.io/v1alpha2/namespaces/{estate.name}/serviceprofiles/{PROFILE['metadata']['name']}"
    )
    estate.kube.apply(profile, PROFILE)
    try:
        picks(estate, NEW)
        before = estate.fingerprint(), revisions(estate)
        ran = estate.run("upgrade")
        assert (ran.code, ran.codes) == (3, ["undeclared-service-ports-with-profiles"])
        assert "Deployment/exporter dial port 8080 of Service/tariffs" in ran.result["errors"][0]["message"]
        accept = [{"id": "undeclared-service-ports-with-profiles", "reason": "It is switched off."}]
        estate.settings(upgrade={"interval_days": 0, "accept": accept})
        ran = estate.run("upgrade", "--check")
        assert hops(ran) == [(OLD, MILESTONE, "planned"), (MILESTONE, NEW, "planned")]
        assert (estate.fingerprint(), revisions(estate)) == before
    finally:
        estate.kube.delete(profile)
        estate.kube.delete(f"/apis/apps/v1/namespaces/{estate.name}/deployments/exporter")


def test_a_control_plane_that_does_not_come_up_goes_back_and_the_hop_before_it_stays(estate: Estate) -> None:
    picks(estate, NEVER_UP)
    ran = estate.run("upgrade", "--scheduled")
    assert ran.code == 4, ran.result["errors"]
    assert hops(ran) == [(OLD, MILESTONE, "done"), (MILESTONE, NEVER_UP, "taken_back")]
    assert ran.cluster["release"] == MILESTONE
    assert proxies(estate) == {MILESTONE}
    assert f"The hop to {NEVER_UP} failed and was taken back: {MILESTONE} runs." in ran.cluster["summary"]


def test_nobody_tries_again_by_night_what_has_failed(estate: Estate) -> None:
    before = estate.fingerprint(), revisions(estate)
    ran = estate.run("upgrade", "--scheduled")
    assert (ran.code, ran.codes) == (3, ["upgrade-failed-before"])
    assert (estate.fingerprint(), revisions(estate)) == before


def test_there_is_no_way_down(estate: Estate) -> None:
    before = estate.fingerprint(), revisions(estate)
    ran = estate.run("upgrade", "--to", OLD)
    assert (ran.code, ran.codes) == (3, ["hop-downgrade"])
    assert (estate.fingerprint(), revisions(estate)) == before


def test_proxies_that_fail_under_traffic_go_back_and_only_they_restart(estate: Estate) -> None:
    picks(estate, BAD_UNDER_TRAFFIC)
    ran = estate.run("upgrade")
    assert ran.code == 4, ran.result["errors"]
    assert ran.codes == ["gate-failed"]
    assert hops(ran) == [(MILESTONE, BAD_UNDER_TRAFFIC, "taken_back")]
    assert ran.cluster["release"] == MILESTONE
    assert proxies(estate) == {MILESTONE}


def settled(estate: Estate) -> None:
    """Until the requests that a hop before has failed are out of the window: a baseline of them is refused, rightly."""
    for _ in range(20):
        if estate.run("upgrade", "--check").code == 0:
            return
        time.sleep(2)
    raise AssertionError("the mesh does not come to rest after a hop was taken back")


def killed_once(estate: Estate, reached: Any, *arguments: str) -> None:
    """An upgrade that is killed with all that it has started, once ``reached()``."""
    process = subprocess.Popen(
        [str(MESHROLL), "upgrade", "-i", estate.inventory, "--output", "json", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": STATE},
    )
    while not reached():
        assert process.poll() is None, "it ended before"
        time.sleep(0.05)
    kill_tree(process.pid)
    process.wait()


def test_killed_in_a_wave_of_bad_proxies_the_next_one_takes_them_back(estate: Estate) -> None:
    settled(estate)
    killed_once(estate, lambda: BAD_UNDER_TRAFFIC in proxies(estate))
    assert estate.run("rollout").codes == ["upgrade-unfinished"]
    assert estate.run("resume").codes == ["run-unfinished"]
    ran = estate.run("upgrade", "--scheduled")
    assert ran.code == 4, ran.result["errors"]
    assert ran.cluster["release"] == MILESTONE
    assert proxies(estate) == {MILESTONE}


def test_killed_in_the_middle_the_next_scheduled_one_goes_on_and_the_one_after_it_has_nothing_to_do(
    estate: Estate,
) -> None:
    picks(estate, NEW)
    settled(estate)
    killed_once(estate, lambda: NEW in proxies(estate), "--scheduled")
    ran = estate.run("upgrade", "--scheduled")
    assert ran.code == 0, ran.result["errors"]
    assert hops(ran) == [(MILESTONE, NEW, "done")]
    assert proxies(estate) == {NEW}
    before = estate.fingerprint(), revisions(estate)
    again = estate.run("upgrade", "--scheduled")
    assert (again.code, hops(again)) == (0, [])
    assert again.cluster["upgrade"]["due"]["state"] == "current"
    assert (estate.fingerprint(), revisions(estate)) == before
