"""A wheel carries everything that a checkout has and a run needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLLECTION = "meshroll/_content/ansible_collections/meshroll/linkerd"
SANDBOX = "meshroll_sandbox/_content"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [Path(sys.executable).with_name("hatchling"), "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def files(folder: str, patterns: tuple[str, ...] = ("*.py", "*.yml", "*.yaml", "*.tpl", "go.*")) -> list[str]:
    found = [
        file.relative_to(ROOT / folder) for pattern in patterns for file in (ROOT / folder).rglob(pattern)
    ]
    return [str(file) for file in found if "__pycache__" not in file.parts]


@pytest.mark.parametrize("folder", ["playbooks", "plugins", "roles", "meta"])
def test_the_collection_is_in_it(content: set[str], folder: str) -> None:
    assert {f"{COLLECTION}/{folder}/{name}" for name in files(folder)} <= content
    assert f"{COLLECTION}/galaxy.yml" in content


@pytest.mark.parametrize("folder", ["charts", "tools"])
def test_the_sandboxs_files_are_in_it(content: set[str], folder: str) -> None:
    assert {f"{SANDBOX}/{folder}/{name}" for name in files(f"sandbox/{folder}")} <= content
    assert {f"{SANDBOX}/{name}.yml" for name in ("estate", "kwok", "prometheus")} <= content
    assert {f"{SANDBOX}/inventory/{name}" for name in files("inventories/sandbox")} <= content


def test_the_sample_inventory_is_in_it(content: set[str]) -> None:
    assert {f"meshroll/_content/inventory/{name}" for name in files("inventories/sample")} <= content


def test_policy_that_is_data_is_in_it_and_nothing_else_is(content: set[str]) -> None:
    assert {f"meshroll/data/{name}" for name in files("cli/meshroll/data")} <= content
    assert {name.split("/")[0] for name in content} <= {"meshroll", "meshroll_sandbox"} | {
        name.split("/")[0] for name in content if ".dist-info/" in name
    }
