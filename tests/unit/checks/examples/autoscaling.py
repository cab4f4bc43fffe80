from __future__ import annotations

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case, hpa
from unit.core.factories import Json, workload

from meshroll.core.checks import Case

ASKS = {"config.linkerd.io/proxy-cpu-request": "100m"}
LEFT_ALONE = {"containerPolicies": [{"containerName": "linkerd-proxy", "mode": "Off"}]}


def scaled(trigger: Json) -> Case:
    spec = {"scaleTargetRef": {"name": "omni"}, "triggers": [trigger]}
    item = {"metadata": {"name": "omni", "namespace": "charging"}, "spec": spec}
    return with_facts(case(), listed={"scaled_objects": (item,)})


def sized(**spec: Json) -> Case:
    target = {"targetRef": {"kind": "Deployment", "name": "omni"}}
    item = {"metadata": {"name": "omni", "namespace": "charging"}, "spec": {**target, **spec}}
    return with_facts(case(wanted={"sidecar": "wait"}), listed={"vertical_autoscalers": (item,)})


EXAMPLES = [
    Example(
        "hpa-without-proxy-request",
        lambda: with_facts(case(workload(annotations=ASKS), autoscalers=(hpa("cpu"),))),
        lambda: with_facts(case(autoscalers=(hpa("cpu"),))),
        "HPA scaler scales Deployment/omni on cpu; its proxy has no cpu request.",
    ),
    Example(
        "keda-without-proxy-request",
        lambda: scaled(
            {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60", "containerName": "omni"}}
        ),
        lambda: scaled({"type": "memory", "metricType": "Utilization", "metadata": {"value": "60"}}),
        "ScaledObject omni scales Deployment/omni on memory; its proxy has no memory request.",
    ),
    Example(
        "vpa-resizes-proxy",
        lambda: sized(resourcePolicy=LEFT_ALONE),
        sized,
        "VerticalPodAutoscaler omni would size the linkerd-proxy of Deployment/omni too.",
    ),
]
