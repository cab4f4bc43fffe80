"""What `linkerd check` says, where Linkerd's own command is on PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from meshroll.core.facts import Hidden, LinkerdChecked
from meshroll.core.settings import Settings

TIMEOUT_SECONDS = 60.0
# What they say of versions is false where a release is pinned on purpose, and false alarms with images by digest.
_VERSIONS = frozenset({"linkerd-version", "control-plane-version", "linkerd-control-plane-proxy"})


def check(settings: Settings) -> tuple[LinkerdChecked, ...] | Hidden:
    """What did not succeed; Hidden where the command is not there, says nothing that can be read, or takes too long."""
    binary = shutil.which("linkerd")
    if binary is None:
        return Hidden("no command linkerd is on PATH")
    cluster = settings.cluster
    command = [binary, "check", "--output", "json", "--wait", "0s"]
    command += ["--linkerd-namespace", settings.control_plane.namespace]
    command += ["--kubeconfig", cluster.kubeconfig] if cluster.kubeconfig else []
    command += ["--context", cluster.context] if cluster.context else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Hidden(f"linkerd check did not end within {TIMEOUT_SECONDS:.0f} s")
    except OSError as error:
        return Hidden(f"{binary} does not start: {error.strerror}")
    try:
        return tuple(_read(json.loads(done.stdout)))
    except (ValueError, KeyError, TypeError, AttributeError):
        said = (done.stderr or done.stdout).strip().splitlines()
        return Hidden(f"linkerd check said nothing that can be read: {said[-1] if said else 'nothing'}")


def _read(told: dict[str, Any]) -> Iterator[LinkerdChecked]:
    """linkerd2 pkg/healthcheck/healthcheck_output.go (CheckOutput)."""
    for category in told["categories"] or []:
        for each in category["checks"] or []:
            versions = category["categoryName"] in _VERSIONS and "version" in each["description"]
            if each["result"] != "success" and not versions:
                yield LinkerdChecked(
                    category=category["categoryName"],
                    description=each["description"],
                    error=each["result"] == "error",
                    said=str(each.get("error") or each["result"]),
                    hint=str(each.get("hint") or ""),
                )
