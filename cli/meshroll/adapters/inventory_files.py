"""Which files an inventory is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from meshroll.core.errors import Problem, UsageError

# As Ansible passes over them (ansible.cfg: inventory_ignore_extensions).
IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".orig", ".cfg", ".retry")

VAULT = re.compile(rb"^\$ANSIBLE_VAULT;|!vault\b")


def named_files(inventory: str) -> tuple[str, str, list[str]]:
    """As files_of(). Raises UsageError where there is none: a list of hosts, say, in place of a file."""
    folder, named, files = files_of(inventory)
    if not files:
        raise UsageError(
            Problem(
                "inventory-without-files",
                f"{inventory} is no inventory of files, and a job has to be given some.",
                "Name a file, or a folder with one.",
            )
        )
    return folder, named, files


def files_of(inventory: str) -> tuple[str, str, list[str]]:
    """(its absolute folder, which file is named or ``.`` for all, the files below the folder by their paths)."""
    path = Path(inventory).absolute()
    if path.is_file():
        beside = [each for name in ("group_vars", "host_vars") for each in _below(path.parent / name)]
        found = [path, *beside]
        return str(path.parent), path.name, sorted(str(each.relative_to(path.parent)) for each in found)
    return str(path), ".", sorted(str(each.relative_to(path)) for each in _below(path))


def _below(folder: Path) -> list[Path]:
    """Through links to folders too, as Ansible reads them, but none twice on one way down."""
    found: list[Path] = []
    if not folder.is_dir():
        return found
    above = {folder.resolve(), *folder.resolve().parents}
    for each in sorted(folder.iterdir()):
        if each.name.startswith(".") or each.name.endswith(IGNORED):
            continue
        if each.is_file():
            found.append(each)
        elif each.resolve() not in above:
            found += _below(each)
    return found


def vaulted(folder: str, files: Sequence[str]) -> bool:
    """Whether Ansible needs a password to read some of them."""
    return any(VAULT.search(Path(folder, file).read_bytes()) for file in files)
