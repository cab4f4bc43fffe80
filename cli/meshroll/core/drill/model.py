"""What a drill is about, what it measured and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Scenario = Literal["rolling-deploy", "pod-crash", "scale-up", "scale-down", "degraded-pod", "partition"]
Outcome = Literal["held", "not_held", "inconclusive", "skipped", "aborted"]
BRINGS_PODS = ("rolling-deploy", "pod-crash", "scale-up")
TAKES_PODS = ("pod-crash", "scale-down")
HITS_A_POD = ("degraded-pod", "partition")
NEW_POD_SECONDS_MAX = 30.0
GONE_POD_SECONDS_MAX = 10.0
SLOW_SHARE_MAX = 0.5
"""Of its fair share: what a pod that has become slow may get at most. Far enough from it that chance is not the reason:
of 100 requests to three pods one gets fewer than 17 by chance in one of 5,000 drills."""
CUT_SHARE_MAX = 0.1
"""Of its fair share: what a pod that nobody reaches may get at most. A balancer asks at times whether it is back."""

HYPOTHESES: Mapping[Scenario, str] = {
    "rolling-deploy": "While every pod is replaced, calls go on, and new pods take traffic within 30 s.",
    "pod-crash": "When a pod is deleted at once, callers turn to others, and its successor takes traffic within 30 s.",
    "scale-up": "One pod more takes traffic within 30 s of being Ready.",
    "scale-down": "One pod less costs no calls, and gets none 10 s later.",
    "degraded-pod": "A pod that has become slow gets less than half of its share.",
    "partition": "Callers turn away from a pod that they no longer reach: soon it gets less than a tenth of its share.",
}
"""In the order in which they are drilled."""


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured from the fault on, by ``source``. None: it was not measured, or never came about.

    precision_seconds  the times are so exact at best: between two looks, and the scrapes before them
    uncounted_callers  of whose calls nobody has counted what the hypothesis is about
    new_pod_seconds    from Ready to the first request, of the new pod that took longest
    idle_new_pods      Ready for longer than NEW_POD_SECONDS_MAX, and without a request to the end
    gone_pod_seconds   from the fault, or the moment a pod began to end, to the last request that was sent to it
    lost_pod_idle      whether the pod that is hit or went got at most half of its fair share before the fault
    slow_pod_share     of the workload's requests, in the second half of the time; ``fair_share`` is that of all alike
    """

    source: str
    precision_seconds: float
    requests: float = 0.0
    failed_requests: float = 0.0
    uncounted_callers: tuple[str, ...] = ()
    new_pods: int = 0
    idle_new_pods: int = 0
    new_pod_seconds: float | None = None
    gone_pod_seconds: float | None = None
    slow_pod_share: float | None = None
    fair_share: float | None = None
    slow_pod_slower: bool | None = None
    slow_pod_slow_calls: bool = False
    slow_pod_unready: bool = False
    lost_pod_idle: bool = False

    @property
    def failed_ratio(self) -> float:
        return self.failed_requests / self.requests if self.requests else 0.0


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario as it ended. ``why`` is a sentence; ``seconds`` is how long the fault was there."""

    scenario: str
    workload: str
    hypothesis: str
    outcome: Outcome
    why: str
    measures: Measures | None = None
    seconds: float | None = None
