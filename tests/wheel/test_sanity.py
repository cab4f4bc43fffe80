"""`ansible-test sanity` on the collection as a wheel carries it, in an environment without the package."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import ansible_test
import pytest

ROOT = Path(__file__).parents[2]
ANSIBLE_TEST = Path(sys.executable).with_name("ansible-test")
HOME = ROOT / ".ansible" / "sanity"
"""Keeps the environments that ansible-test makes, so that only the first time takes minutes."""


def bring_pip() -> None:
    """ansible-test would download a script that installs pip; Python brings a pip along."""
    source = (Path(ansible_test.__path__[0]) / "_internal/python_requirements.py").read_text()
    version = re.findall(r"^\s+pip='([\d.]+)'", source, re.MULTILINE)[-1]
    script = HOME / f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("import ensurepip\n\nensurepip.bootstrap()\n")


@pytest.mark.exhaustive
def test_every_sanity_test_passes(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    collection = tmp_path / "ansible_collections/meshroll/linkerd"
    bring_pip()
    environment = {**os.environ, "HOME": str(HOME), "LC_ALL": "C.UTF-8"}
    environment.pop("PYTHONPATH", None)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [ANSIBLE_TEST, "sanity", *arguments],
            cwd=collection, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    known = set(re.findall(r"^[a-z0-9-]+$", run("--list-tests"), re.MULTILINE))
    said = run("--venv", "--python", ".".join(platform.python_version_tuple()[:2]))
    assert set(re.findall(r'^Running sanity test "(.+?)"', said, re.MULTILINE)) == known, said
    assert "Skipping" not in said
