"""Do autoscalers go on working beside a proxy, and do they leave it alone?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshroll.core.checks.row import Case, Check
from meshroll.core.injection import Sidecar
from meshroll.core.model import PROXY_CONTAINER, NamespaceView, Object, Workload
from meshroll.core.proxy_resources import RESOURCES, Resource, annotation, given, of_namespace, proxy_request
from meshroll.core.scan.row import Hit
from meshroll.core.settings import Namespace

# The modes in which a VerticalPodAutoscaler writes requests into pods.
SIZING = ("Auto", "Recreate", "Initial", "InPlaceOrRecreate")


def _horizontal(case: Case) -> Iterator[Hit]:
    for _, space, workload in case.taken():
        for autoscaler in space.autoscalers_of(workload):
            name = f"HPA {autoscaler['metadata']['name']}"
            yield from _unknowable(case, space, workload, name, _utilization(autoscaler))


def _utilization(autoscaler: Object) -> Iterator[str]:
    for metric in autoscaler["spec"].get("metrics") or []:
        if metric.get("type") == "Resource" and metric["resource"]["target"].get("type") == "Utilization":
            yield metric["resource"]["name"]


def _keda(case: Case) -> Iterator[Hit]:
    """Those whose HPA is not there yet: KEDA makes one, and the row of HPAs has it then."""
    taken = _by_target(case)
    for scaled in case.seen.objects("scaled_objects"):
        meta, spec = scaled["metadata"], scaled["spec"]
        target = spec["scaleTargetRef"]
        found = taken.get((meta["namespace"], target.get("kind") or "Deployment", target["name"]))
        if found and not _made(scaled, found[1]):
            yield from _unknowable(case, *found[1:], f"ScaledObject {meta['name']}", _triggers(spec))


def _by_target(case: Case) -> dict[tuple[str, str, str], tuple[Namespace, NamespaceView, Workload]]:
    return {(each[1].name, each[2].kind, each[2].name): each for each in case.taken()}


def _made(scaled: Object, space: NamespaceView) -> bool:
    """Whether KEDA made its HPA."""
    return any(
        owner.get("kind") == "ScaledObject" and owner.get("name") == scaled["metadata"]["name"]
        for autoscaler in space.autoscalers
        for owner in autoscaler["metadata"].get("ownerReferences") or []
    )


def _triggers(spec: Object) -> Iterator[str]:
    """The resources that it scales a whole pod on; a trigger with a containerName counts that container alone
    (keda.sh/docs/latest/scalers/cpu).
    """
    for trigger in spec.get("triggers") or []:
        told = trigger.get("metadata") or {}
        kind = trigger.get("metricType") or told.get("type")
        if trigger.get("type") in RESOURCES and kind == "Utilization" and not told.get("containerName"):
            yield trigger["type"]


def _unknowable(
    case: Case, space: NamespaceView, workload: Workload, scaler: str, resources: Iterable[str]
) -> Iterator[Hit]:
    """Utilization is of the requests of every container; a proxy without any makes it unknown. Raises Unseen."""
    scaled_on = set(resources)
    if not scaled_on:
        return
    ranges = of_namespace(case.seen.objects("limit_ranges"), space)
    asks = given(proxy_request(workload, space, case.values), ranges)
    for resource in RESOURCES:
        if resource in scaled_on and not asks.request(resource):
            yield Hit(
                f"{scaler} scales {workload.id} on {resource}; its proxy has no {resource} request.",
                space.name,
                workload.id,
                _annotate(resource),
            )


def _annotate(resource: Resource) -> str:
    return f"Annotate the pod template with {annotation(resource, 'request')}."


def _vertical(case: Case) -> Iterator[Hit]:
    taken = _by_target(case)
    for autoscaler in case.seen.objects("vertical_autoscalers"):
        meta, spec = autoscaler["metadata"], autoscaler.get("spec") or {}
        target = spec.get("targetRef") or {}
        found = taken.get((meta["namespace"], target.get("kind", ""), target.get("name", "")))
        if found and _sizes_proxy(spec, case.mode(found[0])):
            yield Hit(
                f"VerticalPodAutoscaler {meta['name']} would size the linkerd-proxy of {found[2].id} too.",
                meta["namespace"],
                found[2].id,
            )


def _sizes_proxy(spec: Object, mode: Sidecar) -> bool:
    """Native sidecars are init containers, which it leaves alone (kubernetes/autoscaler #7229)."""
    if mode == "native" or (spec.get("updatePolicy") or {}).get("updateMode", "Auto") not in SIZING:
        return False
    policies = {
        policy.get("containerName", "*"): policy.get("mode", "Auto")
        for policy in (spec.get("resourcePolicy") or {}).get("containerPolicies") or []
    }
    return bool(policies.get(PROXY_CONTAINER, policies.get("*", "Auto")) != "Off")


CHECKS = (
    Check(
        "hpa-without-proxy-request",
        "autoscalers keep working beside a proxy",
        _horizontal,
        needs=("limit_ranges",),
        acceptable=True,
        why="A HorizontalPodAutoscaler reckons utilization from the requests of all containers of a pod. One "
        "container without a request makes it unknown, and the autoscaler stands still "
        "(kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale).",
        fix="Give the proxy a request: config.linkerd.io/proxy-cpu-request or proxy-memory-request on the pod "
        "template or the namespace, or proxy.resources in the control plane's values.",
    ),
    Check(
        "keda-without-proxy-request",
        "KEDA's scalers keep working beside a proxy",
        _keda,
        needs=("scaled_objects", "limit_ranges"),
        acceptable=True,
        why="KEDA makes a HorizontalPodAutoscaler of a trigger on cpu or memory, which stands still where a container "
        "has no request (keda.sh/docs/latest/scalers/cpu).",
        fix="Give the proxy a request as for an HPA, or name the application's container in the trigger's "
        "containerName.",
    ),
    Check(
        "vpa-resizes-proxy",
        "vertical autoscalers leave the proxy alone",
        _vertical,
        severity="warn",
        needs=("vertical_autoscalers",),
        acceptable=True,
        why="A VerticalPodAutoscaler sizes every container that it is not told to leave alone. It evicts pods to "
        "resize their proxy, and one that was sized in a quiet hour is too small for a busy one.",
        fix="Add {containerName: linkerd-proxy, mode: 'Off'} to its resourcePolicy.containerPolicies.",
    ),
)
