"""Every row about workloads, quotas and annotations fires on a real API server where its trap is, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sandbox.support import Estate, apply_once_served, crd, make_estate, wait_for_pods

from meshroll_sandbox.status import Status

pytestmark = pytest.mark.exhaustive

Json = dict[str, Any]
NATIVE, WAITS, SIZED = "planted", "planted-wait", "planted-sized"
CONFIG = "config.linkerd.io/"
NATIVE_KEY = "linkerd.io/proxy-enable-native-sidecar"
VERSIONS = {
    "Deployment": "apps/v1",
    "CronJob": "batch/v1",
    "Job": "batch/v1",
    "Service": "v1",
    "ResourceQuota": "v1",
    "LimitRange": "v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "VerticalPodAutoscaler": "autoscaling.k8s.io/v1",
    "ScaledObject": "keda.sh/v1alpha1",
}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SLEEPS: Json = {"sleep": {"seconds": 2}}
CURLS: Json = {"exec": {"command": ["curl", "-X", "DELETE", "http://registry.planted/me"]}}
PLANTED = {
    (NATIVE, "annotation-outdated", f"Namespace/{NATIVE}"),
    (NATIVE, "wait-beside-native", f"Namespace/{NATIVE}"),
    (NATIVE, "annotation-unknown", "Deployment/misspelt"),
    (NATIVE, "annotation-misplaced", "Deployment/outside"),
    (NATIVE, "inject-value-invalid", "Deployment/unclear"),
    (NATIVE, "annotation-value-invalid", "Deployment/unread"),
    (NATIVE, "single-replica", "Deployment/lonely"),
    (NATIVE, "disruption-budget-undercut", "Deployment/undercut"),
    (NATIVE, "restarts-all-at-once", "Deployment/at-once"),
    (NATIVE, "hpa-without-proxy-request", "Deployment/scaled"),
    (NATIVE, "keda-without-proxy-request", "Deployment/queued"),
    (NATIVE, "drain-exceeds-grace-period", "Deployment/slow"),
    (NATIVE, "nothing-drains", "Deployment/abrupt"),
    (SIZED, "quota-without-room", "ResourceQuota/team"),
    (SIZED, "limit-range-refuses-proxy", "LimitRange/sizes"),
    (SIZED, "limit-range-sets-proxy", "LimitRange/sizes"),
    (WAITS, "cron-job-without-native", "CronJob/nightly"),
    (WAITS, "job-running", "Job/import"),
    (WAITS, "vpa-resizes-proxy", "Deployment/resized"),
    (WAITS, "pre-stop-needs-network", "Deployment/leaving"),
    (WAITS, "application-outlives-proxy", "Deployment/lingering"),
    (WAITS, "wait-exceeds-grace-period", "Deployment/hasty"),
}
BLOCKS = {
    "inject-value-invalid",
    "hpa-without-proxy-request",
    "keda-without-proxy-request",
    "quota-without-room",
    "limit-range-refuses-proxy",
    "wait-exceeds-grace-period",
}


def planted(space: str, kind: str, name: str, body: Json, annotations: Json | None = None) -> Json:
    meta = {"name": name, "namespace": space, "annotations": annotations or {}}
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": meta, **body}


def template(name: str, annotations: Json | None, hook: Json | None, **spec: Any) -> Json:
    container: Json = {
        "name": name,
        "image": f"registry.example/{name}:1",
        "resources": {"requests": {"cpu": "10m"}},
    }
    if hook:
        container["lifecycle"] = {"preStop": hook}
    meta = {"labels": {"app": name}, "annotations": annotations or {}}
    return {"metadata": meta, "spec": {"containers": [container], **spec}}


def deployment(
    space: str,
    name: str,
    annotations: Json | None = None,
    *,
    hook: Json | None = SLEEPS,
    replicas: int = 2,
    outside: Json | None = None,
    grace_period_seconds: int = 30,
    **spec: Any,
) -> Json:
    pods = template(name, annotations, hook, terminationGracePeriodSeconds=grace_period_seconds)
    wanted = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pods, **spec}
    return planted(space, "Deployment", name, {"spec": wanted}, outside)


def service(space: str, name: str) -> Json:
    return planted(space, "Service", name, {"spec": {"selector": {"app": name}, "ports": [{"port": 80}]}})


def scale_target(name: str) -> Json:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}


UTILIZATION = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2, "maxSurge": 0}}
TRIGGER = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
OBJECTS = [
    deployment(NATIVE, "misspelt", {CONFIG + "opaque-port": "3306"}),
    deployment(NATIVE, "outside", outside={CONFIG + "skip-inbound-ports": "9000"}),
    deployment(NATIVE, "unclear", {"linkerd.io/inject": "false"}),
    deployment(NATIVE, "unread", {CONFIG + "proxy-await": "true"}),
    deployment(NATIVE, "lonely", replicas=1),
    service(NATIVE, "lonely"),
    deployment(NATIVE, "undercut", replicas=4, strategy=ROLLING),
    planted(
        NATIVE,
        "PodDisruptionBudget",
        "undercut",
        {"spec": {"minAvailable": "75%", "selector": {"matchLabels": {"app": "undercut"}}}},
    ),
    deployment(NATIVE, "at-once", strategy={"type": "Recreate"}),
    deployment(NATIVE, "scaled"),
    planted(
        NATIVE,
        "HorizontalPodAutoscaler",
        "scaled",
        {"spec": {"scaleTargetRef": scale_target("scaled"), "maxReplicas": 4, "metrics": [UTILIZATION]}},
    ),
    deployment(NATIVE, "queued"),
    planted(
        NATIVE,
        "ScaledObject",
        "queued",
        {"spec": {"scaleTargetRef": {"name": "queued"}, "triggers": [TRIGGER]}},
    ),
    deployment(NATIVE, "slow", {CONFIG + "shutdown-grace-period": "1m30s"}),
    deployment(NATIVE, "abrupt", hook=None),
    service(NATIVE, "abrupt"),
    # Before the pods that it sizes.
    planted(
        SIZED,
        "LimitRange",
        "sizes",
        {"spec": {"limits": [{"type": "Container", "max": {"memory": "128Mi"}}]}},
    ),
    planted(SIZED, "ResourceQuota", "team", {"spec": {"hard": {"requests.cpu": "300m", "pods": "50"}}}),
    deployment(SIZED, "asking", {CONFIG + "proxy-cpu-request": "200m"}),
    deployment(SIZED, "large", {CONFIG + "proxy-cpu-request": "10m", CONFIG + "proxy-memory-limit": "250Mi"}),
    deployment(WAITS, "resized"),
    planted(WAITS, "VerticalPodAutoscaler", "resized", {"spec": {"targetRef": scale_target("resized")}}),
    deployment(WAITS, "leaving", hook=CURLS),
    deployment(WAITS, "lingering", hook={"sleep": {"seconds": 20}}),
    deployment(WAITS, "hasty", grace_period_seconds=5),
    planted(
        WAITS,
        "CronJob",
        "nightly",
        {
            "spec": {
                "schedule": "0 3 * * *",
                "jobTemplate": {"spec": {"template": template("nightly", None, None, restartPolicy="Never")}},
            }
        },
    ),
]
# Its pod finds no node, so it goes on for as long as the test.
JOB = planted(
    WAITS,
    "Job",
    "import",
    {
        "spec": {
            "template": template(
                "import", None, None, restartPolicy="Never", nodeSelector={"planted": "nowhere"}
            )
        }
    },
)
SPACES = {
    NATIVE: {
        f"config.beta.{NATIVE_KEY}": "true",
        "config.alpha.linkerd.io/proxy-wait-before-exit-seconds": "10",
    },
    SIZED: {},
    WAITS: {f"config.{NATIVE_KEY}": "false"},
}
PODS = {NATIVE: 23, SIZED: 4, WAITS: 8}


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    assert sandbox.connection
    made = make_estate(sandbox.connection, "planted-beside", tmp_path_factory.mktemp("planted"))
    kube = made.kube
    defined = [crd(kind, *VERSIONS[kind].split("/")) for kind in ("VerticalPodAutoscaler", "ScaledObject")]
    try:
        for each in defined:
            kube.apply(f"{CRDS}/{each['metadata']['name']}", each)
        for name, annotations in SPACES.items():
            meta = {"name": name, "annotations": annotations}
            kube.apply(
                f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
            )
        for body in OBJECTS:
            apply_once_served(kube, body)
        for name, pods_min in PODS.items():
            wait_for_pods(kube, name, pods_min)
        apply_once_served(kube, JOB)
        # A control plane that is not there, whatever other tests left, and whose proxies ask for nothing.
        absent = {**made.control_plane, "namespace": "linkerd-planted", "profile": "default"}
        made.settings(
            control_plane=absent,
            namespaces=[{"name": name, "sidecar": "wait" if name == WAITS else "auto"} for name in SPACES],
        )
        yield made
    finally:
        for each in defined:
            kube.delete(f"{CRDS}/{each['metadata']['name']}")
        for name in SPACES:
            kube.delete(f"/api/v1/namespaces/{name}")


def test_every_trap_is_named_by_its_object_and_no_other_is(estate: Estate) -> None:
    ran = estate.run("preflight")
    assert ran.code == 3
    assert {
        (finding["namespace"], check["id"], finding["object"])
        for check in ran.cluster["checks"]
        for finding in check["findings"]
        if finding["namespace"] in SPACES
    } == PLANTED
    assert set(ran.codes) >= BLOCKS
