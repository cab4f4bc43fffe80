"""A wheel carries everything that a checkout has and a run needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLLECTION = "ansible_collections/meshroll/linkerd"
SANDBOX = "meshroll_sandbox/_content"
OF_THE_COLLECTION = ("meta", "playbooks", "plugins", "roles", "tests/sanity")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [Path(sys.executable).with_name("hatchling"), "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def files(folder: str) -> set[str]:
    """What a folder of the checkout holds, without what Python leaves there."""
    found = (file for file in (ROOT / folder).rglob("*") if file.is_file())
    return {str(file.relative_to(ROOT / folder)) for file in found if "__pycache__" not in file.parts}


def within(content: set[str], folder: str) -> set[str]:
    return {name.removeprefix(f"{folder}/") for name in content if name.startswith(f"{folder}/")}


def test_the_collection_is_in_it_whole_and_where_ansible_looks(content: set[str]) -> None:
    wanted = {f"{folder}/{name}" for folder in OF_THE_COLLECTION for name in files(folder)}
    assert within(content, COLLECTION) == {"README.md", "galaxy.yml", *wanted}


def test_the_sandboxs_files_are_in_it(content: set[str]) -> None:
    wanted = {f"{folder}/{name}" for folder in ("charts", "tools") for name in files(f"sandbox/{folder}")}
    wanted |= {f"inventory/{name}" for name in files("inventories/sandbox")}
    assert within(content, SANDBOX) == {"estate.yml", "kwok.yml", "prometheus.yml", *wanted}


def test_both_packages_are_in_it_with_their_data_and_the_sample(content: set[str]) -> None:
    sample = {f"_content/inventory/{name}" for name in files("inventories/sample")}
    assert files("cli/meshroll") | sample == within(content, "meshroll")
    assert files("sandbox/meshroll_sandbox") <= within(content, "meshroll_sandbox")


def test_nothing_else_is(content: set[str]) -> None:
    roots = {"ansible_collections", "meshroll", "meshroll_sandbox"}
    assert {name.split("/")[0] for name in content if ".dist-info/" not in name} == roots
    assert not {name for name in content if "__pycache__" in name or name.endswith((".pyc", ".log"))}


def test_no_check_of_the_collection_is_waved_through_but_for_its_licence() -> None:
    """Ansible wants the GPL in modules and in the plugins that it reads documentation of; meshroll has Apache's."""
    documented = [
        f"plugins/{kind}/{name}"
        for kind in ("callback", "inventory", "modules")
        for name in files(f"plugins/{kind}")
    ]
    lines = (ROOT / "tests/sanity/ignore-2.19.txt").read_text().splitlines()
    assert [line.split(" #")[0] for line in lines] == [
        f"{file} validate-modules:missing-gplv3-license" for file in sorted(documented)
    ]
