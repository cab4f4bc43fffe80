"""The metrics file on disk."""

from __future__ import annotations

from pathlib import Path

from meshroll.adapters import whole_file
from meshroll.core.errors import Problem, UsageError


def write(path: Path, text: str) -> None:
    """All at once, because the collector may read at any moment; everybody may read it. Raises UsageError."""
    try:
        whole_file.write(path, text, 0o644)
    except OSError as error:
        raise UsageError(
            Problem(
                "metrics-file-not-written",
                f"{path} cannot be written: {error.strerror}",
                "Name a file in a folder that is there and that this user may write to.",
            )
        ) from error
