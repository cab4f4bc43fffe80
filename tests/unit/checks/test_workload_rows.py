"""What the rows about workloads see, and what only looks wrong to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from unit.checks.example import with_facts
from unit.checks.examples.autoscaling import scaled, sized
from unit.checks.examples.balancing import REPORTS, from_elsewhere
from unit.checks.examples.cluster import waiting
from unit.checks.examples.disruption import BEHIND, budget, rolling, with_budget
from unit.checks.examples.jobs import CLASSIC, running
from unit.checks.examples.quotas import ASKS, limits, quota, with_listed
from unit.checks.examples.shutdown import DRAIN, WAIT, stops
from unit.core.check_cases import case, hpa
from unit.core.factories import Json, pods, service, workload

from meshroll.core import checks
from meshroll.core.checks import Case
from meshroll.core.checks.disruption import taken_away
from meshroll.core.facts import Hidden
from meshroll.core.model import Workload
from meshroll.core.releases import Edge

ROWS = {row.id: row for row in checks.ALL}
ANY = {"metadata": {"value": "60"}}
LIMITED = {"config.linkerd.io/proxy-memory-limit": "100Mi"}


def found(row: str, case: Case) -> list[str]:
    (checked,) = checks.check(case, [ROWS[row]])
    assert checked.unseen is None
    return [finding.message for finding in checked.findings]


def strategy(kind: str, **rolling_update: str | int) -> Workload:
    key = "strategy" if kind == "Deployment" else "updateStrategy"
    return workload(kind, replicas=10, spec={key: {"type": "RollingUpdate", "rollingUpdate": rolling_update}})


@pytest.mark.parametrize(
    ("owner", "pods_away"),
    [
        (workload(replicas=10), 2),
        (workload(replicas=3), 0),
        (strategy("Deployment", maxUnavailable="29%"), 2),
        (strategy("Deployment", maxUnavailable=0, maxSurge=1), 0),
        (strategy("Deployment", maxUnavailable="5%", maxSurge=0), 1),
        (strategy("Deployment", maxUnavailable=40), 10),
        (workload("StatefulSet", replicas=10), 1),
        (strategy("DaemonSet", maxUnavailable="25%"), 3),
        (strategy("DaemonSet", maxUnavailable=0, maxSurge=1), 0),
        (workload("CronJob"), 0),
    ],
)
def test_a_strategy_takes_away_what_its_controller_would(owner: Workload, pods_away: int) -> None:
    assert taken_away(owner) == pods_away


def in_another_namespace() -> Case:
    elsewhere = {**budget(maxUnavailable=0), "metadata": {"name": "omni", "namespace": "other"}}
    return with_facts(case(workload(replicas=8)), listed={"pod_disruption_budgets": (elsewhere,)})


def of_other_pods(selector: Json | None) -> Case:
    spec = {"maxUnavailable": 0} | ({"selector": selector} if selector is not None else {})
    item = {"metadata": {"name": "omni", "namespace": "charging"}, "spec": spec}
    return with_facts(case(workload(replicas=8)), listed={"pod_disruption_budgets": (item,)})


SILENT: Sequence[tuple[str, Callable[[], Case]]] = [
    ("single-replica", lambda: case(workload(replicas=1), services=(service("other", "other"),))),
    ("single-replica", lambda: case(workload("DaemonSet", replicas=1), services=BEHIND)),
    ("disruption-budget-undercut", lambda: with_budget(8, minAvailable="70%")),
    ("disruption-budget-undercut", in_another_namespace),
    ("disruption-budget-undercut", lambda: of_other_pods({"matchLabels": {"app": "other"}})),
    ("disruption-budget-undercut", lambda: of_other_pods(None)),
    ("restarts-all-at-once", lambda: case(workload(replicas=1, spec={"strategy": {"type": "Recreate"}}))),
    ("restarts-all-at-once", lambda: case(workload("StatefulSet", replicas=3))),
    ("keda-without-proxy-request", lambda: scaled({"type": "cpu", "metricType": "AverageValue", **ANY})),
    ("keda-without-proxy-request", lambda: scaled({"type": "kafka", **ANY})),
    (
        "keda-without-proxy-request",
        lambda: given_by_limit_range(scaled({"type": "memory", "metricType": "Utilization", **ANY})),
    ),
    ("hpa-without-proxy-request", lambda: given_by_limit_range(case(autoscalers=(hpa("memory"),)))),
    ("vpa-resizes-proxy", lambda: sized(updatePolicy={"updateMode": "Off"})),
    (
        "vpa-resizes-proxy",
        lambda: sized(resourcePolicy={"containerPolicies": [{"containerName": "*", "mode": "Off"}]}),
    ),
    ("vpa-resizes-proxy", lambda: replace(sized(), settings=case().settings)),
    (
        "quota-without-room",
        lambda: with_listed((quota({"pods": "3", "limits.memory": "1Gi"}, {"pods": "2"}),)),
    ),
    (
        "quota-without-room",
        lambda: with_listed((quota({"limits.cpu": "10"}, {}),), (limits(default={"cpu": "1"}),)),
    ),
    ("limit-range-refuses-proxy", lambda: with_listed(ranges=(limits(min={"cpu": "100m"}),))),
    ("limit-range-sets-proxy", lambda: with_listed(ranges=(limits(max={"cpu": "1"}),))),
    ("limit-range-refuses-proxy", lambda: of_pods("200Mi")),
    (
        "limit-range-refuses-proxy",
        lambda: with_listed(
            ranges=(limits(maxLimitRequestRatio={"memory": "5"}),),
            asks={**LIMITED, "config.linkerd.io/proxy-memory-request": "20Mi"},
        ),
    ),
    ("quota-without-room", lambda: with_listed((scoped("Terminating"),))),
    ("hpa-without-proxy-request", lambda: with_facts(case(autoscalers=(hpa("cpu"),), values=REQUESTED))),
    (
        "hpa-without-proxy-request",
        lambda: with_facts(
            case(workload(annotations={"config.linkerd.io/proxy-cpu-limit": "1"}), autoscalers=(hpa("cpu"),))
        ),
    ),
    ("application-outlives-proxy", lambda: stops({"sleep": {"seconds": 10}})),
    ("job-running", lambda: replace(running(CLASSIC), settings=case(wanted=WORKLOADS).settings)),
    ("job-running", lambda: running({})),
    ("job-running", lambda: with_job(spec={"suspend": True})),
    ("drain-exceeds-grace-period", lambda: case(workload(annotations={DRAIN: "no duration"}))),
    ("drain-exceeds-grace-period", lambda: case(values={"proxy": {"shutdownGracePeriod": ""}})),
    ("pre-stop-needs-network", lambda: stops({"exec": {"command": ["curl", "http://localhost:8080/drain"]}})),
    ("pre-stop-needs-network", lambda: stops({"exec": {"command": ["/bin/sleep", "5"]}})),
    ("application-outlives-proxy", lambda: stops({"sleep": {"seconds": 20}}, "native")),
    ("nothing-drains", case),
    ("wait-beside-native", lambda: case(annotations={WAIT: "0"})),
    ("cron-job-without-native", lambda: case(workload("CronJob"), wanted={"sidecar": "wait", **WORKLOADS})),
    ("job-running", lambda: with_job(status={"conditions": [{"type": "Complete", "status": "True"}]})),
    (
        "job-running",
        lambda: with_job(metadata={"ownerReferences": [{"kind": "CronJob", "controller": True}]}),
    ),
    ("job-running", lambda: with_job(annotations={"linkerd.io/inject": "disabled"})),
    (
        "annotation-outdated",
        lambda: case(annotations={"config.linkerd.io/init-image": "x"}, edge=Edge(25, 10, 7)),
    ),
]
WORKLOADS = {"injection": "workloads"}
REQUESTED = {"proxy": {"resources": {"cpu": {"request": "100m"}}}}


def scoped(scope: str) -> Json:
    found = quota({"limits.cpu": "10"}, {})
    return {**found, "spec": {**found["spec"], "scopes": [scope]}}


def given_by_limit_range(found: Case) -> Case:
    listed = dict(found.facts.listed) if found.facts else {}
    return with_facts(found, listed={**listed, "limit_ranges": (limits(default={"memory": "64Mi"}),)})


def with_job(
    annotations: Json | None = None,
    status: Json | None = None,
    metadata: Json | None = None,
    spec: Json | None = None,
) -> Case:
    found = running(CLASSIC)
    (job,) = found.seen.objects("jobs")
    template = {"metadata": {"annotations": annotations or {}}}
    job = {
        "metadata": {**job["metadata"], **(metadata or {})},
        "spec": {"template": template, **(spec or {})},
        "status": status,
    }
    return with_facts(found, listed={"jobs": (job,)})


@pytest.mark.parametrize(("row", "make"), SILENT, ids=[row for row, _ in SILENT])
def test_what_only_looks_wrong_is_let_through(row: str, make: Callable[[], Case]) -> None:
    assert found(row, make()) == []


def of_beta_namespace() -> Case:
    """From edge-26.5.2 on a namespace does not hand the beta key down."""
    found = running(CLASSIC)
    view = case(
        annotations={"config.beta.linkerd.io/proxy-enable-native-sidecar": "true"}, values=CLASSIC
    ).view
    return replace(found, view=view, facts=replace(found.seen, view=view))


@pytest.mark.parametrize(
    ("row", "make", "word"),
    [
        (
            "quota-without-room",
            lambda: with_listed((scoped("NotTerminating"),)),
            "limits.cpu of every",
        ),
        ("restarts-all-at-once", lambda: case(workload(spec=rolling("100%"))), "all of its 2 pods"),
        ("single-replica", lambda: case(workload(replicas=1), services=BEHIND), "moves all of its calls"),
        ("vpa-resizes-proxy", lambda: sized(updatePolicy={"updateMode": "Initial"}), "would size"),
        (
            "quota-without-room",
            lambda: with_listed((quota({"limits.cpu": "10"}, {}),)),
            "limits.cpu of every",
        ),
        (
            "limit-range-refuses-proxy",
            lambda: with_listed(ranges=(limits(min={"cpu": "200m"}),)),
            "100m of cpu is below its min of 200m",
        ),
        (
            "limit-range-refuses-proxy",
            lambda: with_listed(ranges=(limits(default={"cpu": "50m"}),)),
            "its cpu request of 100m is above the limit of 50m",
        ),
        (
            "limit-range-refuses-proxy",
            lambda: with_listed(
                ranges=(limits(maxLimitRequestRatio={"memory": "2"}),),
                asks={**LIMITED, "config.linkerd.io/proxy-memory-request": "20Mi"},
            ),
            "more than 2 times",
        ),
        ("limit-range-refuses-proxy", lambda: of_pods("300Mi"), "with it a pod asks for 314Mi of memory"),
        (
            "drain-exceeds-grace-period",
            lambda: case(values={"proxy": {"shutdownGracePeriod": "25s"}}, wanted={"sidecar": "wait"}),
            "10 s of which it waits",
        ),
        (
            "pre-stop-needs-network",
            lambda: stops({"httpGet": {"path": "/drain", "port": 8080}}),
            "is an HTTP request",
        ),
        (
            "application-outlives-proxy",
            lambda: stops({"exec": {"command": ["sh", "-c", "sleep 5; sleep 1m"]}}),
            "goes on for 65 s",
        ),
        ("wait-beside-native", lambda: case(workload(annotations={WAIT: "5"})), "Deployment/omni has"),
        (
            "wait-beside-native",
            lambda: case(annotations={WAIT: "5"}, edge=Edge(25, 12, 3)),
            "the injector of edge-25.12.3 fails",
        ),
        (
            "cron-job-without-native",
            lambda: case(
                workload("CronJob", annotations={"linkerd.io/inject": "enabled"}),
                wanted={"sidecar": "wait", **WORKLOADS},
            ),
            "never complete",
        ),
        (
            "annotation-unknown",
            lambda: case(services=({**service("omni"), "metadata": MISSPELT},)),
            "Service/omni has linkerd.io/injection",
        ),
        ("job-running", lambda: replace(running({}), edge=Edge(26, 5, 1)), "never complete"),
        ("job-running", of_beta_namespace, "never complete"),
        (
            "annotation-outdated",
            lambda: case(
                workload(annotations={"config.beta.linkerd.io/proxy-enable-native-sidecar": "true"})
            ),
            "stands for since edge-26.5.2",
        ),
        (
            "annotation-outdated",
            lambda: case(annotations={"config.linkerd.io/init-image": "x"}),
            "since edge-25.11.3",
        ),
    ],
)
def test_a_row_also_sees_this(row: str, make: Callable[[], Case], word: str) -> None:
    (told,) = found(row, make())
    assert word in told


def written_by(manager: str) -> Json:
    return {
        "labels": {"app.kubernetes.io/instance": "charging"},
        "managedFields": [{"manager": "kube-controller-manager"}, {"manager": manager}],
    }


def owned(**reference: object) -> Json:
    return {"ownerReferences": [{"kind": "Kafka", "name": "orders", **reference}]}


def test_argo_cd_is_known_by_what_it_signs_and_an_operator_by_the_workloads_that_it_controls() -> None:
    row = "gitops-managed"
    assert found(row, case(workload(metadata=written_by("helm")))) == []
    assert found(row, case(workload(metadata=written_by("argocd-controller")))) == [
        "Argo CD manages Deployment/omni and would undo the change."
    ]
    assert found(row, case(workload(metadata=owned()))) == []
    assert found(row, case(workload(metadata=owned(controller=True)))) == [
        "Kafka orders manages Deployment/omni and would undo the change."
    ]


def test_a_namespace_that_argo_cd_only_made_is_not_put_back() -> None:
    made = case()
    space = made.view.namespaces["charging"]
    manifest = {"metadata": {**(space.manifest or {})["metadata"], **written_by("argocd-controller")}}
    view = replace(made.view, namespaces={"charging": replace(space, manifest=manifest)})
    assert found("gitops-managed", replace(made, view=view)) == []


MISSPELT = {"name": "omni", "namespace": "charging", "annotations": {"linkerd.io/injection": "enabled"}}


def of_pods(most: str) -> Case:
    """A pod may have so much memory, and the application takes 300Mi less 36Mi of it."""
    container = {"name": "omni", "resources": {"limits": {"memory": "264Mi"}, "requests": {"memory": "64Mi"}}}
    item = {"type": "Pod", "max": {"memory": most}}
    meta = {"name": "sizes", "namespace": "charging"}
    annotations = {"config.linkerd.io/proxy-memory-limit": "50Mi"}
    found = case(workload(containers=[container], annotations=annotations))
    return with_facts(found, listed={"limit_ranges": ({"metadata": meta, "spec": {"limits": [item]}},)})


def test_proxies_that_are_there_already_are_in_what_a_quota_counts_as_used() -> None:
    owner = workload(annotations=ASKS)
    tight = quota({"requests.cpu": "1"}, {"requests.cpu": "1"})
    meshed = with_facts(
        case(owner, pods_seen=pods(owner, proxy="native")), listed={"resource_quotas": (tight,)}
    )
    assert found("quota-without-room", meshed) == []
    assert found("quota-without-room", with_facts(case(owner), listed={"resource_quotas": (tight,)}))


def test_a_scaler_whose_hpa_keda_has_made_is_told_of_once() -> None:
    wanted = scaled({"type": "cpu", "metricType": "Utilization", **ANY})
    owned = {
        **hpa("cpu"),
        "metadata": {"name": "made", "ownerReferences": [{"kind": "ScaledObject", "name": "omni"}]},
    }
    made = case(autoscalers=(owned,))
    both = replace(wanted, view=made.view, facts=replace(wanted.seen, view=made.view))
    assert found("keda-without-proxy-request", both) == []
    assert len(found("hpa-without-proxy-request", both)) == 1


@pytest.mark.parametrize(
    "row", [row.id for row in checks.ALL if row.id.startswith(("quota", "limit", "vpa", "keda"))]
)
def test_what_may_not_be_read_is_skipped_and_not_passed(row: str) -> None:
    hidden = Hidden("this account may not read it")
    unseen = with_facts(case(), listed=dict.fromkeys(ROWS[row].needs, hidden))
    (checked,) = checks.check(unseen, [ROWS[row]])
    assert (checked.state, checked.reason) == ("skipped", "this account may not read it")


def test_a_caller_elsewhere_is_meshed_once_all_of_its_pods_are() -> None:
    assert found("caller-elsewhere", from_elsewhere(REPORTS[0]))
    assert found("caller-elsewhere", from_elsewhere(*REPORTS)) == []
    nightly = {"kind": "CronJob", "annotations": {"linkerd.io/inject": "enabled"}}
    assert found("caller-elsewhere", from_elsewhere(**nightly)) == []
    assert found("caller-elsewhere", from_elsewhere(kind="CronJob"))


def test_a_caller_whose_pods_may_not_be_read_is_not_called_unmeshed() -> None:
    hidden = replace(from_elsewhere().seen, pods=Hidden("this account may not read pods"))
    (checked,) = checks.check(replace(from_elsewhere(), facts=hidden), [ROWS["caller-elsewhere"]])
    assert (checked.state, checked.reason) == ("skipped", "this account may not read pods")
    (checked,) = checks.check(with_facts(case(), pods=hidden.pods), [ROWS["caller-elsewhere"]])
    assert checked.state == "pass"


def test_a_wait_in_the_values_blocks_as_long_as_the_injector_fails_on_it_and_is_told_of_after() -> None:
    before, after = waiting(Edge(26, 5, 1)), waiting(Edge(26, 5, 2))
    assert (found("values-wait-beside-native", after), found("wait-beside-native", before)) == ([], [])
    (checked,) = checks.check(before, [ROWS["values-wait-beside-native"]])
    assert "annotation config.alpha.linkerd.io/proxy-enable-native-sidecar=false" in checked.findings[0].hint
    (told,) = found("wait-beside-native", after)
    assert told == (
        "The control plane's values set proxy.waitBeforeExitSeconds=5, which native sidecars pass over."
    )
    assert found("wait-beside-native", waiting(wanted={"sidecar": "wait"})) == []


def test_an_autoscaler_is_not_judged_where_limit_ranges_may_not_be_read() -> None:
    hidden = {"limit_ranges": Hidden("this account may not read limitranges")}
    judged = with_facts(case(autoscalers=(hpa("cpu"),)), listed=hidden)
    (checked,) = checks.check(judged, [ROWS["hpa-without-proxy-request"]])
    assert (checked.state, checked.reason) == ("skipped", "this account may not read limitranges")
    other = with_facts(case(autoscalers=(hpa("cpu", "AverageValue"),)), listed=hidden)
    (checked,) = checks.check(other, [ROWS["hpa-without-proxy-request"]])
    assert checked.state == "pass"


def tight(hard: Json, used: Json, replicas: int = 2) -> list[str]:
    sized = {"name": "omni", "resources": {"requests": {"cpu": "500m"}}}
    owner = workload(replicas=replicas, containers=[sized], annotations=ASKS)
    return found(
        "quota-without-room", with_facts(case(owner), listed={"resource_quotas": (quota(hard, used),)})
    )


def test_a_restart_that_makes_a_new_pod_first_needs_room_for_it() -> None:
    assert tight({"requests.cpu": "1700m"}, {"requests.cpu": "1"}) == []
    (told,) = tight({"requests.cpu": "1699m"}, {"requests.cpu": "1"})
    assert told.endswith(
        "has 699m of requests.cpu left; the proxies add 200m, and a new pod beside the old ones 500m."
    )
    assert tight({"pods": "2"}, {"pods": "2"}) == [
        "ResourceQuota/team has no room for one more of its 2 pods; Deployment/omni restart by making a new pod first."
    ]
    # Of eight two may go first.
    assert tight({"pods": "8", "requests.cpu": "4800m"}, {"pods": "8", "requests.cpu": "4"}, replicas=8) == []


@pytest.mark.parametrize("odd", [{}, {"spec": {}}, {"spec": {"targetRef": None}}])
def test_a_vertical_autoscaler_of_nothing_sizes_nothing(odd: Json) -> None:
    item = {"metadata": {"name": "odd", "namespace": "charging"}, **odd}
    assert found("vpa-resizes-proxy", with_facts(sized(), listed={"vertical_autoscalers": (item,)})) == []
