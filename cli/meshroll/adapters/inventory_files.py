"""Which files an inventory is made of."""

from __future__ import annotations

import os
from pathlib import Path

# As Ansible passes over them (ansible.cfg: inventory_ignore_extensions).
IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".orig", ".cfg", ".retry")


def files_of(inventory: str) -> tuple[str, str, list[str]]:
    """(its absolute folder, which file is named or ``.`` for all, the files below the folder by their paths)."""
    path = Path(inventory).absolute()
    if path.is_file():
        beside = [each for name in ("group_vars", "host_vars") for each in _below(path.parent / name)]
        found = [path, *beside]
        return str(path.parent), path.name, sorted(str(each.relative_to(path.parent)) for each in found)
    return str(path), ".", sorted(str(each.relative_to(path)) for each in _below(path))


def _below(folder: Path) -> list[Path]:
    return [
        Path(root) / name
        for root, folders, names in os.walk(folder)
        if not any(part.startswith(".") for part in Path(root).relative_to(folder).parts)
        for name in names
        if not name.startswith(".") and not name.endswith(IGNORED)
    ]
