"""What `linkerd check` says, where Linkerd's own command is on PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from meshroll.core.errors import Refused
from meshroll.core.facts import Hidden, LinkerdChecked
from meshroll.core.settings import Cluster

TIMEOUT_SECONDS = 60.0
# What they say of versions is false where a release is pinned on purpose, and false alarms with images by digest.
_VERSIONS = frozenset({"linkerd-version", "control-plane-version", "linkerd-control-plane-proxy"})


def check(
    reached: Callable[[], Cluster], namespace: str, release: str | None
) -> tuple[LinkerdChecked, ...] | Hidden:
    """What did not succeed; Hidden where the command is not there, says nothing that can be read, or takes too long.

    ``reached`` is cluster_access.for_child, asked only where the command is there; its refusal is hidden too.
    ``release`` is the installed one: told of it, the command does not ask the internet for the newest.
    """
    binary = shutil.which("linkerd")
    if binary is None:
        return Hidden("no command linkerd is on PATH")
    try:
        cluster = reached()
    except Refused as error:
        return Hidden(str(error).rstrip("."))
    command = [binary, "check", "--output", "json", "--wait", "0s", "--linkerd-namespace", namespace]
    options = {
        "--kubeconfig": cluster.kubeconfig,
        "--context": cluster.context,
        "--expected-version": release,
    }
    command += [word for option, value in options.items() if value for word in (option, value)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Hidden(f"linkerd check did not end within {TIMEOUT_SECONDS:.0f} s")
    except OSError as error:
        return Hidden(f"{binary} does not start: {error.strerror}")
    try:
        return tuple(chain.from_iterable(map(_read, _objects(done.stdout))))
    except (ValueError, KeyError, TypeError, AttributeError):
        said = (done.stderr or done.stdout).strip().splitlines()
        return Hidden(f"linkerd check said nothing that can be read: {said[-1] if said else 'nothing'}")


def _objects(said: str) -> Iterator[dict[str, Any]]:
    """One of Linkerd itself, and one of all its extensions. Raises ValueError, also where there is none."""
    decoder, left = json.JSONDecoder(), said.strip()
    while True:
        found, end = decoder.raw_decode(left)
        yield found
        left = left[end:].lstrip()
        if not left:
            return


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
