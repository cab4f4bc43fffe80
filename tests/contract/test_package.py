"""A plugin works with the package of its own version and otherwise refuses, with the command that puts it right."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from meshroll import __version__

ROOT = Path(__file__).parents[2]
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
PIP, WHEEL = f"{sys.executable} -m pip install", f"meshroll-{__version__}-py3-none-any.whl"
THERE = f"Install it there from its wheel: {PIP} {WHEEL}"
ANEW = f"Install it anew from its wheel: {PIP} --force-reinstall {WHEEL}"
NONE = "raise ModuleNotFoundError(\"No module named 'meshroll'\")"


@pytest.mark.parametrize(
    ("package", "there", "hint"),
    [
        ('__version__ = "0.0.9"', "has meshroll 0.0.9.", THERE),
        (NONE, "has no meshroll.", THERE),
        (
            f'__version__ = "{__version__}"',
            "cannot be used whole: No module named 'meshroll.adapters'.",
            ANEW,
        ),
    ],
    ids=["older", "none", "broken"],
)
def test_a_task_refuses_any_other_package(tmp_path: Path, package: str, there: str, hint: str) -> None:
    (tmp_path / "meshroll").mkdir()
    (tmp_path / "meshroll/__init__.py").write_text(package)
    task = [Path(sys.executable).with_name("ansible"), "localhost", "-m", "meshroll.linkerd.lock"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
    }
    done = subprocess.run(task, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    said = re.search(r"^localhost \| FAILED! => (\{.*\})", done.stdout, re.DOTALL | re.MULTILINE)
    assert said, done.stdout + done.stderr
    result = json.loads(said.group(1))
    (problem,) = result["meshroll"]["problems"]
    assert (result["meshroll"]["exit_code"], problem["code"]) == (3, "package-version")
    assert problem["message"].endswith(there)
    assert problem["hint"] == hint
    assert result["msg"] == f"{problem['message']} {problem['hint']}"


@pytest.mark.parametrize("file", PLUGINS, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_plugin_can_be_read_without_the_package(file: Path) -> None:
    """Else Ansible would say what cannot be imported, and not what to do about it."""
    here = {*sys.stdlib_module_names, "ansible", "ansible_collections"}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= here, f"line {node.lineno}"
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in here, f"line {node.lineno}"
