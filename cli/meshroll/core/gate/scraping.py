"""Whether Prometheus scrapes the proxies, and what to add where it does not."""

from __future__ import annotations

from collections.abc import Sequence

from meshroll.core.gate.signals import Reading
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.text import percent
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.prometheus_problems import STALE_AFTER_SCRAPES

# Linkerd's own job, as its PodMonitor renders it. Proxies that are native sidecars are init containers, which
# Kubernetes discovery includes; a rule that keeps app containers only loses them.
SCRAPE_JOB = """\
- job_name: linkerd-proxy
  kubernetes_sd_configs: [{role: pod}]
  relabel_configs:
  - {action: keep, source_labels: [__meta_kubernetes_pod_container_name], regex: linkerd-proxy}
  - {action: keep, source_labels: [__meta_kubernetes_pod_container_port_name], regex: linkerd-admin}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
  - {action: labelmap, regex: __meta_kubernetes_pod_label_linkerd_io_proxy_(deployment|statefulset|daemonset)}
  - {action: labelmap, regex: __meta_kubernetes_pod_label_linkerd_io_(control_plane_ns)}
"""

HINTS = {
    "existing": (
        "Add this job to Prometheus' scrape_configs, and let NetworkPolicies admit it to port 4191:\n"
        + SCRAPE_JOB
    ),
    "podmonitor": (
        "Is the PodMonitor linkerd-proxy there (chart value podMonitor.enabled=true), do Prometheus' "
        "podMonitorSelector and podMonitorNamespaceSelector pick it, and may Prometheus reach port 4191? "
        "Without the Prometheus operator, set meshroll_prometheus.scrape: existing and add this job:\n"
        + SCRAPE_JOB
    ),
}


def coverage(subject: Subject, reading: Reading, scrape_interval_seconds: float, scrape: str) -> Finding:
    """How many of the workload's proxies are measured; Error unless all are. ``value`` is their share."""
    absent = [pod for pod in subject.meshed_pods if pod not in reading.target_up]
    down = [pod for pod in subject.meshed_pods if reading.target_up.get(pod) is False]
    limit_seconds = STALE_AFTER_SCRAPES * scrape_interval_seconds
    stale = [
        pod
        for pod in subject.meshed_pods
        if reading.target_up.get(pod) and reading.scrape_age_seconds.get(pod, 0.0) > limit_seconds
    ]
    nameless = sorted(reading.unlabelled.intersection(subject.meshed_pods))
    unmeasured = {*absent, *down, *stale, *nameless}
    share = 1 - len(unmeasured) / len(subject.meshed_pods)
    faults = [
        *_fault(absent, subject, "Prometheus has no target for the proxies of"),
        *_fault(down, subject, "Prometheus cannot scrape the proxies of"),
        *_fault(stale, subject, f"Prometheus has not scraped for {limit_seconds:.0f} s the proxies of"),
        *_fault(nameless, subject, "no label deployment, statefulset or daemonset is on the series of"),
    ]
    return Finding(
        signal="proxies_scraped_ratio",
        value=share,
        limit=1.0,
        outcome=Outcome.ERROR if faults else Outcome.SUCCESSFUL,
        text="; ".join(faults) or f"all {len(subject.meshed_pods)} proxies are scraped ({percent(share)})",
        hint=HINTS[scrape] if faults else "",
    )


def _fault(pods: Sequence[str], subject: Subject, what: str) -> list[str]:
    if not pods:
        return []
    return [
        f"{what} {len(pods)} of {len(subject.meshed_pods)} pods ({pods[0]}{', ...' if len(pods) > 1 else ''})"
    ]
