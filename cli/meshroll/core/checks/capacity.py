"""Have the nodes room for the proxies?"""

from __future__ import annotations

from collections.abc import Iterator

from meshroll.core.checks.eks import auto_mode
from meshroll.core.checks.row import Case, Check
from meshroll.core.prediction import room
from meshroll.core.proxy_resources import added, shown
from meshroll.core.scan.row import Hit

_SCALERS = frozenset({"cluster-autoscaler", "karpenter"})


def _no_room(case: Case) -> Iterator[Hit]:
    """All proxies together against all nodes together: less than that does not fit however pods are spread."""
    free = room(case.view, case.seen.requested_elsewhere)
    taken = ((space, workload) for _, space, workload in case.taken())
    _, cpu_cores, memory_bytes = added(taken, case.values, case.seen.objects("limit_ranges"))
    grows = sorted({w.name for w in case.view.all_workloads} & _SCALERS)
    if auto_mode(case):
        grows.append("EKS Auto Mode")
    for resource, asked, left in (
        ("cpu", cpu_cores, sum(cpu for cpu, _ in free.values())),
        ("memory", memory_bytes, sum(memory for _, memory in free.values())),
    ):
        if asked > max(left, 0.0):
            yield Hit(
                f"The proxies ask for {shown(resource, asked)} of {resource}, and {shown(resource, max(left, 0.0))} "  # type: ignore[arg-type]
                "is free on nodes that take pods.",
                fix=f"{' and '.join(grows)} would have to add nodes: see that it may." if grows else "",
            )


CHECKS = (
    Check(
        "nodes-without-room",
        "the nodes have room for the proxies",
        _no_room,
        severity="warn",
        needs=("pod_requests", "limit_ranges"),
        why="Each proxy's requests are added to its pod's. A pod that fits on no node any more stays Pending, and its "
        "wave waits until it fails.",
        fix="Add nodes, or lower the proxies' requests (proxy.resources, or config.linkerd.io/proxy-cpu-request).",
    ),
)
