"""What a verdict means for the run whose gate gave it."""

from __future__ import annotations

import msgspec

from meshroll.core.errors import Failed, MeshrollError, Paused, Problem
from meshroll.core.gate.verdict import Outcome, Verdict, worst

_CODES = {
    Outcome.FAILED: "gate-failed",
    Outcome.INCONCLUSIVE: "gate-inconclusive",
    Outcome.ERROR: "gate-error",
}


def unacted(verdict: Verdict) -> Verdict:
    """The verdict of a gate whose policy is a dry run: it says so itself, wherever it is read."""
    summary = verdict.summary
    if verdict.outcome != Outcome.SUCCESSFUL:
        summary += " Dry run: nothing is done about it."
    return msgspec.structs.replace(verdict, dry_run=True, summary=summary)


def ending(verdict: Verdict, namespace: str) -> MeshrollError | None:
    """How a run ends by this verdict: Failed, Paused (Inconclusive and Error are for a person), or not at all."""
    if verdict.outcome == Outcome.SUCCESSFUL or verdict.dry_run:
        return None
    # What failed stays what it is about, where the environment made the verdict Inconclusive.
    decided = worst(each.outcome for each in verdict.workloads)
    guilty = [each.workload for each in verdict.workloads if each.outcome in (decided, Outcome.ERROR)]
    problem = Problem(
        _CODES[verdict.outcome],
        f"{verdict.wave}: {verdict.summary}" if verdict.wave else verdict.summary,
        verdict.hint
        or "The result's `gate` has every number; correct meshroll_gate.limits if this is its normal state.",
        namespace=namespace,
        object=", ".join(guilty) or None,
    )
    return Failed(problem) if verdict.outcome == Outcome.FAILED else Paused(problem)
