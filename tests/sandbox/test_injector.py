"""The stand-in webhook as the API server meets it, with the stand-in charts installed by Helm."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from meshroll_sandbox.status import Status

Object = dict[str, Any]

OLD, NEW, CRASHING = "2025.10.7", "2026.6.3", "2026.6.98"
SHOP = "injector-test"
ENABLED = {"linkerd.io/inject": "enabled"}
NATIVE = "config.alpha.linkerd.io/proxy-enable-native-sidecar"
WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
OPAQUE = "config.linkerd.io/opaque-ports"


class Cluster:
    """The sandbox's API server, and Helm with the sandbox's own repository."""

    def __init__(self, sandbox: Status) -> None:
        assert sandbox.connection
        self.connection = sandbox.connection
        api = config.new_client_from_config(str(sandbox.connection.kubeconfig))
        self.core, self.apps = client.CoreV1Api(api), client.AppsV1Api(api)
        self.custom = client.CustomObjectsApi(api)

    def helm(self, *arguments: str) -> None:
        command = [
            self.connection.helm,
            *arguments,
            "-n",
            "linkerd",
            "--kubeconfig",
            self.connection.kubeconfig,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def install(self, chart: str, version: str, *arguments: str, wait: bool = True) -> None:
        source = ("--repo", self.connection.chart_source, "--version", version)
        waiting = ("--wait", "--timeout", "90s") if wait else ()
        self.helm("upgrade", "--install", chart, chart, *source, *waiting, *arguments)

    def control_plane(self, version: str, *arguments: str, wait: bool = True) -> None:
        external = ("identity.externalCA=true", "identity.issuer.scheme=kubernetes.io/tls", *arguments)
        sets = [part for value in external for part in ("--set", value)]
        self.install("linkerd-control-plane", version, *sets, wait=wait)

    def pod(self, annotations: Object | None = None, **spec: Any) -> Any:
        """A pod as it would be created, after admission."""
        body = {
            "metadata": {"name": "web", "annotations": annotations or {}},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1.0"}], **spec},
        }
        return self.core.create_namespaced_pod(SHOP, body, dry_run="All")

    def scale_injector(self, replicas: int) -> None:
        """Set the replicas of a control plane that has one, and wait until so many are ready."""
        name = ("linkerd-proxy-injector", "linkerd")
        self.apps.patch_namespaced_deployment_scale(*name, {"spec": {"replicas": replicas}})
        eventually(
            lambda: (self.apps.read_namespaced_deployment(*name).status.ready_replicas or 0) == replicas
        )


def eventually(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def names(containers: list[Any] | None) -> list[str]:
    return [each.name for each in containers or []]


@pytest.fixture(scope="module")
def cluster(sandbox: Status) -> Iterator[Cluster]:
    """A sandbox with Linkerd's namespace, trust anchor and issuer, and a namespace to try things in."""
    cluster = Cluster(sandbox)
    cluster.core.create_namespace({"metadata": {"name": "linkerd"}})
    cluster.core.create_namespace({"metadata": {"name": SHOP, "annotations": ENABLED}})
    roots = {"metadata": {"name": "linkerd-identity-trust-roots"}, "data": {"ca-bundle.crt": "ANCHORS\n"}}
    cluster.core.create_namespaced_config_map("linkerd", roots)
    cluster.install("linkerd-crds", NEW)
    yield cluster
    with suppress(AssertionError):
        cluster.helm("uninstall", "linkerd-control-plane")
    cluster.helm("uninstall", "linkerd-crds")
    for namespace in ("linkerd", SHOP):
        cluster.core.delete_namespace(namespace)
    eventually(lambda: not {"linkerd", SHOP} & set(names_of_namespaces(cluster)), 60)


def names_of_namespaces(cluster: Cluster) -> list[str]:
    return [each.metadata.name for each in cluster.core.list_namespace().items]


@pytest.fixture(scope="module")
def old(cluster: Cluster) -> Cluster:
    cluster.control_plane(OLD)
    return cluster


@pytest.fixture(scope="module")
def new(old: Cluster) -> Cluster:
    """The same control plane, upgraded: tests that take `old` come before those that take this."""
    old.control_plane(NEW)
    return old


def test_older_release_injects_a_classic_sidecar(old: Cluster) -> None:
    pod = old.pod()
    assert names(pod.spec.init_containers) == ["linkerd-init"]
    assert names(pod.spec.containers) == ["linkerd-proxy", "web"]
    assert pod.metadata.annotations["linkerd.io/proxy-version"] == "edge-25.10.7"
    # The API server gave the pod its service account's token, and the proxy has it too.
    assert len(pod.spec.containers[0].volume_mounts) == 3


def test_older_release_refuses_to_wait_with_a_native_sidecar(old: Cluster) -> None:
    assert names(old.pod({NATIVE: "true"}).spec.init_containers) == ["linkerd-init", "linkerd-proxy"]
    with pytest.raises(ApiException, match="cannot be used simultaneously") as error:
        old.pod({NATIVE: "true", WAIT: "20"})
    assert error.value.status == 400


def test_injector_that_runs_answers_while_a_newer_one_does_not_come_up_and_after_a_rollback(
    old: Cluster,
) -> None:
    def answered_by() -> str:
        return str(old.pod().metadata.annotations["linkerd.io/created-by"])

    old.control_plane(CRASHING, wait=False)
    injector = "linkerd.io/control-plane-component=proxy-injector,sandbox.meshroll.io/fault=crash-loop"
    eventually(lambda: old.core.list_namespaced_pod("linkerd", label_selector=injector).items)
    assert answered_by() == "linkerd/proxy-injector edge-25.10.7"
    old.helm("rollback", "linkerd-control-plane", "1", "--wait", "--timeout", "90s")
    assert answered_by() == "linkerd/proxy-injector edge-25.10.7"
    assert names(old.pod().spec.init_containers) == ["linkerd-init"]
    assert old.pod().metadata.annotations["linkerd.io/proxy-version"] == "edge-25.10.7"


def test_newer_release_injects_a_native_sidecar(new: Cluster) -> None:
    pod = new.pod({WAIT: "20"}, initContainers=[{"name": "migrate", "image": "registry.example/web:1.0"}])
    assert names(pod.spec.init_containers) == ["linkerd-init", "linkerd-proxy", "migrate"]
    assert names(pod.spec.containers) == ["web"]
    assert pod.metadata.annotations["linkerd.io/proxy-version"] == "edge-26.6.3"
    classic = new.pod({NATIVE: "false", WAIT: "20"})
    assert names(classic.spec.containers) == ["linkerd-proxy", "web"]
    assert classic.spec.containers[0].lifecycle.pre_stop._exec.command == ["/bin/sleep", "20"]


def deploy(cluster: Cluster, name: str, annotations: Object) -> None:
    labels = {"app": name}
    pod = {"containers": [{"name": "web", "image": "registry.example/web:1.0"}]}
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    cluster.apps.create_namespaced_deployment(SHOP, {"metadata": {"name": name}, "spec": spec})


def events_of(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    found = cluster.core.list_namespaced_event(SHOP, field_selector=f"involvedObject.name={name}").items
    return [
        (each.reason, each.message)
        for each in found
        if each.involved_object.kind == "Deployment" and each.source.component == "linkerd-proxy-injector"
    ]


def test_deployment_becomes_ready_and_hears_of_its_injection(new: Cluster) -> None:
    deploy(new, "meshed", {})
    eventually(lambda: new.apps.read_namespaced_deployment("meshed", SHOP).status.ready_replicas == 1)
    (pod,) = new.core.list_namespaced_pod(SHOP, label_selector="app=meshed").items
    assert pod.metadata.labels["linkerd.io/proxy-deployment"] == "meshed"
    (proxy,) = (each for each in pod.status.init_container_statuses if each.name == "linkerd-proxy")
    assert proxy.ready
    eventually(lambda: ("Injected", "Linkerd sidecar proxy injected") in events_of(new, "meshed"))


def test_deployment_hears_why_it_was_skipped(new: Cluster) -> None:
    deploy(new, "skipped", {"linkerd.io/inject": "disabled"})
    reason = 'Linkerd sidecar proxy injection skipped: pod has the annotation "linkerd.io/inject:disabled"'
    eventually(lambda: ("InjectionSkipped", reason) in events_of(new, "skipped"))


def test_namespaces_annotations_count_at_once(new: Cluster) -> None:
    for value, containers in (("false", ["linkerd-proxy", "web"]), (None, ["web"])):
        new.core.patch_namespace(SHOP, {"metadata": {"annotations": {NATIVE: value}}})
        assert names(new.pod().spec.containers) == containers


def test_namespaces_that_the_webhook_passes_over(new: Cluster) -> None:
    label = "config.linkerd.io/admission-webhooks"
    new.core.patch_namespace(SHOP, {"metadata": {"labels": {label: "disabled"}}})
    # The API server's own view of a namespace's labels is a cache.
    eventually(lambda: names(new.pod().spec.init_containers) == [])
    new.core.patch_namespace(SHOP, {"metadata": {"labels": {label: None}}})
    eventually(lambda: names(new.pod().spec.init_containers) != [])


def test_service_with_a_port_that_is_opaque_by_default(new: Cluster) -> None:
    body = {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 3306}]}}
    assert new.core.create_namespaced_service(SHOP, body, dry_run="All").metadata.annotations == {
        OPAQUE: "3306"
    }


def test_webhook_that_is_down_lets_pods_start_without_a_proxy(new: Cluster) -> None:
    new.scale_injector(0)
    eventually(lambda: names(new.pod().spec.init_containers) == [])
    new.scale_injector(1)
    eventually(lambda: names(new.pod().spec.init_containers) == ["linkerd-init", "linkerd-proxy"])


def test_webhook_that_must_not_be_down(new: Cluster) -> None:
    new.control_plane(NEW, "webhookFailurePolicy=Fail")
    eventually(lambda: names(new.pod().spec.init_containers) == ["linkerd-init", "linkerd-proxy"])
    server = {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "Server",
        "metadata": {"name": "web"},
        "spec": {"podSelector": {}, "port": 8080},
    }
    # The validators answer too, or nothing under policy.linkerd.io could be written.
    new.custom.create_namespaced_custom_object(
        "policy.linkerd.io", "v1beta3", SHOP, "servers", server, dry_run="All"
    )
    new.scale_injector(0)

    def refused() -> bool:
        try:
            new.pod()
        except ApiException as error:
            return "failed calling webhook" in str(error)
        return False

    eventually(refused)
    new.control_plane(NEW)


def test_prometheus_is_reached_through_the_service_proxy(cluster: Cluster) -> None:
    service = ("prometheus:9090", "monitoring", "-/ready")
    assert "Ready" in cluster.core.connect_get_namespaced_service_proxy_with_path(*service)


def test_nothing_else_is_dialled(cluster: Cluster) -> None:
    with pytest.raises(ApiException) as error:
        cluster.core.connect_get_namespaced_service_proxy_with_path("tariffs:80", "charging", "")
    assert error.value.status in (502, 503)
