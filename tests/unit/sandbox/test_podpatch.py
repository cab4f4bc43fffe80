"""The injector's decisions, without a cluster."""

import copy
import hashlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshroll_sandbox.paths import content_root
from meshroll_sandbox.standins.edge import Edge
from meshroll_sandbox.standins.podpatch import (
    Decision,
    InjectionError,
    InjectorConfig,
    Operation,
    Owner,
    patch_pod,
    patch_service,
)

Object = dict[str, Any]

INJECT = "linkerd.io/inject"
GA, BETA, ALPHA = (
    f"config.{level}linkerd.io/proxy-enable-native-sidecar" for level in ("", "beta.", "alpha.")
)
WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
OPAQUE = "config.linkerd.io/opaque-ports"
ENABLED = {INJECT: "enabled"}
OLD, NEW = Edge(25, 10, 7), Edge(26, 6, 3)
VALUES = yaml.safe_load((content_root() / "charts" / "linkerd-control-plane" / "values.yaml").read_text())


def config(edge: Edge = NEW, **proxy: Any) -> InjectorConfig:
    values = copy.deepcopy(VALUES) | {"linkerdVersion": str(edge)}
    values["proxy"] |= {"nativeSidecar": edge >= Edge(26, 5, 2)} | proxy
    return InjectorConfig(edge, values, "ANCHORS\n")


def pod(annotations: Object | None = None, **spec: Any) -> Object:
    app = {
        "name": "app",
        "image": "registry.example/app:1.0",
        "ports": [{"name": "grpc", "containerPort": 8080}],
    }
    return {"metadata": {"annotations": annotations or {}}, "spec": {"containers": [app], **spec}}


def decide(
    of: Object,
    namespace: Object | None = None,
    settings: InjectorConfig | None = None,
    kind: str = "deployment",
) -> Decision:
    return patch_pod(of, "shop", namespace or {}, Owner(kind, "web"), settings or config())


def apply(patch: list[Operation], to: Object) -> Object:
    """RFC 6902, as far as the injector uses it: only "add"."""
    result = copy.deepcopy(to)
    for operation in patch:
        assert operation["op"] == "add"
        *parents, last = (
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        )
        target: Any = result
        for part in parents:
            target = target[part]
        if isinstance(target, list):
            target.insert(len(target) if last == "-" else int(last), copy.deepcopy(operation["value"]))
        else:
            target[last] = copy.deepcopy(operation["value"])
    return result


def injected(
    of: Object,
    namespace: Object | None = None,
    settings: InjectorConfig | None = None,
    kind: str = "deployment",
) -> Object:
    decision = decide(of, ENABLED if namespace is None else namespace, settings, kind)
    assert decision.skipped is None
    return apply(decision.patch, of)


def names(of: Object, field: str) -> list[str]:
    return [each["name"] for each in of["spec"].get(field) or []]


def proxy_of(of: Object) -> Object:
    containers = [*(of["spec"].get("initContainers") or []), *of["spec"]["containers"]]
    (found,) = (each for each in containers if each["name"] == "linkerd-proxy")
    return found


def is_native(of: Object) -> bool:
    return "linkerd-proxy" in names(of, "initContainers")


@pytest.mark.parametrize(
    ("namespace", "own", "expected"),
    [
        ("enabled", "enabled", True),
        ("enabled", None, True),
        ("ingress", None, True),
        ("enabled", "disabled", False),
        ("disabled", "enabled", True),
        (None, "enabled", True),
        (None, "ingress", True),
        ("disabled", "disabled", False),
        (None, "disabled", False),
        ("disabled", None, False),
        (None, None, False),
        ("true", "enabled", False),
        ("enabled", "true", False),
    ],
)
def test_who_is_injected(namespace: str | None, own: str | None, expected: bool) -> None:
    decision = decide(pod({INJECT: own} if own else {}), {INJECT: namespace} if namespace else {})
    assert (decision.skipped is None) is expected


NEITHER = 'neither the namespace nor the pod have the annotation "linkerd.io/inject:enabled"'


@pytest.mark.parametrize(
    ("namespace", "of", "reason"),
    [
        ({}, pod(), NEITHER),
        (ENABLED, pod({INJECT: "disabled"}), 'pod has the annotation "linkerd.io/inject:disabled"'),
        (ENABLED, pod({INJECT: "yes"}), 'invalid value for annotation "linkerd.io/inject" at workload'),
        ({INJECT: "yes"}, pod(), 'invalid value for annotation "linkerd.io/inject" at namespace'),
        (ENABLED, pod(hostNetwork=True), "hostNetwork is enabled"),
        (ENABLED, pod(initContainers=[{"name": "linkerd-init"}]), "pod has a sidecar injected already"),
        (ENABLED, pod(initContainers=[{"name": "linkerd-proxy"}]), "pod has a sidecar injected already"),
        (ENABLED, pod(containers=[{"name": "istio-proxy"}]), "pod has a sidecar injected already"),
        (
            ENABLED,
            pod(containers=[{"name": "mine", "image": "cr.l5d.io/linkerd/proxy:edge-25.4.4"}]),
            "pod has a sidecar injected already",
        ),
        ({}, pod(hostNetwork=True), f"hostNetwork is enabled, {NEITHER}"),
    ],
)
def test_reason_for_skipping(namespace: Object, of: Object, reason: str) -> None:
    assert decide(of, namespace) == Decision([], reason)


def test_without_a_projected_token_the_service_accounts_own_is_needed() -> None:
    settings = config()
    settings.values["identity"] |= {"serviceAccountTokenProjection": False}
    of = pod()
    assert "automountServiceAccountToken" in str(decide(of, ENABLED, settings).skipped)
    mount = {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    of["spec"]["containers"][0]["volumeMounts"] = [mount]
    result = injected(of, ENABLED, settings)
    assert mount in proxy_of(result)["volumeMounts"]
    assert "linkerd-identity-token" not in names(result, "volumes")


def test_native_sidecar_comes_before_the_applications_own_init_containers() -> None:
    result = injected(pod(initContainers=[{"name": "migrate"}]))
    assert names(result, "initContainers") == ["linkerd-init", "linkerd-proxy", "migrate"]
    assert names(result, "containers") == ["app"]
    proxy = proxy_of(result)
    assert proxy["restartPolicy"] == "Always"
    assert proxy["startupProbe"]["httpGet"] == {"path": "/ready", "port": 4191}
    assert "lifecycle" not in proxy


def test_native_sidecar_that_is_not_awaited_has_no_startup_probe() -> None:
    proxy = proxy_of(injected(pod({"config.linkerd.io/proxy-await": "disabled"})))
    assert proxy["restartPolicy"] == "Always"
    assert "startupProbe" not in proxy


@pytest.mark.parametrize(
    ("wait", "order"), [(True, ["linkerd-proxy", "app"]), (False, ["app", "linkerd-proxy"])]
)
def test_classic_sidecar_is_first_when_it_is_awaited(wait: bool, order: list[str]) -> None:
    of = pod(initContainers=[{"name": "migrate"}])
    result = injected(of, settings=config(nativeSidecar=False, **{"await": wait}))
    assert names(result, "initContainers") == ["migrate", "linkerd-init"]
    assert names(result, "containers") == order
    assert "restartPolicy" not in proxy_of(result)
    assert ("lifecycle" in proxy_of(result)) is wait


def test_wait_before_exit_of_a_classic_sidecar_is_a_sleep() -> None:
    proxy = proxy_of(injected(pod({ALPHA: "false", WAIT: "20"})))
    assert proxy["lifecycle"]["preStop"] == {"exec": {"command": ["/bin/sleep", "20"]}}
    assert proxy["lifecycle"]["postStart"]["exec"]["command"][0] == "/usr/lib/linkerd/linkerd-await"


def test_wait_before_exit_of_a_native_sidecar_is_an_error_until_it_is_ignored() -> None:
    of = pod({ALPHA: "true", WAIT: "20"})
    with pytest.raises(InjectionError, match="cannot be used simultaneously"):
        decide(of, ENABLED, config(Edge(26, 5, 1)))
    assert "lifecycle" not in proxy_of(injected(of, settings=config(Edge(26, 5, 2))))


@pytest.mark.parametrize(
    ("edge", "own", "namespace", "native"),
    [
        (NEW, {}, {}, True),
        (OLD, {}, {}, False),
        (NEW, {GA: "false", BETA: "true", ALPHA: "true"}, {}, False),
        (NEW, {BETA: "false", ALPHA: "true"}, {}, False),
        (NEW, {ALPHA: "false"}, {}, False),
        # The stronger annotation decides, even from further away.
        (NEW, {ALPHA: "true"}, {GA: "false"}, False),
        (NEW, {GA: "true"}, {GA: "false"}, True),
        # From edge-26.5.2 a namespace's beta annotation is not inherited any more; a pod's own still counts.
        (NEW, {}, {BETA: "false"}, True),
        (OLD, {}, {BETA: "true"}, True),
        (OLD, {}, {ALPHA: "true"}, True),
        (NEW, {}, {ALPHA: "false"}, False),
        # An older injector knows nothing of the newer annotations.
        (OLD, {GA: "true"}, {}, False),
        (Edge(25, 10, 1), {BETA: "true"}, {}, False),
        (Edge(25, 10, 1), {ALPHA: "true"}, {}, True),
        # Booleans only, as Go reads them; the strongest annotation decides even when it says nothing.
        (OLD, {ALPHA: "1"}, {}, True),
        (OLD, {ALPHA: "enabled"}, {}, False),
        (NEW, {GA: "disabled", ALPHA: "false"}, {}, True),
    ],
)
def test_where_a_sidecars_kind_comes_from(edge: Edge, own: Object, namespace: Object, native: bool) -> None:
    assert is_native(injected(pod(own), ENABLED | namespace, config(edge))) is native


def test_resources_are_those_of_the_annotations() -> None:
    own = {
        "config.linkerd.io/proxy-cpu-request": "1500m",
        "config.linkerd.io/proxy-memory-limit": "250Mi",
        "config.linkerd.io/proxy-memory-request": "a lot",
    }
    result = injected(pod(own), ENABLED | {"config.linkerd.io/proxy-cpu-limit": "4"})
    expected = {"requests": {"cpu": "1500m"}, "limits": {"cpu": "4", "memory": "250Mi"}}
    assert proxy_of(result)["resources"] == expected
    assert result["spec"]["initContainers"][0]["resources"] == expected
    environment = {each["name"]: each.get("value") for each in proxy_of(result)["env"]}
    assert environment["LINKERD2_PROXY_CORES_MIN"] == "2"
    assert environment["LINKERD2_PROXY_CORES_MAX"] == "4"


@pytest.mark.parametrize(
    ("own", "namespace", "expected"), [("0.25", None, "0.25"), ("4", None, None), (None, "0.25", None)]
)
def test_cpu_ratio_is_the_pods_own(own: str | None, namespace: str | None, expected: str | None) -> None:
    key = "config.linkerd.io/proxy-cpu-ratio-limit"
    of, inherited = pod({key: own} if own else {}), {key: namespace} if namespace else {}
    environment = {
        each["name"]: each.get("value") for each in proxy_of(injected(of, ENABLED | inherited))["env"]
    }
    assert environment.get("LINKERD2_PROXY_CORES_MAX_RATIO") == expected


def test_proxy_version_can_be_pinned() -> None:
    result = injected(pod({"config.linkerd.io/proxy-version": "edge-25.4.4"}))
    assert proxy_of(result)["image"] == "cr.l5d.io/linkerd/proxy:edge-25.4.4"
    assert result["metadata"]["annotations"]["linkerd.io/proxy-version"] == "edge-25.4.4"
    assert result["metadata"]["annotations"]["linkerd.io/created-by"] == "linkerd/proxy-injector edge-26.6.3"


def test_what_is_written_on_the_pod() -> None:
    inherited = ENABLED | {"config.linkerd.io/proxy-log-level": "debug", "owner": "somebody"}
    result = injected(pod({"mine": "kept"}), inherited)
    assert result["metadata"]["annotations"] == {
        "mine": "kept",
        INJECT: "enabled",
        "config.linkerd.io/proxy-log-level": "debug",
        "linkerd.io/created-by": "linkerd/proxy-injector edge-26.6.3",
        "linkerd.io/proxy-version": "edge-26.6.3",
        "linkerd.io/trust-root-sha256": hashlib.sha256(b"ANCHORS\n").hexdigest(),
    }
    assert result["metadata"]["labels"] == {
        "linkerd.io/control-plane-ns": "linkerd",
        "linkerd.io/proxy-deployment": "web",
        "linkerd.io/workload-ns": "shop",
    }
    anchors = {"name": "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "value": "ANCHORS\n"}
    assert anchors in proxy_of(result)["env"]


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset", "job", "replicaset"])
def test_owners_label(kind: str) -> None:
    assert injected(pod(), kind=kind)["metadata"]["labels"][f"linkerd.io/proxy-{kind}"] == "web"


@pytest.mark.parametrize("kind", ["pod", "cronjob", "rollout"])
def test_other_owners_leave_no_label(kind: str) -> None:
    assert len(injected(pod(), kind=kind)["metadata"]["labels"]) == 2


def test_linkerd_init_had_an_image_of_its_own() -> None:
    assert injected(pod(), settings=config(OLD))["spec"]["initContainers"][0]["image"].endswith(
        "/proxy-init:v2.4.3"
    )
    new = injected(pod())["spec"]["initContainers"][0]
    assert new["image"] == "cr.l5d.io/linkerd/proxy:edge-26.6.3"
    assert new["securityContext"]["capabilities"] == {"add": ["NET_ADMIN", "NET_RAW"]}


def test_with_the_cni_plugin_the_network_is_only_checked() -> None:
    settings = config()
    settings.values["cniEnabled"] = True
    result = injected(pod(), settings=settings)
    assert names(result, "initContainers") == ["linkerd-network-validator", "linkerd-proxy"]
    assert "linkerd-proxy-init-xtables-lock" not in names(result, "volumes")


def test_default_opaque_ports_that_a_pod_exposes() -> None:
    of = pod()
    of["spec"]["containers"][0]["ports"] = [{"containerPort": 3306}, {"containerPort": 80}]
    assert injected(of)["metadata"]["annotations"][OPAQUE] == "3306"
    assert injected(of, ENABLED | {OPAQUE: "80"})["metadata"]["annotations"][OPAQUE] == "80"
    # A pod that gets no proxy is marked all the same: its clients' proxies have to know.
    skipped = decide(of)
    assert skipped.skipped
    assert apply(skipped.patch, of)["metadata"]["annotations"] == {OPAQUE: "3306"}


def test_named_opaque_port() -> None:
    environment = proxy_of(injected(pod({OPAQUE: "grpc,9000-9010"})))["env"]
    ports = {"name": "LINKERD2_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", "value": "8080,9000-9010"}
    assert ports in environment


@pytest.mark.parametrize(
    ("ports", "own", "namespace", "expected"),
    [
        ([{"port": 3306}], {}, {}, "3306"),
        ([{"port": 80, "targetPort": 3306}, {"port": 81}], {}, {}, "80"),
        ([{"port": 3306, "targetPort": 80}], {}, {}, None),
        ([{"port": 3306, "targetPort": "mysql"}], {}, {}, None),
        ([{"port": 80}], {}, {OPAQUE: "1-9"}, "1-9"),
        ([{"port": 3306}], {OPAQUE: "7"}, {OPAQUE: "1-9"}, "7"),
    ],
)
def test_opaque_ports_of_a_service(
    ports: list[Object], own: Object, namespace: Object, expected: str | None
) -> None:
    service = {"metadata": {"annotations": own}, "spec": {"ports": ports}}
    patched = apply(patch_service(service, namespace, config()), service)
    assert patched["metadata"]["annotations"].get(OPAQUE) == expected


def test_additional_environment_is_merged_by_name() -> None:
    key = "config.linkerd.io/proxy-additional-env"
    namespace = ENABLED | {key: '[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]'}
    own = {key: '[{"name": "B", "value": "2"}]'}
    assert proxy_of(injected(pod(own), namespace))["env"][-2:] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
    ]
    broken = proxy_of(injected(pod({key: "not JSON"})))
    assert broken["env"] == proxy_of(injected(pod()))["env"]


NAMES = st.from_regex(r"app-[a-z]{1,6}", fullmatch=True)
CONTAINERS = st.lists(NAMES, min_size=1, max_size=4, unique=True)
TEXTS = st.dictionaries(
    st.from_regex(r"[a-z]{1,5}/~?[a-z]{1,5}", fullmatch=True), st.text(max_size=5), max_size=3
)
SETTINGS = st.dictionaries(
    st.sampled_from([GA, BETA, ALPHA, WAIT, "config.linkerd.io/proxy-await", OPAQUE]),
    st.sampled_from(["true", "false", "enabled", "disabled", "0", "25", "grpc", ""]),
)


@st.composite
def pods(draw: st.DrawFn) -> Object:
    all_names = draw(CONTAINERS)
    split = draw(st.integers(0, len(all_names) - 1))
    containers = [
        {
            "name": name,
            "image": "registry.example/app:1.0",
            "ports": [{"containerPort": draw(st.integers(1, 65535))}],
        }
        for name in all_names
    ]
    metadata: Object = {}
    if annotations := draw(TEXTS) | draw(SETTINGS):
        metadata["annotations"] = annotations
    if labels := draw(TEXTS):
        metadata["labels"] = labels
    spec: Object = {"containers": containers[split:]}
    if split:
        spec["initContainers"] = containers[:split]
    if draw(st.booleans()):
        spec["volumes"] = [{"name": "data", "emptyDir": {}}]
    return {"metadata": metadata, "spec": spec}


@given(of=pods(), namespace=SETTINGS, edge=st.sampled_from([Edge(24, 11, 8), OLD, Edge(25, 12, 3), NEW]))
def test_patched_pod_is_valid_and_never_patched_again(of: Object, namespace: Object, edge: Edge) -> None:
    before = copy.deepcopy(of)
    try:
        decision = decide(of, ENABLED | namespace, config(edge))
    except InjectionError:
        assert edge < Edge(26, 5, 2)
        return
    assert of == before
    result = apply(decision.patch, of)
    containers = names(result, "initContainers") + names(result, "containers")
    assert (
        len(containers)
        == len(set(containers))
        == len(of["spec"]["containers"]) + len(of["spec"].get("initContainers") or []) + 2
    )
    mounted = {each["name"] for each in proxy_of(result)["volumeMounts"]}
    assert mounted <= set(names(result, "volumes"))
    assert len(names(result, "volumes")) == len(set(names(result, "volumes")))
    # What was there is still there, and in its order.
    for field in ("initContainers", "containers", "volumes"):
        kept = [each for each in result["spec"].get(field) or [] if not each["name"].startswith("linkerd-")]
        assert kept == (of["spec"].get(field) or [])
    for field in ("annotations", "labels"):
        assert (of["metadata"].get(field) or {}).items() <= result["metadata"][field].items()
    # The proxy runs before what it serves: native ones before all, classic ones after linkerd-init.
    assert containers.index("linkerd-init") < containers.index("linkerd-proxy")
    # Kubernetes refuses probes of init containers that are not native sidecars, and hooks of init containers.
    proxy = proxy_of(result)
    assert is_native(result) == (proxy.get("restartPolicy") == "Always")
    assert not (is_native(result) and "lifecycle" in proxy)
    again = decide(result, ENABLED | namespace, config(edge))
    assert "pod has a sidecar injected already" in str(again.skipped)
    assert apply(again.patch, result)["spec"] == result["spec"]
