"""What an install decides: profile, values, namespace, what Helm left, and when the control plane is up."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.core.factories import cluster, settings

from meshroll.adapters import gateway_api, helm
from meshroll.core.chart_values import chart_values, merged, value_problems
from meshroll.core.control_plane import (
    INSTALLING,
    namespace_metadata,
    namespace_problems,
    not_up,
    profile_of,
    trouble,
    values_to_be,
)
from meshroll.core.errors import Refused
from meshroll.core.helm_records import HelmRelease
from meshroll.core.identity import step_for
from meshroll.core.install import Seen, failed, records_in_the_way
from meshroll.core.known_values import value_at
from meshroll.core.model import ControlPlane
from meshroll.core.settings import Api

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
NODE: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {}}
CORDONED: dict[str, Any] = {"metadata": {"name": "b"}, "spec": {"unschedulable": True}}
TAINTED: dict[str, Any] = {
    "metadata": {"name": "c"},
    "spec": {"taints": [{"effect": "NoSchedule", "key": "x"}]},
}
FARGATE: dict[str, Any] = {"metadata": {"labels": {"eks.amazonaws.com/compute-type": "fargate"}}, "spec": {}}


@pytest.mark.parametrize(
    ("nodes", "profile"),
    [
        ([NODE] * 3, "ha"),
        ([NODE] * 2, "default"),
        ([NODE, NODE, CORDONED], "default"),
        ([NODE, NODE, TAINTED, FARGATE], "default"),
    ],
)
def test_auto_is_ha_where_three_nodes_take_pods(nodes: list[dict[str, Any]], profile: str) -> None:
    assert profile_of("auto", nodes) == profile


def test_ha_on_fewer_nodes_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        profile_of("ha", [NODE, NODE])
    assert refused.value.problems[0].code == "profile-ha-nodes"


def test_the_operators_values_win_over_the_profile_and_identity_over_both() -> None:
    values = chart_values(
        {"controllerReplicas": 3, "proxy": {"resources": {"cpu": {"request": "100m"}}}},
        {"controllerReplicas": 2, "proxy": {"nativeSidecar": True}},
    )
    assert values["controllerReplicas"] == 2
    assert values["proxy"] == {"resources": {"cpu": {"request": "100m"}}, "nativeSidecar": True}
    assert values["identity"] == {"externalCA": True, "issuer": {"scheme": "kubernetes.io/tls"}}


def test_merging_leaves_its_sources_alone() -> None:
    below: dict[str, Any] = {"a": {"b": 1}}
    merged(below, {"a": {"c": 2}})["a"]["b"] = 3
    assert below == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("installed", "nodes", "wanted", "request_cpu"),
    [
        (False, [NODE] * 3, {"profile": "auto"}, "100m"),
        (False, [NODE] * 3, {"profile": "default"}, None),
        (False, [NODE] * 2, {"profile": "ha"}, None),
        (False, [NODE] * 3, {"values": {"proxy": {"resources": {"cpu": {"request": "50m"}}}}}, "50m"),
        (True, [NODE] * 3, {"profile": "ha"}, "7m"),
    ],
)
def test_what_a_proxy_will_ask_for_is_known_before_the_install(
    installed: bool, nodes: list[dict[str, Any]], wanted: dict[str, Any], request_cpu: str | None
) -> None:
    running = {"proxy": {"resources": {"cpu": {"request": "7m"}}}} if installed else {}
    plane = ControlPlane(installed, "linkerd", None, values=running)
    values = values_to_be(cluster(plane=plane, nodes=nodes), settings(control_plane=wanted).control_plane)
    assert value_at(values, ("proxy", "resources", "cpu", "request")) == request_cpu


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"identity": {"issuer": {"tls": {"keyPEM": "x"}}}}, "values-key"),
        ({"anything": "-----BEGIN EC PRIVATE KEY-----"}, "values-key"),
        ({"identity": {"externalCA": False}}, "values-identity"),
        ({"identity": {"issuer": {"scheme": "linkerd.io/tls"}}}, "values-identity"),
        ({"webhookFailurePolicy": "Fail"}, "injectors-too-few"),
    ],
)
def test_values_that_cannot_be_are_refused_without_showing_them(own: dict[str, Any], code: str) -> None:
    (problem,) = value_problems(own, chart_values(None, own))
    assert problem.code == code
    assert "BEGIN" not in problem.message


def test_values_of_the_ha_profile_are_fine() -> None:
    ha = {"controllerReplicas": 3, "webhookFailurePolicy": "Fail"}
    assert value_problems({}, chart_values(ha, {})) == []


def test_a_namespace_that_is_there_keeps_what_others_set() -> None:
    wanted = namespace_metadata("linkerd", {})
    present = {"metadata": {"name": "linkerd", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    (problem,) = namespace_problems(present, *wanted)
    assert "baseline" in problem.message
    assert namespace_problems({"metadata": {"name": "linkerd"}}, *wanted) == []
    assert (
        namespace_metadata("l5d", {"cniEnabled": True})[0]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )


@pytest.mark.parametrize(
    ("issuer", "roots", "own", "file", "exists", "step"),
    [
        (True, True, False, None, False, "keep"),
        (True, True, True, "f", True, "keep"),
        (True, False, False, None, False, "publish"),
        (False, False, True, None, False, "take"),
        (False, True, True, "f", True, "take"),
        (False, True, False, "f", True, "issue"),
        (False, False, False, "f", False, "make"),
        (False, False, False, None, False, "anchor-key-file-not-given"),
        (False, True, False, "f", False, "anchor-key-missing"),
        (False, False, False, "f", True, "anchor-key-exists"),
    ],
)
def test_identity_is_made_taken_up_or_kept_and_never_replaced(
    issuer: bool, roots: bool, own: bool, file: str | None, exists: bool, step: str
) -> None:
    arguments = {
        "issuer_is_there": issuer,
        "roots_are_there": roots,
        "own_issuer": own,
        "key_file_exists": exists,
    }
    if "-" not in step:
        assert step_for(**arguments, key_file=file) == step
        return
    with pytest.raises(Refused) as refused:
        step_for(**arguments, key_file=file)
    assert refused.value.problems[0].code == step


def deployment(name: str, replicas: int, available: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": replicas},
        "status": {"availableReplicas": available, "updatedReplicas": replicas, "observedGeneration": 1},
    }


def test_it_is_up_once_every_deployment_is_available() -> None:
    up = [deployment(f"linkerd-{name}", 3, 3) for name in ("destination", "identity", "proxy-injector")]
    assert not_up(up) == []
    assert not_up(up[:2]) == ["linkerd-proxy-injector is not there"]
    assert not_up([*up[:2], deployment("linkerd-proxy-injector", 3, 1)]) == [
        "linkerd-proxy-injector has 1 of 3 pods available"
    ]


def test_an_older_pod_that_is_available_is_not_the_new_one() -> None:
    up = [deployment(f"linkerd-{name}", 1, 1) for name in ("destination", "identity", "proxy-injector")]
    up[1]["status"]["replicas"] = 2
    assert not_up(up) == ["linkerd-identity still has a pod from before its last change"]


def test_what_keeps_pods_away_is_said_once() -> None:
    waiting = {
        "name": "identity",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}},
    }
    pod = {
        "metadata": {
            "name": "linkerd-identity-5d-x",
            "labels": {"pod-template-hash": "5d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "linkerd-identity-5d", "controller": True}],
        },
        "status": {"containerStatuses": [waiting]},
    }
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    blocked = {"metadata": {"name": "linkerd-destination"}, "status": {"conditions": [refused]}}
    assert [(one.text, one.lasting) for one in trouble([blocked], [pod, pod])] == [
        ("linkerd-destination: exceeded quota", True),
        ("linkerd-identity/identity: ImagePullBackOff (no such tag)", True),
    ]


SEEN = Seen("v1.35.4", (), {"metadata": {"name": "linkerd"}}, (), None, None, False, {})
BEGUN = dataclasses.replace(
    SEEN, namespace={"metadata": {"name": "linkerd", "annotations": {INSTALLING: "edge-26.6.3"}}}
)


@pytest.mark.parametrize(
    ("seen", "status", "age_seconds", "outcome"),
    [
        (BEGUN, "failed", 1, "dropped"),
        (BEGUN, "pending-install", 61, "dropped"),
        (BEGUN, "pending-install", 5, "refused"),
        (SEEN, "failed", 900, "refused"),
        (SEEN, "deployed", 900, "left"),
    ],
)
def test_only_what_meshroll_began_and_helm_left_is_dropped(
    seen: Seen, status: str, age_seconds: int, outcome: str
) -> None:
    record = HelmRelease(
        "linkerd-crds", "linkerd", 1, status, NOW - timedelta(seconds=age_seconds), "sh.helm.x.v1"
    )
    drop, problems = records_in_the_way(
        dataclasses.replace(seen, helm={"linkerd-crds": record}),
        ["linkerd-crds", "linkerd-control-plane"],
        NOW,
    )
    assert (drop == [record], bool(problems)) == (outcome == "dropped", outcome == "refused")


def test_an_unfinished_install_is_not_installed() -> None:
    injector = (deployment("linkerd-proxy-injector", 1, 1),)
    assert dataclasses.replace(SEEN, deployments=injector).installed
    assert not dataclasses.replace(BEGUN, deployments=injector).installed


def test_a_failure_tells_helms_own_words_and_what_is_there() -> None:
    said = "Failure when executing Helm command. Exited 1.\nstdout: \nstderr: Error: chart requires\n kubeVersion\n"
    (problem,) = failed({"msg": said}, BEGUN)
    assert problem.message.endswith("chart requires kubeVersion")
    assert "There by now: the namespace" in problem.hint
    own = {"meshroll": {"problems": [{"code": "webhook-silent", "message": "m", "hint": "Open 8443."}]}}
    (problem,) = failed(own, BEGUN)
    assert (problem.code, problem.hint[:10]) == ("webhook-silent", "Open 8443.")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo v4.1.4", "helm-version"),
        ("echo hello", "helm-broken"),
        ("exit 1", "helm-broken"),
        (None, "helm-missing"),
    ],
)
def test_a_helm_that_does_not_do_is_refused_before_anything(
    tmp_path: Path, script: str | None, code: str
) -> None:
    binary = tmp_path / "helm"
    if script:
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
    with pytest.raises(Refused) as refused:
        helm.usable(str(binary), helm.environment(tmp_path, Api()))
    (problem,) = refused.value.problems
    assert problem.code == code
    assert "helm_binary" in problem.hint


def test_helm_3_is_taken_with_homes_of_its_own(tmp_path: Path) -> None:
    binary = tmp_path / "helm"
    binary.write_text('#!/bin/sh\ncase "$HELM_CACHE_HOME" in */helm_cache_home) echo v3.22.0;; esac\n')
    binary.chmod(0o755)
    assert helm.usable(str(binary), helm.environment(tmp_path, Api())) == str(binary)


def test_helm_asks_no_more_of_the_api_server_than_the_inventory_allows(tmp_path: Path) -> None:
    variables = helm.environment(tmp_path, Api(requests_per_second=7))
    assert (variables["HELM_QPS"], variables["HELM_BURST_LIMIT"]) == ("7", "7")


CRD = (
    "kind: CustomResourceDefinition\nmetadata: {{name: {name}}}\nspec: {{group: gateway.networking.k8s.io}}\n"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CRD.format(name="gateways.gateway.networking.k8s.io"), "does not define HTTPRoute"),
        ("a: [", "no YAML"),
        ("- 1", "no YAML"),
        (None, "No such file"),
    ],
)
def test_a_gateway_api_file_that_is_none_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    file = tmp_path / "standard-install.yaml"
    if text:
        file.write_text(text)
    with pytest.raises(Refused) as refused:
        gateway_api.read(str(file))
    assert reason in refused.value.problems[0].message


def test_without_a_gateway_api_file_the_command_is_given() -> None:
    with pytest.raises(Refused) as refused:
        gateway_api.read(None)
    assert "kubectl apply --server-side -f https://" in refused.value.problems[0].hint
