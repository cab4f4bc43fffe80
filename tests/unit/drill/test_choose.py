"""Which workload is drilled, which namespace is refused, and what is skipped with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from unit.core.factories import cluster, pods, service, space, workload

from meshroll.core.callers import Caller
from meshroll.core.drill.choose import (
    chosen,
    enforces_policies,
    refusal,
    resizable,
    too_many,
    unable,
    unmarked,
)
from meshroll.core.drill.model import HYPOTHESES
from meshroll.core.errors import Refused
from meshroll.core.model import Pod, Workload

MARKED = {"meshroll.io/drillable": "true"}
LIMITED: dict[str, Any] = {"name": "sessions", "resources": {"limits": {"cpu": "200m"}}}


def sessions(**how: Any) -> Workload:
    return workload(name="sessions", replicas=3, **how)


@pytest.mark.parametrize("labels", [{}, {"meshroll.io/drillable": "false"}, {"meshroll.io/drillable": ""}])
def test_a_namespace_is_drilled_only_if_its_label_says_so(labels: dict[str, str]) -> None:
    problem = refusal(space(sessions(), labels=labels))
    assert problem is not None
    assert "kubectl label namespace charging meshroll.io/drillable=true" in problem.hint
    assert refusal(space(sessions(), labels=MARKED)) is None


def test_a_workload_with_callers_where_nobody_has_agreed_to_it_is_not_drilled() -> None:
    here = space(sessions())
    callers = [Caller(name, workload(name="reports", namespace=name)) for name in ("charging", "b", "a")]
    problem = unmarked(here, sessions(), callers, {"a": {"metadata": {}}, "b": {"metadata": {}}})
    assert problem is not None
    assert "a/Deployment/reports, b/Deployment/reports." in problem.message
    marked = {"metadata": {"labels": MARKED}}
    problem = unmarked(here, sessions(), callers, {"a": marked, "b": {}})
    assert problem is not None
    assert "kubectl label namespace b " in problem.hint
    assert unmarked(here, sessions(), callers, {"a": marked, "b": marked}) is None
    assert unmarked(here, sessions(), callers[:1], {}) is None


def test_one_cluster_is_drilled_and_never_several_at_once() -> None:
    assert too_many(["prod-eu"]) is None
    problem = too_many(["prod-us", "prod-eu"])
    assert problem is not None
    assert "--limit prod-eu" in problem.hint


def test_what_has_proxies_is_drilled_before_what_has_none() -> None:
    one, other = workload(name="alpha"), workload(name="omega")
    services = [service("alpha", "alpha"), service("omega", "omega")]
    assert chosen(space(one, other, services=services), None).id == "Deployment/alpha"
    seen = [*pods(one), *pods(other, proxy="native")]
    assert chosen(space(one, other, services=services, pods_seen=seen), None).id == "Deployment/omega"


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (workload("StatefulSet", "sessions", replicas=3), "is no Deployment"),
        (workload(name="sessions", replicas=1), "has 1 pods"),
        (workload(name="sessions", labels={"app": "other"}), "is behind no Service"),
        (workload(name="sessions", metadata={"generation": 2}), "is not at rest"),
        (workload(name="sessions", spec={"paused": True}), "is paused"),
    ],
)
def test_what_cannot_be_drilled_is_refused_with_the_reason(unfit: Workload, reason: str) -> None:
    here = space(unfit, services=[service("sessions", "sessions")])
    with pytest.raises(Refused, match=reason):
        chosen(here, unfit.id)
    with pytest.raises(Refused, match="No workload"):
        chosen(here, None)


def test_an_autoscaler_owns_the_replicas_and_takes_a_slow_pod_for_a_reason_to_change_them() -> None:
    scaler = {
        "metadata": {"name": "busy"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "sessions"}},
    }
    here = space(sessions(containers=[LIMITED]), autoscalers=[scaler])
    skipped = {
        each for each in HYPOTHESES if "HPA busy" in (unable(each, cluster(here), here, sessions()) or "")
    }
    assert skipped == {"scale-up", "scale-down", "degraded-pod"}


def test_a_deployment_that_replaces_all_pods_at_once_is_not_rolled() -> None:
    at_once = sessions(spec={"strategy": {"type": "Recreate"}})
    here = space(at_once)
    assert "Recreate" in (unable("rolling-deploy", cluster(here), here, at_once) or "")
    assert unable("pod-crash", cluster(here), here, at_once) is None
    assert unable("rolling-deploy", cluster(here), here, sessions()) is None


@pytest.mark.parametrize(
    ("container", "kubernetes", "reason"),
    [
        (LIMITED, "v1.33.0", None),
        (LIMITED, "v1.32.9", "from Kubernetes 1.33 on"),
        ({"name": "sessions"}, "v1.35.0", "no CPU limit"),
        (
            {**LIMITED, "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]},
            "v1.35.0",
            "restarts the container",
        ),
        (
            {**LIMITED, "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]},
            "v1.35.0",
            None,
        ),
    ],
)
def test_a_pod_is_degraded_only_where_that_can_be_taken_back(
    container: dict[str, Any], kubernetes: str, reason: str | None
) -> None:
    target = sessions(containers=[container])
    here = space(target)
    found = unable("degraded-pod", cluster(here, kubernetes=kubernetes), here, target)
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


def test_a_kubelet_that_says_nothing_of_resources_cannot_resize() -> None:
    def told(**status: Any) -> Pod:
        return Pod(
            {"status": {"containerStatuses": [{"name": "sessions", "state": {"running": {}}, **status}]}}
        )

    assert resizable(told(resources={}))
    assert not resizable(told())


@pytest.mark.parametrize(
    ("name", "arguments", "enforced"),
    [
        ("cilium", None, True),
        ("calico-node", None, True),
        ("kube-proxy", None, False),
        ("aws-node", None, False),
        ("aws-node", ["--enable-network-policy=false"], False),
        ("aws-node", ["--enable-ipv6=false", "--enable-network-policy=true"], True),
    ],
)
def test_policies_are_enforced_where_a_cni_is_known_to_do_it(
    name: str, arguments: list[str] | None, enforced: bool
) -> None:
    agent = {"name": "aws-eks-nodeagent", "args": arguments} if arguments else {"name": name}
    cni = workload("DaemonSet", name, namespace="kube-system", containers=[{"name": name}, agent])
    here = space(sessions())
    view = cluster(here, elsewhere=[cni])
    assert enforces_policies(view) is enforced
    assert (unable("partition", view, here, sessions()) is None) is enforced
