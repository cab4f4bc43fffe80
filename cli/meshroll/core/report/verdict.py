"""How a run ended, in the words that come first, and what to type to undo it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import Record
from meshroll.core.report.model import GateReport, WorkloadReport


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """``verdict`` is a word or three, ``headline`` one sentence, ``reason`` what decided."""

    verdict: str
    headline: str
    reason: str
    good: bool


def ending(record: Record, gates: Sequence[GateReport], workloads: Sequence[WorkloadReport]) -> Ending:
    """The end of a run. Where its last gate did not succeed that is the reason, else what the journal says.

    ``workloads`` are those that were judged, the worst first.
    """
    good = record.state == "succeeded"
    ignored = [gate for gate in gates if gate.dry_run and gate.outcome != Outcome.SUCCESSFUL]
    if good or not gates or gates[-1].outcome == Outcome.SUCCESSFUL or gates[-1].dry_run:
        verdict, headline = _words(record, gates, "")
        reason = record.reason or (f"{ignored[0].title}: {ignored[0].summary}" if ignored else "")
        return Ending(verdict=verdict, headline=headline, reason=reason, good=good)
    last = gates[-1]
    verdict, headline = _words(record, gates, f"gate {len(gates)} of {len(gates)} was {last.outcome}")
    return Ending(verdict=verdict, headline=headline, reason=_reason(last, workloads), good=good)


def _reason(gate: GateReport, workloads: Sequence[WorkloadReport]) -> str:
    """The first thing that the gate said of the first of the workloads that decided it."""
    judged = [each for each in workloads if each.gate == gate.title]
    decided = [each for each in judged if each.outcome == gate.outcome]
    # Where workloads failed and the gate did not, its summary says what excuses them.
    excused = gate.outcome != Outcome.FAILED and any(each.outcome == Outcome.FAILED for each in judged)
    if excused or not decided or not decided[0].reasons:
        return gate.summary.removeprefix(f"{gate.outcome}: ")
    others = len(decided) - 1
    more = f" ({others} more workload{'' if others == 1 else 's'} too)" if others else ""
    return f"{decided[0].workload}: {decided[0].reasons[0]}{more}."


def _words(record: Record, gates: Sequence[GateReport], why: str) -> tuple[str, str]:
    because = f", because {why}" if why else ""
    if record.command == "uninstall":
        if record.state == "succeeded":
            return "Uninstalled", "Linkerd was removed from the cluster, as asked."
        return "Not uninstalled", f"Removing Linkerd did not come to its end{because}."
    spaces = ", ".join(record.namespaces)
    if record.command == "rollback":
        to = f" to {record.to}" if record.to else ""
        return {
            "succeeded": ("Rolled back", f"{spaces} was taken back{to}, as asked."),
            "rollback_incomplete": ("Rollback incomplete", f"A part of {spaces} is not taken back yet."),
        }.get(record.state, _unfinished(record, spaces))
    if record.state == "succeeded":
        if not gates:
            return "Done, not judged", f"{spaces}: the change was made, and no gate had to judge it."
        return "Kept", f"{spaces}: the change is in place, {_judged(gates)} Successful."
    if record.state == "rolled_back":
        return "Rolled back", f"{spaces}: the change was taken back{because}."
    if record.state == "rollback_incomplete":
        return "Rollback incomplete", f"{spaces}: taking the change back{because}, did not come to its end."
    return _unfinished(record, spaces, because)


def _judged(gates: Sequence[GateReport]) -> str:
    passed = sum(gate.outcome == Outcome.SUCCESSFUL for gate in gates)
    if passed < len(gates):
        return f"{passed} of {len(gates)} gates were"
    return {1: "its gate was", 2: "both gates were"}.get(passed, f"all {passed} gates were")


def _unfinished(record: Record, spaces: str, because: str = "") -> tuple[str, str]:
    return {
        "paused": ("Paused", f"{spaces}: the run waits for a person{because}; what was changed stays."),
        "interrupted": (
            "Interrupted",
            f"{spaces}: the run stopped between two steps; what was changed stays.",
        ),
        "running": ("Running", f"{spaces}: the run had not ended when this was written."),
    }.get(record.state, ("Failed", f"{spaces}: the run failed{because}; what was changed stays."))


def undo(record: Record) -> tuple[str | None, str]:
    """The command that undoes the run (None where there is nothing to undo), and a sentence on it."""
    namespace = f" -n {record.namespaces[0]}" if len(record.namespaces) == 1 else ""
    if record.command == "uninstall":
        return None, "Nothing of an uninstall is taken back: `meshroll rollout` installs Linkerd anew."
    if record.command == "upgrade":
        return None, "Hops that were done stay; `meshroll rollback` takes a namespace off the mesh."
    if not record.changes:
        return None, "The run changed nothing, so there is nothing to undo."
    if record.command == "rollback":
        return f"meshroll rollout{namespace}", "takes it onto the mesh again."
    if record.state == "rolled_back":
        return None, "What the run changed was taken back already, so there is nothing to undo."
    if record.continued_by:
        return (
            f"meshroll rollback{namespace}",
            f"undoes this run and the one that went on with it, {record.continued_by}.",
        )
    return (
        f"meshroll rollback{namespace}",
        "takes it back to the safe fallback (ClusterIP, dial-per-request).",
    )
