"""Imports go one way, and core stays pure."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED_IN_PLUGINS = ("meshroll.core", "meshroll.adapters")
CLOCK = {"now", "utcnow", "today"}


def test_import_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "file", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT))
)
def test_plugins_import_adapters_and_core_only(file: Path) -> None:
    for name in _imported(ast.parse(file.read_text())):
        own = name.split(".")[0] == "meshroll"
        # `from meshroll import adapters` is the package of adapters, not the CLI.
        whole = name in ("meshroll.adapters", "meshroll.__version__")
        assert not own or whole or name.startswith(ALLOWED_IN_PLUGINS), name


@pytest.mark.parametrize(
    "file", sorted((ROOT / "cli/meshroll/core").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT))
)
def test_core_asks_no_clock_and_opens_no_file(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in CLOCK, f"line {node.lineno}: {node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}, f"line {node.lineno}: {node.func.id}"


def test_playbooks_are_short_enough_to_be_read() -> None:
    """Reading rollout.yml is reading the rollout."""
    for file in (ROOT / "playbooks").glob("*.yml"):
        assert len(file.read_text().splitlines()) <= 50, file.name


def _imported(tree: ast.AST) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names
