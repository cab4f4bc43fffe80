"""Extensions are found by what they label themselves with, and upgraded around a hop in their order."""

from __future__ import annotations

from typing import Any

import pytest
from unit.core.factories import workload

from meshroll.core.extensions import Extension, detect, steps
from meshroll.core.model import Workload
from meshroll.core.releases import Edge

SOURCE = "https://helm.linkerd.io/edge"
TO = Edge(26, 6, 3)
VIZ = Extension("viz", "linkerd-viz", "edge-25.10.7", "linkerd-viz")
MULTICLUSTER = Extension("multicluster", "linkerd-multicluster", None, "linkerd-multicluster")
CNI = Extension("cni", "linkerd-cni", "edge-25.10.7", "linkerd2-cni")


def made(kind: str, name: str, namespace: str, labels: dict[str, str], **annotations: str) -> Workload:
    metadata: dict[str, Any] = {"labels": labels, "annotations": annotations}
    return workload(kind, name, namespace=namespace, metadata=metadata)


def test_an_extension_is_found_by_its_workloads_with_release_and_helm() -> None:
    web = made(
        "Deployment",
        "web",
        "linkerd-viz",
        {"linkerd.io/extension": "viz"},
        **{"linkerd.io/created-by": "linkerd/helm edge-25.10.7", "meta.helm.sh/release-name": "linkerd-viz"},
    )
    cni = made("DaemonSet", "linkerd-cni", "kube-system", {"k8s-app": "linkerd-cni"})
    other = made("DaemonSet", "aws-node", "kube-system", {"k8s-app": "aws-node"})
    assert detect((), [web, web, cni, other]) == (Extension("cni", "kube-system"), VIZ)


def test_an_extension_is_found_by_its_namespace_alone() -> None:
    space = {"metadata": {"name": "linkerd-smi", "labels": {"linkerd.io/extension": "smi"}}}
    assert detect([space, {"metadata": {"name": "charging"}}], []) == (Extension("smi", "linkerd-smi"),)


def test_the_release_may_stand_on_the_pods_only() -> None:
    web = workload(
        name="web",
        namespace="v",
        metadata={"labels": {"linkerd.io/extension": "viz"}},
        annotations={"linkerd.io/created-by": "linkerd/cli edge-25.4.4"},
    )
    assert detect((), [web]) == (Extension("viz", "v", "edge-25.4.4"),)


def test_the_cni_goes_before_the_control_plane_and_the_others_after_it() -> None:
    jaeger = Extension("jaeger", "linkerd-jaeger", None, "linkerd-jaeger")
    found = steps([MULTICLUSTER, VIZ, jaeger, CNI, Extension("smi", "linkerd-smi")], TO, SOURCE)
    assert [(step.extension.name, step.when) for step in found] == [
        ("cni", "before"),
        ("jaeger", "before"),
        ("viz", "after"),
        ("multicluster", "after"),
        ("smi", "after"),
    ]
    assert [step.command for step in found] == [
        upgrade("linkerd2-cni", "linkerd-cni"),
        "helm uninstall linkerd-jaeger -n linkerd-jaeger",
        upgrade("linkerd-viz", "linkerd-viz"),
        upgrade("linkerd-multicluster", "linkerd-multicluster"),
        None,
    ]


def upgrade(chart: str, namespace: str) -> str:
    """Of a Helm release that is called after its chart."""
    source = "--repo https://helm.linkerd.io/edge --version 2026.6.3"
    return f"helm upgrade {chart} {chart} {source} -n {namespace} --reset-then-reuse-values"


@pytest.mark.parametrize(
    ("extension", "command"),
    [
        (
            Extension("viz", "linkerd-viz"),
            "linkerd viz install | kubectl apply -f -   # with the linkerd of edge-26.6.3",
        ),
        (
            Extension("cni", "linkerd-cni"),
            "linkerd install-cni | kubectl apply -f -   # with the linkerd of edge-26.6.3",
        ),
        (Extension("jaeger", "linkerd-jaeger"), "linkerd jaeger uninstall | kubectl delete -f -"),
    ],
)
def test_what_the_cli_made_is_upgraded_by_it(extension: Extension, command: str) -> None:
    (step,) = steps([extension], TO, SOURCE)
    assert step.command == command


def test_jaeger_stays_while_releases_still_have_it() -> None:
    (step,) = steps([Extension("jaeger", "linkerd-jaeger", None, "jaeger")], Edge(25, 9, 4), SOURCE)
    assert step.when == "after"
    assert str(step.command).startswith("helm upgrade jaeger linkerd-jaeger --repo")


@pytest.mark.parametrize(
    ("source", "chart"),
    [
        ("/charts/", "/charts/linkerd-viz-2026.6.3.tgz"),
        ("~/my charts", "~/'my charts/linkerd-viz-2026.6.3.tgz'"),
        (
            "https://me:secret@charts.example",
            "linkerd-viz --repo 'https://***@charts.example' --version 2026.6.3",
        ),
    ],
)
def test_the_chart_comes_from_where_the_others_do_without_a_login(source: str, chart: str) -> None:
    (step,) = steps([VIZ], TO, source)
    assert step.command == f"helm upgrade linkerd-viz {chart} -n linkerd-viz --reset-then-reuse-values"
