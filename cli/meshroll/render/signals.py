"""What gates said: a line each, the signals behind those that did not succeed, and all workloads before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meshroll.core.gate.directions import prefix_of, said
from meshroll.render.live import OUTCOME_STYLES

NO_DATA = "n/a"
SUCCESSFUL = "Successful"
# What a workload is judged by in one line. A workload that serves nothing is judged by what it calls.
COMPARED = {
    "Success %": "success_ratio",
    "p99 ms": "latency_p99_ms",
    "Busiest/mean": "busiest_pod_to_mean",
    "mTLS %": "mtls_ratio",
}
_NAMES = {
    "success_ratio": "success",
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
    "latency_p99_ms": "p99",
    "mtls_ratio": "mTLS",
    "busiest_pod_to_mean": "busiest pod / mean",
    "proxy_cores": "proxies: CPU cores",
    "proxy_memory_bytes": "proxies: memory",
}
_AT_MOST = (
    "_ms",
    "_ms_ratio",
    "_to_mean",
    "failed_ratio",
    "denied_ratio",
    "refused_ratio",
    "restarts",
    "oom_kills",
)

# Worst first, where a namespace has more workloads than a person reads.
_WORST = ("Failed", "Error", "Inconclusive", None, SUCCESSFUL)
WORKLOADS_MAX = 20

Finding = Mapping[str, Any]


def print_gates(console: Console, verdicts: Sequence[Mapping[str, Any]], verbose: bool) -> None:
    """``verbose`` shows the signals behind every verdict."""
    for verdict in verdicts:
        outcome = verdict["outcome"]
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(f"{outcome:<12}", style=OUTCOME_STYLES.get(outcome, "")), _said(verdict))
        console.print(Padding(line, (0, 0, 0, 2)))
        if verbose or outcome != SUCCESSFUL:
            _print_findings(console, verdict, verbose)
    if verdicts and all(verdict["outcome"] == SUCCESSFUL for verdict in verdicts):
        _print_comparison(console, verdicts, verbose)


def _said(verdict: Mapping[str, Any]) -> Text:
    wave, outcome = verdict.get("wave"), verdict["outcome"]
    if verdict.get("was"):
        wave = f"{wave} (the run's own verdict: {verdict['was']})"
    summary = verdict["summary"].removeprefix(f"{outcome}: ")
    if outcome == SUCCESSFUL:
        return Text(wave or summary)
    return Text(f"{wave}\n{summary}" if wave else summary)


def _print_findings(console: Console, verdict: Mapping[str, Any], verbose: bool) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for column in ("Before", "Now", "Limit"):
        table.add_column(column, justify="right", no_wrap=True)
    workloads = verdict.get("workloads", [])
    shown = workloads if verbose else sorted(workloads, key=_badness)[:WORKLOADS_MAX]
    for workload in shown:
        findings = [
            each for each in workload["findings"] if each.get("value") is not None or each.get("outcome")
        ]
        if findings:
            table.add_row(Text(workload["workload"], style="bold"))
        for finding in findings:
            signal = finding["signal"]
            style = OUTCOME_STYLES.get(finding.get("outcome") or "", "")
            table.add_row(
                f"  {signal_name(signal)}",
                number(signal, finding.get("before")),
                Text(number(signal, finding.get("value")), style=style),
                limit(signal, finding.get("limit")),
            )
    if table.row_count:
        console.print(Padding(table, (0, 0, 0, 4)))
    _print_rest(console, len(workloads) - len(shown))


def _badness(workload: Mapping[str, Any]) -> int:
    return _WORST.index(workload.get("outcome"))


def _print_rest(console: Console, left_out: int) -> None:
    if left_out:
        text = f"and {left_out} more workloads: --verbose shows them, `meshroll report` too"
        console.print(Padding(Text(text, style="dim"), (0, 0, 0, 4)))


def _print_comparison(console: Console, verdicts: Sequence[Mapping[str, Any]], verbose: bool) -> None:
    """One line a workload, from the last gate that looked at it."""
    latest: dict[str, Sequence[Finding]] = {}
    for verdict in verdicts:
        latest |= {each["workload"]: each["findings"] for each in verdict.get("workloads", [])}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  Before -> after", no_wrap=True)
    for column in COMPARED:
        table.add_column(column, justify="right", no_wrap=True)
    rows = []
    for workload, findings in sorted(latest.items()):
        success, *others = (_change(findings, signal) for signal in COMPARED.values())
        # A workload without traffic has nothing to compare.
        if success:
            rows.append((f"  {workload.removeprefix('Deployment/')}", success, *others))
    shown = rows if verbose else rows[:WORKLOADS_MAX]
    for row in shown:
        table.add_row(*row)
    if rows:
        console.print()
        console.print(table)
        _print_rest(console, len(rows) - len(shown))


def _change(findings: Sequence[Finding], signal: str) -> str:
    """What a signal was and is, of requests served or else called; empty where there is no value."""
    by_signal = {finding["signal"]: finding for finding in findings if finding.get("value") is not None}
    finding = by_signal.get(signal) or by_signal.get(f"outbound_{signal}")
    if finding is None:
        return ""
    after = number(signal, finding["value"]).split()[0]
    before = finding.get("before")
    return after if before is None else f"{number(signal, before).split()[0]} -> {after}"


def signal_name(signal: str) -> str:
    """A signal as people say it: ``calls`` is what the workload itself asks of others."""
    if signal.startswith("inbound_"):
        return f"served: {signal_name(signal.removeprefix('inbound_'))}"
    prefix = prefix_of(signal)
    (of, by), name = said(prefix), signal.removeprefix(prefix)
    parts = (_NAMES.get(name, name.removesuffix("_ratio").replace("_", " ")), by)
    return ("calls: " if of == "calls" else "") + ", ".join(part for part in parts if part)


def limit(signal: str, value: float | None) -> str:
    """A limit with its direction; empty where there is none."""
    if value is None:
        return ""
    return f"{'<=' if signal.endswith(_AT_MOST) else '>='} {number(signal, value)}"


def number(signal: str, value: float | None) -> str:
    """A value with the unit that the signal's name carries. No data is never a number."""
    if value is None:
        return NO_DATA
    if signal.endswith("_ratio"):
        return f"{value * 100:.4g} %"
    if signal.endswith("_ms"):
        return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms"
    if signal.endswith("_bytes"):
        return f"{value / 2**20:.0f} MiB"
    if signal.endswith("_cores"):
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    if signal.endswith("_to_mean"):
        return f"{value:.2f}"
    return f"{value:.0f}"
