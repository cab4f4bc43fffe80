"""Exit codes, statuses and the one error class that carries them to the edge.

MeshrollError
  UsageError        2   the command line or the inventory is wrong
  Refused           3   a check says no; nothing was changed
  Failed            4   the run failed; what it changed was (or is to be) taken back
  RollbackFailed    5   the way back is incomplete
  Locked            7   another run holds the cluster's lock
  Drift             8   someone else changed what this run would change
  Paused            9   a person has to look; what was changed stays
  Interrupted     130   stopped between steps; resumable
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What the process exits with; docs/reference/exit-codes.md lists them for users."""

    SUCCESS = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    ROLLED_BACK = 4
    ROLLBACK_INCOMPLETE = 5
    PARTIAL = 6
    LOCKED = 7
    DRIFT = 8
    PAUSED = 9
    VERIFY_FAILED = 10
    VERIFY_ERROR = 11
    INTERRUPTED = 130


STATUS: Mapping[ExitCode, str] = {
    ExitCode.SUCCESS: "success",
    ExitCode.BUG: "error",
    ExitCode.USAGE: "refused",
    ExitCode.REFUSED: "refused",
    ExitCode.ROLLED_BACK: "failed",
    ExitCode.ROLLBACK_INCOMPLETE: "failed",
    ExitCode.PARTIAL: "partial",
    ExitCode.LOCKED: "refused",
    ExitCode.DRIFT: "drift",
    ExitCode.PAUSED: "paused",
    ExitCode.VERIFY_FAILED: "failed",
    ExitCode.VERIFY_ERROR: "error",
    ExitCode.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a stable code, what failed and why, what to do, and where."""

    code: str
    message: str
    hint: str = ""
    cluster: str | None = None
    namespace: str | None = None
    object: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "cluster": self.cluster,
            "namespace": self.namespace,
            "object": self.object,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Problem:
        return cls(**{key: data.get(key) for key in cls.__dataclass_fields__})  # type: ignore[arg-type]


class MeshrollError(Exception):
    """Raised below, rendered at the edge. Holds one or more problems; the exit code is the class's."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


class UsageError(MeshrollError):
    exit_code = ExitCode.USAGE


class Refused(MeshrollError):
    exit_code = ExitCode.REFUSED


class Failed(MeshrollError):
    exit_code = ExitCode.ROLLED_BACK


class RollbackFailed(MeshrollError):
    exit_code = ExitCode.ROLLBACK_INCOMPLETE


class Locked(MeshrollError):
    exit_code = ExitCode.LOCKED


class Drift(MeshrollError):
    exit_code = ExitCode.DRIFT


class Paused(MeshrollError):
    exit_code = ExitCode.PAUSED


class Interrupted(MeshrollError):
    exit_code = ExitCode.INTERRUPTED
