"""What a gate says: an outcome, the findings it rests on, and one line for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from meshroll.core.errors import Problem


class Outcome(StrEnum):
    """No data is never Successful and never Failed: it is Inconclusive, or Error where measuring failed."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


# Failed first: a fault that was measured stands, whatever else could not be. What makes a measurement
# doubtful (a partial answer, unscraped pods) is settled before a finding may say Failed.
PRECEDENCE = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.SUCCESSFUL)


def rank(outcome: Outcome | None) -> int:
    """Sorts by what decides first; what was not judged comes last."""
    return PRECEDENCE.index(outcome) if outcome else len(PRECEDENCE)


def worst(outcomes: Iterable[Outcome | None]) -> Outcome | None:
    """The outcome that decides; None where nothing was judged."""
    found = set(outcomes)
    return next((outcome for outcome in PRECEDENCE if outcome in found), None)


class Share(msgspec.Struct, frozen=True):
    """The part of ``requests`` that did ``what`` it says (failed, took too long), and its one-sided 95 % bounds."""

    what: str
    requests: float
    ratio: float
    lower: float
    upper: float


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of one workload against its limit. ``outcome`` None: worth knowing, but not judged.

    ``collapsed``: so far beyond it that two blocks were enough.
    ``share`` is what was judged where that is a share of requests.
    """

    signal: str
    text: str
    outcome: Outcome | None = None
    value: float | None = None
    limit: float | None = None
    before: float | None = None
    source: str | None = None
    share: Share | None = None
    hint: str = ""
    collapsed: bool = False


class WorkloadVerdict(msgspec.Struct, frozen=True, kw_only=True):
    workload: str
    outcome: Outcome | None
    findings: tuple[Finding, ...]

    def finding(self, signal: str) -> Finding | None:
        return next((finding for finding in self.findings if finding.signal == signal), None)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's end. ``window_seconds`` is how much was looked at; ``was`` the run's own outcome, in a replay.

    ``dry_run``: a run goes on whatever it says.
    """

    outcome: Outcome
    summary: str
    wave: str = ""
    hint: str = ""
    source: str | None = None
    window_seconds: float | None = None
    workloads: tuple[WorkloadVerdict, ...] = ()
    was: Outcome | None = None
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        return msgspec.convert(dict(data), cls)


def nothing_to_judge(namespace: str) -> Problem:
    """No subject at all is no proof of anything."""
    return Problem(
        "gate-inconclusive",
        f"Nothing in {namespace} is meshed or should be, so there is nothing to judge.",
        f"meshroll rollout -n {namespace}",
        namespace=namespace,
    )


def error(message: str, hint: str, wave: str = "") -> Verdict:
    """The verdict where nothing could be measured at all."""
    return Verdict(outcome=Outcome.ERROR, summary=f"{Outcome.ERROR}: {message}", wave=wave, hint=hint)
