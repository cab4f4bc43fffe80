"""docs/how-to/prometheus.md explains every error that has to do with Prometheus."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("adapters/prometheus.py", "core/prometheus_problems.py", "core/gate/trust.py")
ROW = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)


def raised() -> set[str]:
    """The codes of every Problem that is made there."""
    return {
        call.args[0].value
        for source in SOURCES
        for call in ast.walk(ast.parse((ROOT / "cli/meshroll" / source).read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Problem"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_the_page_has_every_code_and_no_other() -> None:
    documented = ROW.findall((ROOT / "docs/how-to/prometheus.md").read_text())
    assert len(documented) == len(set(documented))
    assert set(documented) == raised()
