"""A support bundle on disk."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from meshroll.core.errors import Problem, UsageError


def read_log(path: Path) -> str:
    """Raises UsageError."""
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise UsageError(
            Problem(
                "bundle-log-unreadable",
                f"{path} cannot be read: {error.strerror}",
                "A result names its log under data.log_file; leave --log out where none was kept.",
            )
        ) from error


def write(path: Path, folder: str, files: Mapping[str, str]) -> None:
    """A gzipped tar of ``files`` in ``folder``, readable by its owner alone, over a file of that name.

    Raises UsageError where it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in files.items():
                content = text.encode()
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
                archive.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise UsageError(
            Problem("bundle-not-written", f"{path} cannot be written: {error.strerror}", "Choose another -o.")
        ) from error
