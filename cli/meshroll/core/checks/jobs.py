"""What becomes of Jobs: beside a proxy that is no native sidecar they never complete."""

from __future__ import annotations

from collections.abc import Iterator

from meshroll.core.checks.row import Case, Check
from meshroll.core.injection import GA_SINCE, native_said
from meshroll.core.model import INJECT, NamespaceView, Object, annotations_of
from meshroll.core.scan.row import Hit


def _cron_jobs(case: Case) -> Iterator[Hit]:
    for namespace, _, workload in case.taken():
        if workload.kind != "CronJob" or case.mode(namespace) == "native":
            continue
        if namespace.annotates:
            told = "stays out of the mesh"
        elif workload.template_annotations.get(INJECT) in ("enabled", "ingress"):
            told = "makes Jobs that never complete"
        else:
            continue
        yield Hit(f"{workload.id} {told}: its proxy would be no native sidecar.", namespace.name, workload.id)


def _running(case: Case) -> Iterator[Hit]:
    jobs = case.seen.objects("jobs")
    for namespace, space in case.spaces():
        for job in jobs if namespace.annotates else ():
            meta = job["metadata"]
            if meta["namespace"] != space.name or _made_by_another(meta) or not _under_way(job):
                continue
            if _gets_classic_proxy(annotations_of(job["spec"]["template"]), space, case):
                yield Hit(
                    f"Job/{meta['name']} is running: its next pods, and other Jobs from here on, get a proxy that is "
                    "no native sidecar, and never complete.",
                    space.name,
                    f"Job/{meta['name']}",
                )


def _made_by_another(meta: Object) -> bool:
    return any(owner.get("controller") for owner in meta.get("ownerReferences") or [])


def _under_way(job: Object) -> bool:
    ended = (job.get("status") or {}).get("conditions") or []
    return not job["spec"].get("suspend") and not any(
        condition["type"] in ("Complete", "Failed") and condition["status"] == "True" for condition in ended
    )


def _gets_classic_proxy(own: Object, space: NamespaceView, case: Case) -> bool:
    """meshroll writes nothing on a Job, so the namespace and the control plane's values say of which kind it is."""
    assert case.edge is not None
    if own.get(INJECT, "enabled") not in ("enabled", "ingress"):
        return False
    proxy = case.values.get("proxy") or {}
    said = native_said(own, space.annotations, case.edge)
    return not (proxy.get("nativeSidecar", case.edge >= GA_SINCE) if said is None else said)


CHECKS = (
    Check(
        "cron-job-without-native",
        "CronJobs can be meshed",
        _cron_jobs,
        severity="warn",
        acceptable=True,
        why="A classic proxy goes on after the application has ended, so a Job beside one never completes "
        "(linkerd2 #7425). With `injection: namespace` a rollout keeps such CronJobs out of the mesh: what they call "
        "sees them unmeshed.",
        fix="Use native sidecars (`sidecar: native`, or `auto` with Kubernetes 1.29 and edge-25.12.3).",
    ),
    Check(
        "job-running",
        "no Job meets the namespace's proxies half way",
        _running,
        severity="warn",
        needs=("jobs",),
        acceptable=True,
        why="With `injection: namespace` every pod made from then on gets a proxy, those of Jobs too. Where the "
        "control plane's values do not make it a native sidecar, the Job never completes (linkerd2 #7425).",
        fix="Annotate the Job's pod template with linkerd.io/inject: disabled, or set proxy.nativeSidecar in the "
        "control plane's values.",
    ),
)
