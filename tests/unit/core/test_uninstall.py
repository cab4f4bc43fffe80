"""Leaving Linkerd: what stands in the way of it, what goes, and what is said to be left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.control_plane import INSTALLING
from meshroll.core.errors import ExitCode
from meshroll.core.helm_records import HelmRelease
from meshroll.core.journal import Record
from meshroll.core.outcome import Outcome
from meshroll.core.summary import ended
from meshroll.core.uninstall import (
    Removal,
    Standing,
    lines,
    needed_by,
    problems,
    removal,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Json = dict[str, Any]


def space(name: str, extension: str | None = None, **annotations: str) -> Json:
    labels = {"linkerd.io/extension": extension} if extension else {}
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations}}


def pod(namespace: str, name: str = "omni-1", where: str = "containers", phase: str = "Running") -> Json:
    owner = {"kind": "StatefulSet", "name": name.rpartition("-")[0], "controller": True}
    return {
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "app"}], where: [{"name": "linkerd-proxy"}]},
        "status": {"phase": phase},
    }


def release(name: str, status: str = "deployed", age_seconds: float = 3600.0) -> HelmRelease:
    began = NOW - timedelta(seconds=age_seconds)
    return HelmRelease(name, "linkerd", 1, status, began, f"sh.helm.release.v1.{name}.v1")


def crd(name: str, by: str | None = CRDS_CHART, keep: bool = False) -> Json:
    own = {"meta.helm.sh/release-name": by} if by else {}
    keeping = {"helm.sh/resource-policy": "keep"} if keep else {}
    return {
        "metadata": {"name": name, "annotations": own | keeping},
        "spec": {"group": name.partition(".")[2]},
    }


def hook(name: str, home: str = "linkerd") -> Json:
    config = {"service": {"name": "linkerd-proxy-injector", "namespace": home}}
    return {"metadata": {"name": name}, "webhooks": [{"clientConfig": config}]}


def run(command: str, state: str, *namespaces: str) -> Record:
    return Record("r1", command, "ann", list(namespaces), "2026-01-01T00:00:00Z", state)  # type: ignore[arg-type]


def standing(**over: Any) -> Standing:
    """Linkerd as meshroll has installed it, with nothing that needs it."""
    whole = Standing(
        home="linkerd",
        namespaces=(space("linkerd"), space("meshroll"), space("charging")),
        pods=(),
        deployments=({"metadata": {"name": "linkerd-proxy-injector"}},),
        helm={CONTROL_PLANE_CHART: release(CONTROL_PLANE_CHART), CRDS_CHART: release(CRDS_CHART)},
        webhooks=(hook("linkerd-proxy-injector-webhook-config"),),
        crds=(crd("servers.policy.linkerd.io"), crd("httproutes.gateway.networking.k8s.io", None)),
        records=(),
        anchor_key_file=None,
    )
    return Standing(**{**whole.__dict__, **over})


def nothing(**over: Any) -> Standing:
    return standing(**{"deployments": (), "helm": {}, "webhooks": (), "crds": ()} | over)


def codes(seen: Standing, crds: bool = False) -> list[str]:
    return [problem.code for problem in problems(seen, crds, NOW)]


def test_a_mesh_that_nothing_needs_may_go() -> None:
    assert codes(standing()) == codes(standing(), True) == []


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_a_pod_with_a_proxy_refuses_with_its_namespace_owner_and_number(where: str) -> None:
    pods = (
        pod("charging", "omni-1", where),
        pod("charging", "omni-2", where),
        pod("charging", "ledger-1", where),
    )
    (problem,) = problems(standing(pods=pods), False, NOW)
    assert (problem.code, problem.namespace) == ("still-meshed", "charging")
    assert problem.message == "3 pods of charging have a proxy: StatefulSet/ledger (1), StatefulSet/omni (2)."
    assert "meshroll rollback -n charging" in problem.hint


def test_pods_of_the_control_plane_without_a_proxy_or_at_their_end_need_nothing() -> None:
    plain = pod("charging")
    plain["spec"]["containers"] = [{"name": "app"}]
    assert codes(standing(pods=(pod("linkerd"), plain, pod("charging", phase="Succeeded")))) == []


def test_an_extension_is_named_as_one_and_goes_by_helm() -> None:
    (problem,) = needed_by([pod("linkerd-viz")], [space("linkerd-viz", "viz")], "linkerd")
    assert "1 pod of linkerd-viz (extension viz) has a proxy" in problem.message
    assert "helm uninstall -n linkerd-viz" in problem.hint and "rollback" not in problem.hint


@given(st.lists(st.tuples(st.sampled_from(["linkerd", "charging", "parking"]), st.sampled_from("abc"))))
def test_every_namespace_with_a_proxy_is_named_once_and_linkerds_own_never(
    pods: list[tuple[str, str]],
) -> None:
    found = needed_by([pod(namespace, f"{name}-1") for namespace, name in pods], [], "linkerd")
    assert [each.namespace for each in found] == sorted({name for name, _ in pods} - {"linkerd"})


def test_all_reasons_are_told_at_once() -> None:
    seen = standing(
        pods=(pod("charging"),),
        records=(run("rollout", "interrupted", "charging"),),
        helm={CONTROL_PLANE_CHART: release(CONTROL_PLANE_CHART, "pending-upgrade")},
    )
    assert codes(seen, True) == ["still-meshed", "run-unfinished", "not-by-helm", "helm-release-in-the-way"]


def test_an_unfinished_run_refuses_unless_its_namespace_is_gone_or_it_is_an_uninstall() -> None:
    assert codes(standing(records=(run("rollout", "interrupted", "charging"),))) == ["run-unfinished"]
    assert codes(standing(records=(run("rollout", "interrupted", "deleted"),))) == []
    assert codes(standing(records=(run("uninstall", "interrupted"),))) == []


def test_an_upgrade_that_did_not_end_refuses_unless_its_namespaces_were_taken_off_the_mesh_since() -> None:
    left = run("upgrade", "interrupted", "charging")
    assert codes(standing(records=(left,))) == ["run-unfinished"]
    assert codes(standing(records=(run("rollback", "succeeded", "charging"), left))) == []
    assert codes(standing(records=(run("upgrade", "succeeded"), left))) == [], "another upgrade has closed it"


def test_what_helm_did_not_install_is_refused_with_the_way_to_remove_it() -> None:
    (plane,) = problems(standing(helm={}), False, NOW)
    assert plane.code == "not-by-helm" and "linkerd uninstall | kubectl delete -f -" in plane.hint
    (crds,) = problems(standing(helm={CONTROL_PLANE_CHART: release(CONTROL_PLANE_CHART)}), True, NOW)
    assert crds.code == "not-by-helm" and "kubectl delete crd servers.policy.linkerd.io`" in crds.hint


def test_webhooks_of_a_control_plane_elsewhere_are_not_taken_for_this_ones() -> None:
    (problem,) = problems(nothing(webhooks=(hook("a", "mesh"), hook("b", "mesh"))), False, NOW)
    assert problem.code == "linkerd-elsewhere" and "meshroll_control_plane.namespace to mesh" in problem.hint


@pytest.mark.parametrize(
    ("status", "age_seconds", "installing", "records", "refused"),
    [
        ("deployed", 1, False, (), False),
        ("failed", 1, False, (), False),
        ("pending-upgrade", 9999, False, (), True),
        ("pending-install", 59, True, (), True),
        ("pending-install", 61, True, (), False),
        ("uninstalling", 9999, False, (), True),
        ("uninstalling", 1, False, (run("uninstall", "running"),), False),
        ("uninstalling", 1, False, (run("uninstall", "succeeded"),), True),
    ],
)
def test_helm_at_work_refuses_but_for_what_meshroll_has_left(
    status: str, age_seconds: float, installing: bool, records: tuple[Record, ...], refused: bool
) -> None:
    seen = standing(
        helm={CONTROL_PLANE_CHART: release(CONTROL_PLANE_CHART, status, age_seconds)},
        namespaces=(space("linkerd", **({INSTALLING: "edge-26.6.3"} if installing else {})),),
        records=records,
    )
    assert codes(seen) == (["helm-release-in-the-way"] if refused else [])


def test_crds_and_their_resources_go_only_when_asked_for() -> None:
    kept, gone = (
        removal(standing(), False, {"Server.policy.linkerd.io": 2}),
        removal(standing(), True, {"S.x": 2}),
    )
    assert (kept.helm_releases, kept.custom_resources) == ([CONTROL_PLANE_CHART], {})
    assert any(
        "1 CRD of Linkerd" in line and "meshroll uninstall --crds" in line for line in lines(kept, False)
    )
    assert (gone.helm_releases, gone.custom_resources) == ([CONTROL_PLANE_CHART, CRDS_CHART], {"S.x": 2})
    assert not any("--crds" in line for line in lines(gone, False))
    assert any("With the CRDs would go their custom resources: 2 S.x." in line for line in lines(gone, True))


def test_the_crds_that_go_are_those_of_helms_release_and_no_others() -> None:
    seen = standing(crds=(crd("a.linkerd.io"), crd("b.linkerd.io", None), crd("c.linkerd.io", keep=True)))
    assert [each["metadata"]["name"] for each in seen.helm_crds] == ["a.linkerd.io"]
    assert any("2 CRDs of Linkerd" in line for line in lines(removal(seen, True, {}), False))


def test_what_is_left_is_named_with_the_command_that_removes_it() -> None:
    left = [kept.command for kept in removal(standing(anchor_key_file="/safe/anchor.pem"), True, {}).keeps]
    assert left == [
        "kubectl delete crd httproutes.gateway.networking.k8s.io",
        "kubectl delete namespace linkerd",
        "kubectl delete namespace meshroll",
        "rm /safe/anchor.pem",
    ]


def test_there_is_something_to_do_while_any_part_or_an_unfinished_uninstall_is_left() -> None:
    assert removal(nothing(), True, {}).nothing_to_do
    assert removal(nothing(helm={CRDS_CHART: release(CRDS_CHART)}), False, {}).nothing_to_do
    for left in (
        removal(nothing(helm={CRDS_CHART: release(CRDS_CHART)}), True, {}),
        removal(nothing(webhooks=(hook("a"),)), False, {}),
        removal(nothing(records=(run("uninstall", "running"),)), False, {}),
    ):
        assert not left.nothing_to_do
        assert not any("Nothing to do" in line for line in lines(left, False))


def test_a_removal_survives_its_way_through_the_playbook() -> None:
    wanted = removal(standing(), True, {"Server.policy.linkerd.io": 1})
    assert msgspec.convert(msgspec.to_builtins(wanted), Removal) == wanted


@pytest.mark.parametrize("code", [ExitCode.ROLLBACK_INCOMPLETE, ExitCode.INTERRUPTED])
def test_after_one_that_stopped_midway_the_same_command_is_next(code: ExitCode) -> None:
    record = msgspec.structs.replace(run("uninstall", "running"), asked={"crds": True})
    status: Json = {"namespaces": []}
    entry = ended("prod", Outcome(code, (), False), record, None, status, "uninstall", False)
    assert entry["next"] == "meshroll uninstall --crds goes on"
    assert not any("Changed 0" in line for line in entry["summary"])
