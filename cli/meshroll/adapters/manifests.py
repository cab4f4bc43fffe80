"""Manifests to commit, written as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from meshroll.core.errors import Problem, UsageError
from meshroll.core.source import Manifest


def write(folder: str, manifests: Iterable[Manifest]) -> list[Path]:
    """Writes each below ``folder``, over an earlier one of the same name; the files. Raises UsageError if it cannot."""
    written = []
    for manifest in manifests:
        path = Path(folder) / manifest.path
        text = yaml.safe_dump(manifest.body, sort_keys=False, default_flow_style=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {manifest.comment}\n{text}")
        except OSError as error:
            raise UsageError(
                Problem(
                    "patches-not-written",
                    f"{path} cannot be written: {error.strerror}.",
                    "Name another folder with --emit-patches.",
                )
            ) from error
        written.append(path)
    return written
