"""The metrics file on disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from meshroll.core.errors import Problem, UsageError


def write(path: Path, text: str) -> None:
    """All at once, because the collector may read at any moment; everybody may read it. Raises UsageError."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            Problem(
                "metrics-file-not-written",
                f"{path} cannot be written: {error.strerror}",
                "Name a file in a folder that is there and that this user may write to.",
            )
        ) from error
