"""From a run's record and the recordings of its gates to the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from meshroll.core.accepted import accepted_of
from meshroll.core.gate.recording import Recording
from meshroll.core.gate.signals import Signals
from meshroll.core.gate.summing_up import suffers
from meshroll.core.gate.verdict import Outcome, rank
from meshroll.core.journal import Record
from meshroll.core.plan import change_rows
from meshroll.core.report.figures import figures_of
from meshroll.core.report.gates import after, gates_of, moment, policy_of, rows_of, why
from meshroll.core.report.model import ChangeRow, GateReport, Report, WorkloadReport
from meshroll.core.report.plots import Watched, load_of, plots_of
from meshroll.core.report.timeline import Timeline, timeline
from meshroll.core.report.verdict import ending, undo

# More plots than these nobody looks at; the rest is in the table.
PLOTTED_WORKLOADS = 12
# TCP and HTTP/2 handshake of a call on a connection of its own: a documented, typical figure, not a measured one.
TYPICAL_DIAL_MS = 77.0


def report_of(
    record: Record,
    recordings: Sequence[Recording | None],
    *,
    cluster: str,
    kubernetes_version: str | None,
    meshroll_version: str,
) -> Report:
    """The report of one run, with what each of its gates measured (None: not kept, or not there any more).

    ``kubernetes_version`` is of now: a run does not write it down.
    """
    gates = gates_of(record.verdicts, recordings)
    time = timeline(record.started_at, recordings)
    known = [each for each in recordings if each]
    workloads = _workloads(record, known)
    end = ending(record, gates, workloads)
    command, text = undo(record)
    return Report(
        run_id=record.run_id,
        cluster=cluster,
        command=record.command,
        state=record.state,
        verdict=end.verdict,
        headline=end.headline,
        reason=end.reason,
        good=end.good,
        namespaces=tuple(record.namespaces),
        holder=record.holder,
        started_at=record.started_at,
        finished_at=record.finished_at,
        linkerd_release=record.release,
        kubernetes_version=kubernetes_version,
        meshroll_version=meshroll_version,
        undo=command,
        undo_text=text,
        typical_dial_ms=TYPICAL_DIAL_MS,
        axis_from=moment(time.origin_seconds) if time else None,
        gates=tuple(gates),
        figures=figures_of(workloads),
        workloads=_plotted(workloads, record, recordings, time),
        spans=time.spans if time else (),
        changes=tuple(
            ChangeRow(**row) for entry in record.entries for row in change_rows(entry.step, entry.change)
        ),
        notes=_notes(record, gates),
        policy=policy_of(known[-1]) if known else {},
    )


def _workloads(record: Record, recordings: Sequence[Recording]) -> list[WorkloadReport]:
    """Each by the last gate that judged it: the worst outcome first, then who is at fault, then by traffic."""
    found: dict[tuple[str, str], WorkloadReport] = {}
    for recording in recordings:
        now = after(recording)
        for judged in recording.verdict.workloads:
            before = _before(record, recording.namespace, judged.workload)
            signals = now.get(judged.workload) or Signals()
            found[recording.namespace, judged.workload] = WorkloadReport(
                namespace=recording.namespace,
                workload=judged.workload,
                gate=recording.verdict.wave,
                outcome=judged.outcome,
                rows=rows_of(judged, before, signals),
                reasons=why(judged),
                load_before=load_of(before.load),
                load_after=load_of(signals.load),
                proxies=signals.proxy,
            )
    return sorted(found.values(), key=_order)


def _plotted(
    workloads: Sequence[WorkloadReport],
    record: Record,
    recordings: Sequence[Recording | None],
    time: Timeline | None,
) -> tuple[WorkloadReport, ...]:
    """The same, the first of them with their plots."""
    if time is None:
        return tuple(workloads)
    drawn = [each for number, each in enumerate(recordings, 1) if each and number in time.drawn]
    plotted = [
        msgspec.structs.replace(
            each,
            plots=plots_of(
                Watched(
                    each.workload,
                    _before(record, each.namespace, each.workload),
                    [recording for recording in drawn if recording.namespace == each.namespace],
                    time,
                ),
                each.rows,
            ),
        )
        for each in workloads[:PLOTTED_WORKLOADS]
    ]
    return (*plotted, *workloads[PLOTTED_WORKLOADS:])


def _before(record: Record, namespace: str, workload: str) -> Signals:
    return record.baseline.get(namespace, {}).get(workload) or Signals()


def _order(workload: WorkloadReport) -> tuple[Any, ...]:
    traffic = max(
        (row.after or 0.0 for row in workload.rows if row.signal.endswith("requests_per_second")), default=0.0
    )
    decided = [row.signal for row in workload.rows if row.outcome and row.outcome == workload.outcome]
    later = workload.outcome != Outcome.SUCCESSFUL and suffers(decided)
    return rank(workload.outcome), later, -traffic, workload.namespace, workload.workload


def _notes(record: Record, gates: Sequence[GateReport]) -> tuple[str, ...]:
    notes = [each.line for each in accepted_of(record)]
    lost = sum(not gate.measured for gate in gates)
    if lost:
        notes.append(f"Of {lost} of {len(gates)} gates only the verdict was kept, not what they measured.")
    if record.continues:
        notes.append(
            f"It went on with {', '.join(record.continues)}; the gates of that are in its own report."
        )
    if record.continued_by:
        notes.append(f"{record.continued_by} went on with it.")
    if record.stolen:
        notes.append(
            f"Its lock was taken at {record.stolen.at} by {record.stolen.by}: {record.stolen.reason}"
        )
    return tuple(notes)
