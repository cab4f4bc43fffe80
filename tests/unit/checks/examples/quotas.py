from __future__ import annotations

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import Json, workload

from meshroll.core.checks import Case

ASKS = {"config.linkerd.io/proxy-cpu-request": "100m", "config.linkerd.io/proxy-memory-limit": "250Mi"}


def quota(hard: Json, used: Json) -> Json:
    meta = {"name": "team", "namespace": "charging"}
    return {"metadata": meta, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}


def limits(**item: Json) -> Json:
    meta = {"name": "sizes", "namespace": "charging"}
    return {"metadata": meta, "spec": {"limits": [{"type": "Container", **item}]}}


def with_listed(
    quotas: tuple[Json, ...] = (), ranges: tuple[Json, ...] = (), asks: Json | None = None
) -> Case:
    found = case(workload(annotations=ASKS if asks is None else asks))
    return with_facts(found, listed={"resource_quotas": quotas, "limit_ranges": ranges})


EXAMPLES = [
    Example(
        "quota-without-room",
        lambda: with_listed((quota({"requests.cpu": "1"}, {"requests.cpu": "800m"}),)),
        lambda: with_listed((quota({"requests.cpu": "1"}, {"requests.cpu": "900m"}),)),
        "ResourceQuota/team has 100m of requests.cpu left; the proxies add 200m.",
    ),
    Example(
        "limit-range-refuses-proxy",
        lambda: with_listed(ranges=(limits(max={"memory": "250Mi"}),)),
        lambda: with_listed(ranges=(limits(max={"memory": "128Mi"}),)),
        "LimitRange/sizes refuses the proxies of Deployment/omni: 250Mi of memory is above its max of 128Mi.",
    ),
    Example(
        "limit-range-sets-proxy",
        lambda: with_listed(ranges=(limits(default={"memory": "64Mi"}),)),
        lambda: with_listed(
            ranges=(limits(default={"memory": "64Mi"}, defaultRequest={"cpu": "50m"}),), asks={}
        ),
        "LimitRange/sizes gives the proxies of Deployment/omni a cpu request of 50m, a memory request of 64Mi, "
        "a memory limit of 64Mi.",
    ),
]
