"""How clusters stand, as metrics for the textfile collector of Prometheus' node_exporter.

The format is Prometheus' text exposition format 0.0.4; times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Sample = tuple[Mapping[str, str], float]
# Six scenarios of at most five minutes, with two each until the workload is at rest again.
DRILL_SECONDS_MAX = 3600.0
HELP = {
    "meshroll_metrics_timestamp_seconds": "When these were read.",
    "meshroll_cluster_read": "1 where the cluster could be read.",
    "meshroll_upgrade_state": "1 for how the upgrade stands: current, waiting, due, overdue or unfinished.",
    "meshroll_upgrade_due_timestamp_seconds": "From when on an upgrade to the target is due.",
    "meshroll_upgrade_next_start_timestamp_seconds": "When a scheduled upgrade may begin.",
    "meshroll_release_timestamp_seconds": "When the release of Linkerd that runs came out.",
    "meshroll_support_end_timestamp_seconds": "When EKS ends its support of the Kubernetes version.",
    "meshroll_last_run_state": "1 for how the last run of a namespace (none: of the cluster) ended.",
    "meshroll_last_run_started_timestamp_seconds": "When that run began.",
    "meshroll_drill_fault_left": "1 for a namespace with a fault that no drill has taken back.",
    "meshroll_certificate_not_after_timestamp_seconds": "When a certificate of the mesh ends.",
}


def exposed(clusters: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """The file. ``clusters`` are the entries of a result of `status` (docs/reference/result.md)."""
    found: dict[str, list[Sample]] = {name: [] for name in HELP}
    for cluster in clusters:
        for name, labels, value in _of(cluster, now):
            found[name].append(({"cluster": cluster["name"], **labels}, value))
    lines = []
    for name, samples in found.items():
        if samples:
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(labels)} {value:.0f}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _of(cluster: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, dict[str, str], float]]:
    yield "meshroll_metrics_timestamp_seconds", {}, now.timestamp()
    yield "meshroll_cluster_read", {}, float(cluster["exit_code"] == 0)
    due = (cluster.get("upgrade") or {}).get("due")
    if due:
        yield "meshroll_upgrade_state", {"state": due["state"]}, 1.0
        if due["since"]:
            told = {"target": due["target"] or ""}
            yield "meshroll_upgrade_due_timestamp_seconds", told, _seconds(due["since"])
        if due["next_start"]:
            yield "meshroll_upgrade_next_start_timestamp_seconds", {}, _seconds(due["next_start"])
        if due["released"]:
            told = {"release": due["release"]}
            yield "meshroll_release_timestamp_seconds", told, _seconds(due["released"])
        for each in due["deadlines"]:
            if not each["is_renewed"]:  # certificates are told below, also where no upgrade is
                told = {"what": each["what"]}
                yield "meshroll_support_end_timestamp_seconds", told, _seconds(each["on"])
    seen: set[str] = set()
    left: set[str] = set()
    for run in (
        cluster.get("runs") or ()
    ):  # newest first: it goes on with those before it of the same namespaces
        if run["command"] == "drill":  # which leaves a namespace as it was, or says so here
            if run["pending"] and not _drilling(run, now):
                left |= {*run["namespaces"]}
            continue
        # An upgrade is about the whole cluster.
        for namespace in [""] if run["command"] in ("upgrade", "uninstall") else run["namespaces"]:
            if namespace not in seen:
                seen.add(namespace)
                told = {"namespace": namespace, "command": run["command"]}
                yield "meshroll_last_run_state", {**told, "state": run["state"]}, 1.0
                yield "meshroll_last_run_started_timestamp_seconds", told, _seconds(run["started_at"])
    for namespace in sorted(left):
        yield "meshroll_drill_fault_left", {"namespace": namespace}, 1.0
    ends: dict[tuple[str, str], float] = {}
    for each in cluster.get("certificates") or ():
        if each["not_after"]:
            # While anchors change there are two of one name.
            key, end = (each["what"], each["subject"]), _seconds(each["not_after"])
            ends[key] = min(end, ends.get(key, end))
    for (what, subject), end in ends.items():
        yield "meshroll_certificate_not_after_timestamp_seconds", {"what": what, "subject": subject}, end


def _drilling(run: Mapping[str, Any], now: datetime) -> bool:
    """Whether it may still be at work. One that was killed reads the same for ever."""
    return run["state"] == "running" and now.timestamp() - _seconds(run["started_at"]) < DRILL_SECONDS_MAX


def _seconds(moment: str) -> float:
    read = datetime.fromisoformat(moment)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _labels(labels: Mapping[str, str]) -> str:
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
