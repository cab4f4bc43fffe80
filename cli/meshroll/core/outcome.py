"""What becomes of a run that failed: taken back, left as it is, or left for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from meshroll.core.errors import Drift, ExitCode, MeshrollError, Problem, RollbackFailed
from meshroll.core.history import DRILL
from meshroll.core.journal import Record, State

# Codes after which nothing is undone: nothing was done, or a person decides.
_LEFT_ALONE = frozenset(
    {ExitCode.USAGE, ExitCode.REFUSED, ExitCode.LOCKED, ExitCode.PAUSED, ExitCode.INTERRUPTED, ExitCode.DRIFT}
)
_STATES: Mapping[ExitCode, State] = {
    ExitCode.SUCCESS: "succeeded",
    ExitCode.PAUSED: "paused",
    ExitCode.ROLLED_BACK: "rolled_back",
    ExitCode.ROLLBACK_INCOMPLETE: "rollback_incomplete",
    ExitCode.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Outcome:
    """How a cluster's run ends, and whether its changes are taken back first."""

    exit_code: ExitCode
    problems: tuple[Problem, ...]
    roll_back: bool

    @property
    def state(self) -> State:
        return _STATES.get(self.exit_code, "failed")


def after_failure(
    failure: Mapping[str, Any], changed: bool, cluster: str, going_back: bool = False
) -> Outcome:
    """From a failed task's result. ``changed``: whether the run, or one that it goes on with, has changed anything.
    ``going_back``: it was on a way back itself, which is not taken back.

    A task of another collection (Helm) has only ``msg``; it fails the run like any of ours. A role that refuses
    its arguments says ``argument_errors``: the inventory is wrong.
    """
    own = failure.get("meshroll") or {}
    wrong_type = "argument_errors" in failure
    code = ExitCode(own.get("exit_code", ExitCode.USAGE if wrong_type else ExitCode.ROLLED_BACK))
    problems = tuple(
        Problem.from_dict({**problem, "cluster": cluster}) for problem in own.get("problems", [])
    )
    if not problems:
        message = str(failure.get("msg") or "A task failed without saying why.")
        problems = (Problem("task-failed", message, "The log has the whole result.", cluster=cluster),)
    if code == ExitCode.REFUSED and changed and problems[0].code.startswith("api-"):
        code = ExitCode.ROLLED_BACK
    if going_back and code == ExitCode.ROLLED_BACK:
        return Outcome(ExitCode.ROLLBACK_INCOMPLETE, problems, False)
    if code in _LEFT_ALONE or code == ExitCode.BUG:
        return Outcome(code, problems, False)
    if not changed:
        return Outcome(ExitCode.REFUSED if code == ExitCode.ROLLED_BACK else code, problems, False)
    return Outcome(code, problems, code == ExitCode.ROLLED_BACK)


def of_verify(outcome: Outcome) -> Outcome:
    """`verify` changes nothing, so its Failed and Error have exit codes of their own; Inconclusive stays 9."""
    codes = {problem.code for problem in outcome.problems}
    if "gate-failed" in codes:
        return Outcome(ExitCode.VERIFY_FAILED, outcome.problems, False)
    if "gate-error" in codes:
        return Outcome(ExitCode.VERIFY_ERROR, outcome.problems, False)
    return outcome


def unread(failure: Mapping[str, Any], cluster: str) -> Outcome:
    """After a failure of a begun run whose journal cannot be read: taken back, unless a person is to decide."""
    outcome = after_failure(failure, False, cluster)
    own = (failure.get("meshroll") or {}).get("exit_code")
    if own in _LEFT_ALONE and not outcome.problems[0].code.startswith("api-"):
        return outcome
    return Outcome(ExitCode.ROLLED_BACK, outcome.problems, True)


def after_rollback(
    outcome: Outcome, taken_back: bool, rollback_failure: Mapping[str, Any] | None, cluster: str
) -> Outcome:
    """The end of a failed run. ``taken_back``: the way back was gone to its end, so this and nothing else is a 4."""
    if rollback_failure is not None:
        second = after_failure(rollback_failure, False, cluster)
        return Outcome(ExitCode.ROLLBACK_INCOMPLETE, (*outcome.problems, *second.problems), False)
    if taken_back:
        return Outcome(ExitCode.ROLLED_BACK, outcome.problems, False)
    if outcome.roll_back:
        return Outcome(ExitCode.ROLLBACK_INCOMPLETE, outcome.problems, False)
    return outcome


def left_behind(problems: Sequence[Problem]) -> MeshrollError | None:
    """How a way out ends that left something as it was: Drift where all of it is somebody else's doing."""
    if not problems:
        return None
    drifted = all(problem.code == "drift" for problem in problems)
    return Drift(problems) if drifted else RollbackFailed(problems)


def still_open(outcome: Outcome, left: Sequence[Problem]) -> Outcome:
    """The end of a `resume` that went well: not a success while another run is half done."""
    return Outcome(ExitCode.PAUSED, tuple(left), False) if left else outcome


def end_unseen(outcome: Outcome, error: MeshrollError, begun: bool, failed: bool) -> Outcome:
    """The end of a run whose cluster could not be read or written in the end; ``outcome`` is what was known before.

    A run that seemed to succeed is resumable: its journal is still open. One that failed keeps its own end, but
    what cannot be seen is not called taken back. Where nothing was begun, it is a refusal like any other.
    """
    problems = (*outcome.problems, *error.problems)
    if not begun:
        return Outcome(error.exit_code, problems, False)
    if not failed:
        return Outcome(ExitCode.INTERRUPTED, problems, False)
    return Outcome(outcome.exit_code, problems, False)


def closed(record: Record, outcome: Outcome, now: str) -> Record:
    """The record of a run that has come to its end, whichever it is.

    A drill that broke off and has taken its fault back leaves nothing to go on with.
    """
    state = outcome.state
    if record.command == DRILL and state != "succeeded":
        state = "rollback_incomplete" if record.pending else "rolled_back"
    return msgspec.structs.replace(
        record,
        state=state,
        finished_at=now,
        paused_at=record.paused_at if outcome.exit_code == ExitCode.PAUSED else [],
        paused_since=(record.paused_since or now) if outcome.exit_code == ExitCode.PAUSED else None,
        reason=outcome.problems[0].message if outcome.problems else None,
    )
