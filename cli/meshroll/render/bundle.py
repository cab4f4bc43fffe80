"""The files of a support bundle, from what commands have told."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from meshroll import __version__
from meshroll.core.redaction import text_without_secrets, without_secrets
from meshroll.render.report import report_in, written

ASKED = {
    "run": "what was asked and planned, its gates, and every object that it changed (`meshroll runs show`)",
    "status": "how the clusters stand now (`meshroll status`)",
    "settings": "what the inventory sets, and where (`meshroll config show`)",
    "report": "verdict, measurements and plots (`meshroll report`)",
}
PACKAGES = ("ansible-core", "kubernetes", "click", "msgspec", "numpy", "scipy", "urllib3")


def of_cluster(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The result without what it says of other clusters, which is none of the helper's business."""
    clusters = [each for each in result["data"].get("clusters") or () if each["name"] == name]
    errors = [each for each in result["errors"] if each.get("cluster") in (name, None)]
    code = max((each["exit_code"] for each in clusters), default=result["exit_code"])
    return {**result, "exit_code": code, "data": {**result["data"], "clusters": clusters}, "errors": errors}


def files_of(run_id: str, told: Mapping[str, Mapping[str, Any]], log: str | None) -> dict[str, str]:
    """Name -> text. ``told`` are the results of the commands in ASKED; ``log`` the log of the run, where one was kept.

    Nothing that is called or looks like a secret is left in them.
    """
    clean = {name: without_secrets(result) for name, result in told.items()}
    files = {f"{name}.json": json.dumps(result, indent=2) + "\n" for name, result in clean.items()}
    report = report_in(clean["report"], run_id)
    if report is not None:
        files["report.html"] = written(report, "html", {})
    if log is not None:
        files["log.txt"] = text_without_secrets(log)
    files["versions.json"] = json.dumps(_versions(), indent=2) + "\n"
    return {"README.txt": _readme(run_id, files), **files}


def _versions() -> dict[str, str]:
    return {
        "meshroll": __version__,
        "python": sys.version.split()[0],
        "system": platform.platform(),
        **{name: version(name) for name in PACKAGES},
    }


def _readme(run_id: str, files: Mapping[str, str]) -> str:
    said = {f"{name}.json": what for name, what in ASKED.items()}
    said |= {
        "report.html": "the same to read in a browser",
        "log.txt": "what Ansible wrote",
        "versions.json": "of meshroll and what it stands on",
    }
    lines = [f"{name:<14} {said[name]}" for name in files]
    return "\n".join(
        [
            f"Run {run_id} of meshroll, for whoever helps with it.",
            "",
            *lines,
            "",
            "Private keys, tokens, logins in addresses and what is called like a secret are taken out (***).",
            "Names of clusters, namespaces and workloads are in it.",
            "",
        ]
    )
