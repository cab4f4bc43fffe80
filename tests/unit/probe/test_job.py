"""The probe's Job, and how far its pod is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from unit.core.factories import pod, workload

from meshroll.core.model import INJECT, Pod
from meshroll.core.probe.job import (
    CONTAINER,
    DEADLINE_SECONDS,
    WAIT_SECONDS,
    Ended,
    ended,
    job,
    not_made,
    waits_for,
)
from meshroll.core.probe.target import Aim

AIM = Aim("charging", "tariffs", 80, True, ("tariffs-0", "tariffs-1"))
RUN = "20261124t200539z-6f2330"
JOB = job(AIM, "curlimages/curl:8.12.1", RUN, "echo script")
TEMPLATE = JOB["spec"]["template"]


def seen(*, proxy: Any = "native", **status: Any) -> Pod:
    found = copy.deepcopy(dict(pod(workload(name=CONTAINER), proxy=proxy).manifest))
    return Pod({**found, "status": {**found["status"], **status}})


def terminated(code: int = 0, message: str | None = "connections 1\n", **more: Any) -> list[dict[str, Any]]:
    state = {"exitCode": code, **({} if message is None else {"message": message}), **more}
    return [{"name": CONTAINER, "state": {"terminated": state}}]


def test_its_pod_asks_for_a_proxy_that_shows_it_its_metrics_and_skips_nothing() -> None:
    policy = "config.linkerd.io/default-inbound-policy"
    assert TEMPLATE["metadata"]["annotations"] == {INJECT: "enabled", policy: "all-unauthenticated"}


def test_it_is_not_tried_again_and_goes_by_itself_after_whoever_made_it_has_stopped_waiting() -> None:
    assert JOB["spec"]["backoffLimit"] == 0
    assert TEMPLATE["spec"]["restartPolicy"] == "Never"
    assert JOB["spec"]["activeDeadlineSeconds"] == DEADLINE_SECONDS > WAIT_SECONDS
    assert JOB["spec"]["ttlSecondsAfterFinished"] > 0


def test_it_passes_the_restricted_pod_security_standard() -> None:
    (container,) = TEMPLATE["spec"]["containers"]
    security = {**TEMPLATE["spec"]["securityContext"], **container["securityContext"]}
    assert security["runAsNonRoot"] and security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}


def test_nothing_of_the_target_is_in_the_scripts_text() -> None:
    (container,) = TEMPLATE["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "-c", "echo script"]
    assert {"name": "URL", "value": AIM.url} in container["env"]


def test_two_runs_do_not_stand_in_each_others_way_and_the_name_is_short_enough_for_pods() -> None:
    other = job(AIM, "curl", "20261124t200539z-ffffff", "")
    assert JOB["metadata"]["name"] != other["metadata"]["name"]
    assert len(JOB["metadata"]["name"]) <= 63 - len("-abcde")


def test_no_service_of_an_application_selects_its_pod() -> None:
    assert set(TEMPLATE["metadata"]["labels"].values()) == {"meshroll-probe", "meshroll", RUN}


def test_the_result_is_what_its_container_left_although_the_proxy_runs_on() -> None:
    statuses = [*terminated(), {"name": "linkerd-proxy", "state": {"running": {}}}]
    assert ended(seen(proxy="wait", containerStatuses=statuses)) == Ended("connections 1")


def test_a_proxy_that_ended_badly_after_the_probe_takes_nothing_from_its_result() -> None:
    # As native sidecars did before edge-25.8.1 (linkerd2#14289).
    killed = [{"name": "linkerd-proxy", "state": {"terminated": {"exitCode": 137}}}]
    found = seen(initContainerStatuses=killed, containerStatuses=terminated())
    assert ended(found) == Ended("connections 1")


@pytest.mark.parametrize("statuses", [[], [{"name": CONTAINER, "state": {"running": {}}}]])
def test_a_pod_on_its_way_is_waited_for(statuses: list[dict[str, Any]]) -> None:
    assert ended(seen(containerStatuses=statuses)) is None


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (seen(proxy=None), "its pod got no proxy"),
        (
            seen(
                initContainerStatuses=[
                    {"name": "linkerd-init", "state": {"terminated": {"exitCode": 1, "message": "a\nno nft"}}}
                ]
            ),
            "container linkerd-init failed (1): no nft",
        ),
        (seen(containerStatuses=terminated(127, "sh: curl: not found", reason="Error")), "curl: not found"),
        (seen(containerStatuses=terminated(137, None, reason="OOMKilled")), "OOMKilled 137"),
        (seen(containerStatuses=[], phase="Failed", reason="Evicted"), "Evicted"),
        (
            seen(
                containerStatuses=[
                    {"name": CONTAINER, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no"}}}
                ]
            ),
            "ImagePullBackOff no",
        ),
    ],
)
def test_a_pod_that_cannot_get_there_says_why(found: Pod, why: str) -> None:
    end = ended(found)
    assert end and end.message is None and why in end.why


def test_a_refused_pod_is_not_waited_for() -> None:
    made = {"type": "Normal", "reason": "SuccessfulCreate", "message": "Created pod"}
    quota = {"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota: pods"}
    assert not_made([]) is None
    assert not_made([made]) is None
    end = not_made([made, quota])
    assert end and end.message is None and "FailedCreate, exceeded quota: pods" in end.why


def test_an_init_container_that_has_done_its_work_is_no_result() -> None:
    done = {"name": "linkerd-init", "state": {"terminated": {"exitCode": 0}}}
    assert ended(seen(initContainerStatuses=[done], containerStatuses=[])) is None


def test_what_is_waited_for_is_said() -> None:
    assert "no pod" in waits_for(None)
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    assert "0/3 nodes" in waits_for(seen(conditions=[condition]))
    creating = [{"name": CONTAINER, "state": {"waiting": {"reason": "ContainerCreating"}}}]
    assert "ContainerCreating" in waits_for(seen(containerStatuses=creating))
