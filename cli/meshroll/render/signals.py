"""What gates said: one line each, and the signals before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from meshroll.render.live import OUTCOME_STYLES

NO_DATA = "n/a"
_NAMES = {
    "success_ratio": "success",
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
    "latency_p99_ms": "p99",
    "mtls_ratio": "mTLS",
    "busiest_pod_to_mean": "busiest pod / mean",
    "denied_ratio": "denied",
    "refused_ratio": "refused",
}


def print_gates(console: Console, verdicts: Sequence[Mapping[str, Any]], verbose: bool) -> None:
    """A line a verdict; signals of the last one and of those that did not succeed, or (verbose) of all."""
    for position, verdict in enumerate(verdicts):
        outcome = verdict["outcome"]
        line = Text("  ")
        line.append(f"{outcome:<12} ", style=OUTCOME_STYLES.get(outcome, ""))
        line.append(verdict.get("wave") or verdict["summary"])
        console.print(line)
        if outcome != "Successful" and verdict.get("wave"):
            console.print(Text(f"    {verdict['summary']}"))
        if verbose or outcome != "Successful" or position == len(verdicts) - 1:
            table = _signals(verdict)
            if table.row_count:
                console.print(table)


def _signals(verdict: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("    Workload", no_wrap=True)
    table.add_column("Signal")
    for column in ("Before", "Now", "Limit"):
        table.add_column(column, justify="right", no_wrap=True)
    for workload in verdict.get("workloads", []):
        name = workload["workload"]
        for finding in workload["findings"]:
            if finding.get("value") is None and not finding.get("outcome"):
                continue
            style = OUTCOME_STYLES.get(finding.get("outcome") or "", "")
            table.add_row(
                f"    {name}",
                Text(signal_name(finding["signal"])),
                number(finding["signal"], finding.get("before")),
                Text(number(finding["signal"], finding.get("value")), style=style),
                number(finding["signal"], finding.get("limit")) if finding.get("limit") is not None else "",
            )
            name = ""
    return table


def signal_name(signal: str) -> str:
    """A signal as people say it; ``outbound_`` is what the workload itself calls."""
    for prefix, said in (("outbound_", "calls: "), ("inbound_", "served: ")):
        if signal.startswith(prefix):
            return said + signal_name(signal.removeprefix(prefix))
    return _NAMES.get(signal, signal.replace("_", " "))


def number(signal: str, value: float | None) -> str:
    """A value with the unit that the signal's name carries. No data is never a number."""
    if value is None:
        return NO_DATA
    if signal.endswith("_ratio"):
        return f"{value * 100:.2f} %"
    if signal.endswith("_ms"):
        return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
    if signal.endswith("_to_mean"):
        return f"{value:.2f}"
    return f"{value:.0f}"
