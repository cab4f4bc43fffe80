"""Reads from a cluster what the report of a run is made of, and writes the report to a file."""

from __future__ import annotations

from pathlib import Path

from meshroll import __version__
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.journal import Journal
from meshroll.core.errors import Problem, UsageError
from meshroll.core.history import run_beginning
from meshroll.core.report.build import report_of
from meshroll.core.report.model import Report


def read(kube: Kube, journal: Journal, run_id: str, cluster: str) -> Report | None:
    """The report of the run of that id, or of the only one that begins with it; None where the cluster knows none.

    Raises ApiError, Refused where the journal cannot be read, UsageError where several runs begin with it.
    """
    record = run_beginning(journal.read(), run_id)
    if record is None:
        return None
    return report_of(
        record,
        journal.recordings(record),
        cluster=cluster,
        kubernetes_version=(kube.get("/version") or {}).get("gitVersion"),
        meshroll_version=__version__,
    )


def write(path: Path, text: str) -> None:
    """Writes the file, over one of that name. Raises UsageError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            Problem(
                "report-not-written",
                f"{path} cannot be written: {error.strerror}.",
                "Name another file with -o.",
            )
        ) from error
