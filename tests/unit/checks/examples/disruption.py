from __future__ import annotations

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import Json, service, workload

from meshroll.core.checks import Case

BEHIND = (service("omni", "omni"),)


def budget(**spec: str | int) -> Json:
    meta = {"name": "omni", "namespace": "charging"}
    return {"metadata": meta, "spec": {"selector": {"matchLabels": {"app": "omni"}}, **spec}}


def with_budget(replicas: int, **spec: str | int) -> Case:
    found = case(workload(replicas=replicas))
    return with_facts(found, listed={"pod_disruption_budgets": (budget(**spec),)})


def rolling(max_unavailable: str | int) -> Json:
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": max_unavailable}}}


EXAMPLES = [
    Example(
        "single-replica",
        lambda: case(workload(replicas=2), services=BEHIND),
        lambda: case(workload("StatefulSet", replicas=1), services=BEHIND),
        "StatefulSet/omni has one pod: nobody answers while it restarts.",
    ),
    Example(
        "disruption-budget-undercut",
        lambda: with_budget(4, maxUnavailable=1),
        lambda: with_budget(8, minAvailable="90%"),
        "A restart of Deployment/omni takes up to 2 of its 8 pods away at once; PodDisruptionBudget omni allows 0.",
    ),
    Example(
        "restarts-all-at-once",
        lambda: case(workload(spec=rolling("99%"))),
        lambda: case(workload(spec={"strategy": {"type": "Recreate"}})),
        "A restart of Deployment/omni takes all of its 2 pods away at once (strategy Recreate).",
    ),
]
