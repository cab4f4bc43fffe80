"""Whether what a drill measured is what its hypothesis says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshroll.core.drill.model import (
    BRINGS_PODS,
    CUT_SHARE_MAX,
    GONE_POD_SECONDS_MAX,
    HITS_A_POD,
    NEW_POD_SECONDS_MAX,
    SLOW_SHARE_MAX,
    TAKES_PODS,
    Drilled,
    Measures,
    Outcome,
    Scenario,
)
from meshroll.core.errors import ExitCode, Problem
from meshroll.core.outcome import Outcome as RunOutcome

NO_TRAFFIC = "no request was counted, so nothing can be said"


def judge(scenario: Scenario, measures: Measures | None, failed_ratio_max: float) -> tuple[Outcome, str]:
    """The outcome with a sentence. ``failed_ratio_max`` is the share of calls that may fail."""
    if measures is None:
        return "inconclusive", NO_TRAFFIC
    against = list(_against(scenario, measures, failed_ratio_max))
    if against:
        return "not_held", "; ".join(against)
    if doubt := _doubt(scenario, measures):
        return "inconclusive", doubt
    return "held", "; ".join(_for(scenario, measures))


def _against(scenario: Scenario, measures: Measures, failed_ratio_max: float) -> Iterator[str]:
    if measures.failed_ratio > failed_ratio_max:
        yield f"{_failed(measures)}, and {failed_ratio_max:.2%} may"
    if scenario in BRINGS_PODS and measures.idle_new_pods:
        yield f"{measures.idle_new_pods} of {measures.new_pods} new pods took no request"
    late = NEW_POD_SECONDS_MAX + measures.precision_seconds
    if scenario in BRINGS_PODS and (measures.new_pod_seconds or 0.0) > late:
        yield f"a new pod took its first request {measures.new_pod_seconds:.0f} s after it was Ready"
    late = GONE_POD_SECONDS_MAX + measures.precision_seconds
    if scenario in TAKES_PODS and (measures.gone_pod_seconds or 0.0) > late:
        yield f"the lost pod was still called {measures.gone_pod_seconds:.0f} s later"
    if scenario == "partition" and _shared(measures) > CUT_SHARE_MAX and not _unenforced(scenario, measures):
        yield f"the cut pod got {measures.slow_pod_share:.0%} of the requests, {measures.fair_share:.0%} is its share"
    if scenario == "degraded-pod" and measures.slow_pod_slower and _shared(measures) > SLOW_SHARE_MAX:
        yield f"the slow pod got {measures.slow_pod_share:.0%} of the requests, {measures.fair_share:.0%} is its share"


def _doubt(scenario: Scenario, measures: Measures) -> str | None:
    if not measures.requests:
        return NO_TRAFFIC
    if measures.uncounted_callers:
        what = "which pods were called by" if scenario in (*TAKES_PODS, *HITS_A_POD) else "how calls ended of"
        return f"nobody has counted {what} {', '.join(measures.uncounted_callers)}"
    if scenario in BRINGS_PODS and measures.new_pod_seconds is None:
        return "not every new pod was Ready in the time, or for long enough to tell"
    if scenario in (*TAKES_PODS, "partition") and measures.gone_pod_seconds is None:
        return "no pod was lost for long enough to tell"
    if scenario in (*TAKES_PODS, *HITS_A_POD) and measures.lost_pod_idle:
        return "before the fault the pod got at most half of its share, so nobody had to turn away"
    if _unenforced(scenario, measures):
        return "the pod went on answering: this CNI leaves connections alone that are open already"
    if scenario in HITS_A_POD and measures.slow_pod_share is None:
        return NO_TRAFFIC
    kept = _shared(measures) > SLOW_SHARE_MAX  # and is refuted by its median alone
    if scenario == "degraded-pod" and (kept or not _degraded(measures)):
        return "the pod was not seen to become slower: it may need no more CPU than it was left"
    return None


def _for(scenario: Scenario, measures: Measures) -> Iterator[str]:
    yield _failed(measures)
    if scenario in BRINGS_PODS:
        yield f"new pods took traffic {measures.new_pod_seconds:.0f} s after they were Ready"
    if scenario in TAKES_PODS:
        yield f"the lost pod was called for {measures.gone_pod_seconds:.0f} s more"
    if scenario == "degraded-pod":
        yield str(_degraded(measures))
    if scenario in HITS_A_POD:
        pod = "slow" if scenario == "degraded-pod" else "cut"
        yield f"the {pod} pod got {measures.slow_pod_share:.0%}, {measures.fair_share:.0%} is its share"


def _degraded(measures: Measures) -> str | None:
    """By what the fault was seen to have taken effect."""
    if measures.slow_pod_slower:
        return "the pod was slower than the others"
    if measures.slow_pod_slow_calls:
        return "the pod answered some calls far slower than the others any"
    return "the pod was not Ready any more" if measures.slow_pod_unready else None


def _failed(measures: Measures) -> str:
    return f"{measures.failed_requests:.0f} of {measures.requests:.0f} calls failed"


def _shared(measures: Measures) -> float:
    """What the slow pod got, as a part of its fair share; 0 where it is not known."""
    return (measures.slow_pod_share or 0.0) / measures.fair_share if measures.fair_share else 0.0


def _unenforced(scenario: Scenario, measures: Measures) -> bool:
    """Whether a pod that nobody should reach was called as before, and answered."""
    return (
        scenario == "partition"
        and _shared(measures) > CUT_SHARE_MAX
        and measures.failed_ratio < (measures.slow_pod_share or 0) / 2
    )


def of_drills(drills: Sequence[Drilled]) -> RunOutcome:
    """The end of a run whose faults are all taken back: as `verify` ends for what a gate says."""
    against = [each for each in drills if each.outcome in ("not_held", "aborted")]
    doubtful = [each for each in drills if each.outcome == "inconclusive"]
    code = ExitCode.VERIFY_FAILED if against else ExitCode.PAUSED if doubtful else ExitCode.SUCCESS
    return RunOutcome(code, tuple(map(_problem, [*against, *doubtful])), False)


def _problem(drilled: Drilled) -> Problem:
    said = f"{drilled.scenario} {drilled.outcome.replace('_', ' ')}: {drilled.why}."
    hint = f"What should hold: {drilled.hypothesis}"
    if drilled.outcome == "inconclusive":
        return Problem("drill-inconclusive", said, hint, object=drilled.workload)
    return Problem("drill-failed", said, hint, object=drilled.workload)
