"""The look as a whole: silent where all is well, all reasons at once where it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.checks.example import with_facts
from unit.core.api_server import rolled
from unit.core.check_cases import (
    BEHIND,
    CALLER,
    DIALS,
    FARGATE,
    LISTED,
    NAMESPACE,
    POINTS,
    POLICY,
    SERVICES,
    case,
    codes,
    gone,
    hpa,
    server,
    with_certificate,
)
from unit.core.estate import estate, inventory
from unit.core.factories import EDGE, Json, cluster, pods, settings, space, workload
from unit.core.test_plans import rollout

from meshroll.core import checks
from meshroll.core.checks import Case
from meshroll.core.checks.cluster import running_edge
from meshroll.core.errors import Refused
from meshroll.core.model import ControlPlane, Workload


def rules_without(group: str, resource: str, verb: str) -> list[Json]:
    """Everything but one verb on one resource."""
    all_others = {"apiGroups": ["", "apps", "batch", "discovery.k8s.io"], "resources": ["*"], "verbs": ["*"]}
    listed = {
        "pods",
        "events",
        "services",
        "configmaps",
        "deployments",
        "statefulsets",
        "daemonsets",
        "cronjobs",
        "endpointslices",
    }
    listed |= {"namespaces"}
    verbs = {"get", "list", "patch", "watch", "delete", "create"} - {verb}
    return [
        {**all_others, "resources": sorted(listed - {resource})},
        {**all_others, "resources": [resource], "verbs": sorted(verbs)},
        {**all_others, "verbs": ["*"], "resourceNames": ["only-this-one"]},
        {**all_others, "apiGroups": ["other.example"]},
    ]


@pytest.mark.parametrize("sidecar", ["auto", "native", "wait"])
def test_a_healthy_estate_is_fit_on_every_way(sidecar: str) -> None:
    asked = inventory(sidecar=sidecar)
    assert codes(Case(estate(), asked, "in", EDGE)) == []
    assert codes(Case(estate(), asked, "out")) == []
    assert codes(Case(estate(), asked, "verify")) == []
    meshed = rolled(estate(), rollout(estate(), asked), EDGE)
    assert codes(Case(meshed, asked, "in", EDGE)) == []
    assert codes(Case(meshed, asked, "out")) == []


def test_all_reasons_come_at_once() -> None:
    found = case(workload(spec={"paused": True}), ready=0, labels={"istio-injection": "enabled"})
    assert codes(found) == ["injector-not-ready", "other-mesh", "workload-not-restartable"]


def test_a_namespace_that_is_not_there_is_one_reason_and_no_traceback() -> None:
    assert [codes(gone(direction)) for direction in ("in", "out", "verify")] == [["namespace-missing"]] * 3


@pytest.mark.parametrize(
    "fit",
    [
        lambda: case(values={"proxy": {"waitBeforeExitSeconds": 5}}, wanted={"sidecar": "wait"}),
        lambda: case(labels={"pod-security.kubernetes.io/enforce": "privileged"}),
        lambda: case(labels={"pod-security.kubernetes.io/warn": "restricted"}),
        lambda: case(
            labels={"pod-security.kubernetes.io/enforce": "restricted"}, values={"cniEnabled": True}
        ),
        lambda: case(nodes=[FARGATE]),
        lambda: case(labels={"istio-injection": "disabled"}),
        lambda: case(workload(annotations={POLICY: "audit"}), annotations={POLICY: "deny"}),
        lambda: case(policy_servers=(server("audit"), server("all-unauthenticated"))),
        lambda: with_facts(case(autoscalers=(hpa("cpu", "AverageValue"), hpa("cpu", name="other")))),
        lambda: with_facts(
            case(autoscalers=(hpa("cpu"),), values={"proxy": {"resources": {"cpu": {"request": "100m"}}}})
        ),
        lambda: with_facts(
            case(autoscalers=(hpa("cpu"),), annotations={"config.linkerd.io/proxy-cpu-request": "100m"})
        ),
        lambda: case(workload("StatefulSet", spec={"updateStrategy": {"rollingUpdate": {"partition": 0}}})),
        lambda: case(
            workload("CronJob", "nightly", pod_spec={"terminationGracePeriodSeconds": 5}),
            wanted={"sidecar": "wait"},
        ),
        lambda: case(
            workload(),
            workload(
                name="out", annotations={"linkerd.io/inject": "disabled"}, pod_spec={"hostNetwork": True}
            ),
        ),
        lambda: case(CALLER, POINTS, wanted={**SERVICES, "clients": [LISTED]}, **BEHIND),
    ],
)
def test_what_only_looks_wrong_is_let_through(fit: Callable[[], Case]) -> None:
    assert codes(fit()) == []


@pytest.mark.parametrize(("group", "resource", "verb"), checks.namespaces.NEEDED)
def test_each_permission_that_is_missing_is_named(group: str, resource: str, verb: str) -> None:
    (problem,) = checks.problems(case(rules=rules_without(group, resource, verb)))
    assert f" {verb} {resource}{'.' + group if group else ''} in charging" in problem.message


@pytest.mark.parametrize(("group", "resource", "verb"), checks.namespaces.NEEDED_TO_PROBE)
def test_a_probe_needs_permissions_of_its_own(group: str, resource: str, verb: str) -> None:
    allowed = [
        {"apiGroups": [each[0]], "resources": [each[1]], "verbs": [each[2]]}
        for each in checks.namespaces.NEEDED_TO_PROBE
    ]
    assert codes(case(direction="probe", rules=allowed)) == []
    denied = [rule for rule in allowed if (rule["resources"], rule["verbs"]) != ([resource], [verb])]
    (problem,) = checks.problems(case(direction="probe", rules=denied))
    assert problem.code == "permission-missing"
    assert f" {verb} {resource}{'.' + group if group else ''} in charging" in problem.message


@pytest.mark.parametrize(
    "never_meshed",
    [
        workload("DaemonSet", "agent", spec={"updateStrategy": {"type": "OnDelete"}}),
        workload(name="agent", metadata={"labels": {"argocd.argoproj.io/instance": "a"}}),
        workload(name="agent", spec={"paused": True}, annotations={"linkerd.io/inject": "disabled"}),
    ],
)
def test_a_workload_that_was_never_meshed_does_not_block_the_way_out(never_meshed: Workload) -> None:
    assert codes(case(workload(), never_meshed, direction="out")) == []


def test_a_meshed_workload_that_cannot_be_restarted_blocks_the_way_out() -> None:
    paused = workload(spec={"paused": True}, annotations={"linkerd.io/inject": "enabled"})
    assert codes(case(paused, direction="out")) == ["workload-not-restartable"]
    paused = workload(spec={"paused": True})
    found = case(paused, direction="out", pods_seen=pods(paused, proxy="native"))
    assert codes(found) == ["workload-not-restartable"]


def test_the_way_out_asks_for_no_injector_and_no_ready_pods() -> None:
    assert codes(case(direction="out", ready=0, pods_seen=pods(workload(), ready=False))) == []


def test_a_certificate_that_ends_soon_or_may_not_be_read_refuses_nothing_and_none_keeps_anybody_in() -> None:
    for state in ("valid", "expiring", "not_read"):
        assert codes(with_certificate(state)) == []
    assert codes(with_certificate("expired", direction="out")) == []


@pytest.mark.parametrize(
    ("release", "word"),
    [("enterprise-2.17", "Buoyant"), ("stable-2.14.10", "stable-2.14.10"), (None, "unknown")],
)
def test_a_mesh_that_is_no_edge_release_is_refused(release: str | None, word: str) -> None:
    with pytest.raises(Refused, match=word):
        running_edge(ControlPlane(True, "linkerd", release))
    assert running_edge(ControlPlane(True, "linkerd", str(EDGE))) == EDGE


def reports(mode: str) -> Workload:
    return workload(name="reports", namespace="reporting", env={"TARGET": "points.charging:80", "DIAL": mode})


ELSEWHERE = {"workload": "Deployment/reports", "namespace": "reporting", "service": "points", "dial": DIALS}


@pytest.mark.parametrize(
    ("mode", "clients", "expected"),
    [
        ("per_request", [], ["caller-not-listed"]),
        ("per_request", [ELSEWHERE], []),
        ("pooled", [ELSEWHERE], ["caller-not-ready"]),
    ],
)
def test_a_caller_in_another_namespace_blocks_until_it_is_listed_and_cannot_be_pinned(
    mode: str, clients: list[Json], expected: list[str]
) -> None:
    found = settings({**NAMESPACE, **SERVICES, "clients": clients})
    seen = cluster(space(POINTS, **BEHIND), elsewhere=[reports(mode)])
    problems = checks.problems(Case(seen, found, "in", EDGE))
    assert [problem.code for problem in problems] == expected
    assert all(problem.namespace == "reporting" for problem in problems)
