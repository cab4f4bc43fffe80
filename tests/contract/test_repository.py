"""What must not be in the repository: registries, paths of one machine, versions that disagree."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from meshroll import __version__

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and not file.is_symlink()]


def test_no_file_names_a_machines_own_paths() -> None:
    own = re.compile(r"(?<![\w.])/(?:work|root|home)/[a-z]")
    for file in tracked():
        if file.suffix not in {".sum", ".lock", ".tgz"} and file != Path(__file__):
            found = own.search(file.read_text(errors="replace"))
            assert not found, f"{file.relative_to(ROOT)}: {found and found.group()}"


def test_the_lock_names_no_registry_and_pins_everything_by_hash() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^\s*--(?!hash)", LOCK, re.MULTILINE)
    pins = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE).strip())
    for pin in pins:
        assert re.match(r"[a-z0-9._-]+(\[[^]]+\])?==\S+", pin), pin
        assert "--hash=sha256:" in pin, pin


def test_collection_and_package_have_one_version() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == __version__
    assert f'VERSION = "{__version__}"\n' in (ROOT / "plugins/plugin_utils/package.py").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_everything_that_is_executable_says_with_what() -> None:
    for file in tracked():
        if file.stat().st_mode & 0o111:
            assert file.read_bytes().startswith(b"#!"), file.relative_to(ROOT)
