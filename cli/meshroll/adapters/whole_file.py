"""Files that others read while they are written."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def write(file: Path, text: str, mode: int | None = None) -> None:
    """In one step, so that nobody reads half of it; with ``mode``, or what the user's umask leaves. Raises OSError."""
    half = file.with_name(f".{file.name}.half")
    try:
        half.write_text(text, encoding="utf-8")
        if mode is not None:
            half.chmod(mode)
        half.replace(file)
    except OSError:
        with suppress(OSError):
            half.unlink()
        raise
