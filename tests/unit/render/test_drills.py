"""The table of drills, at the width of a small terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from meshroll.core.drill.model import HYPOTHESES
from meshroll.render.drills import print_comparison, print_drills

APPROACHES = ("pinned", "dial-per-request", "headless", "mesh")
MEASURES: dict[str, Any] = {
    "precision_seconds": 2.0,
    "requests": 123456.0,
    "failed_requests": 12345.0,
    "idle_new_pods": 0,
    "new_pod_seconds": 29.0,
    "gone_pod_seconds": 0.0,
    "slow_pod_share": 0.331,
}


def drilled(**fields: Any) -> list[dict[str, Any]]:
    told = {"outcome": "inconclusive", "why": "because", "hypothesis": "so", "measures": MEASURES, **fields}
    return [{"scenario": scenario, **told} for scenario in HYPOTHESES]


def printed(rows: list[dict[str, Any]], verbose: bool = False, source: str = "") -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    if source:
        print_comparison(console, {"source": source, "drills": rows}, verbose)
    else:
        print_drills(console, rows, verbose)
    return stream.getvalue()


def test_each_scenario_has_a_row_with_its_figures_and_a_sentence() -> None:
    said = printed(drilled())
    for scenario in HYPOTHESES:
        (row,) = [line for line in said.splitlines() if line.startswith(f"  {scenario}")]
        assert row.split() == [scenario, "inconclusive", "12345/123456", "29", "s", "0", "s", "33%"]
        assert f"- {scenario}: because." in said
    assert "Exact to 2 s." in " ".join(said.split())
    assert "(so)" not in said
    assert "(so)" in printed(drilled(), verbose=True)


def test_what_was_not_measured_is_no_nought() -> None:
    said = printed(drilled(measures=None, outcome="skipped"))
    assert "skipped - - - -" in " ".join(said.split())
    assert "Exact" not in said
    assert "never" in printed(drilled(measures={**MEASURES, "idle_new_pods": 1, "new_pod_seconds": None}))


@pytest.mark.parametrize("approach", APPROACHES)
def test_a_comparison_fits_a_small_terminal_and_says_that_nothing_is_measured(approach: str) -> None:
    said = printed(drilled(approach=approach), source="from a model")
    assert said.startswith("From a model.")
    assert said.count(f" {approach} ") == len(HYPOTHESES)
    assert "…" not in said
    assert all(len(line) <= 80 for line in said.splitlines())
