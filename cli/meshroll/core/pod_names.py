"""Whose pod it was, by its name alone: for pods that are gone, of which nothing but their metrics is left.

Names as Kubernetes makes them: NAME-HASH-RANDOM of a Deployment's ReplicaSet, NAME-RANDOM of a DaemonSet, NAME-ORDINAL
of a StatefulSet, NAME-MINUTES-RANDOM of a CronJob's Job. HASH and RANDOM have no vowels and no 0, 1, 3
(k8s.io/apimachinery, pkg/util/rand); what stands before RANDOM is cut to 58 characters (apiserver, pkg/storage/names).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_LETTER = "[bcdfghjklmnpqrstvwxz2456789]"
_RANDOM = re.compile(_LETTER + "{5}")
BASE_MAX = 58
# What follows the workload's name, up to RANDOM.
_MIDDLES = {
    "Deployment": re.compile(rf"-{_LETTER}{{1,10}}-"),
    "DaemonSet": re.compile("-"),
    "CronJob": re.compile(r"-\d{1,10}-"),
}


def owners_by_name(pods: Iterable[str], workloads: Collection[str]) -> dict[str, str]:
    """Pod -> the workload id that its name is of. One that may be of several, or of none, is left out."""
    by_name: dict[str, list[str]] = {}
    for workload in workloads:
        by_name.setdefault(workload.split("/", 1)[1], []).append(workload)
    found = {}
    for pod in pods:
        # Each of its beginnings, because a namespace may have hundreds of workloads and a week thousands of pods.
        owners = [
            workload
            for end in range(1, len(pod))
            for workload in by_name.get(pod[:end], ())
            if _is_of(pod[end:], len(pod), workload.split("/", 1)[0])
        ]
        if len(owners) == 1:
            found[pod] = owners[0]
    return found


def _is_of(rest: str, length: int, kind: str) -> bool:
    """``rest`` is what follows the workload's name in a pod's name of ``length``."""
    if kind == "StatefulSet":
        return re.fullmatch(r"-(0|[1-9]\d*)", rest) is not None
    middle, end = rest[:-5], rest[-5:]
    if kind not in _MIDDLES or not _RANDOM.fullmatch(end):
        return False
    if _MIDDLES[kind].fullmatch(middle):
        return True
    # Cut off somewhere in its middle: any beginning of one.
    return length == BASE_MAX + 5 and kind == "Deployment" and _is_cut(middle)


def _is_cut(middle: str) -> bool:
    return re.fullmatch(rf"(-{_LETTER}{{0,10}})?", middle) is not None
