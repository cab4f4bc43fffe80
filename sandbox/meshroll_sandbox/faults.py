"""Faults that can be switched on in a running sandbox: the file through which the CLI tells the stand-ins."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from meshroll_sandbox.errors import SandboxError

FILE_NAME = "faults.json"
_PLACE = re.compile("[^/]+/[^/]+")


@dataclass(frozen=True)
class Errors:
    """The applications behind `service` ("namespace/name") answer this share of requests with Internal."""

    name: ClassVar[str] = "errors"
    service: str
    ratio: float


@dataclass(frozen=True)
class NoTraffic:
    """No client sends anything. Probes go on."""

    name: ClassVar[str] = "no-traffic"


@dataclass(frozen=True)
class ErrorsWithMesh:
    """A proxy fails this share of the requests that pass one, so it begins with the first meshed pod.

    Without `service` ("namespace/name") it is so for every server.
    """

    name: ClassVar[str] = "errors-with-mesh"
    ratio: float
    service: str | None = None


@dataclass(frozen=True)
class SlowPod:
    """One pod, or every pod behind a Service, takes `milliseconds` longer; both are named "namespace/name"."""

    name: ClassVar[str] = "slow-pod"
    milliseconds: float
    pod: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class Partition:
    """Nobody reaches one pod, or any pod behind a Service; both are named "namespace/name"."""

    name: ClassVar[str] = "partition"
    pod: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class IdentityMissesRotation:
    """No pod of linkerd-identity notices that its issuer was changed, until it is started anew (linkerd2 #15109)."""

    name: ClassVar[str] = "identity-misses-rotation"


Fault = Errors | NoTraffic | ErrorsWithMesh | SlowPod | Partition | IdentityMissesRotation

KINDS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (Errors, NoTraffic, ErrorsWithMesh, SlowPod, Partition, IdentityMissesRotation)
}


def write(folder: Path, faults: Iterable[Fault]) -> None:
    """Let exactly these faults be on in the sandbox of `folder`. Raises SandboxError for one that cannot be."""
    content = [{"name": fault.name, **_settings(fault)} for fault in faults]
    for item in content:
        parse(item)
    staging = folder / f"{FILE_NAME}.new"
    staging.write_text(json.dumps({"faults": content}, indent=2) + "\n")
    os.replace(staging, folder / FILE_NAME)


def read(folder: Path) -> tuple[Fault, ...]:
    """The faults that are on, none where there is no file. Raises SandboxError when it cannot be understood."""
    file = folder / FILE_NAME
    try:
        content = json.loads(file.read_text())
        return tuple(parse(item) for item in content["faults"])
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SandboxError(f"{file} is not a list of faults: {error!r}", "Remove the file.") from error


def parse(item: dict[str, Any]) -> Fault:
    """One fault as it stands in the file. Raises SandboxError."""
    settings = {key: value for key, value in item.items() if key != "name"}
    kind = KINDS.get(item["name"])
    if kind is None:
        raise SandboxError(f"there is no fault {item['name']!r}", f"Choose one of {', '.join(KINDS)}.")
    try:
        fault = kind(**settings)
    except TypeError as error:
        takes = ", ".join(field.name for field in fields(kind)) or "no settings"
        raise SandboxError(
            f"the fault {kind.name} does not work with {settings}", f"It takes {takes}."
        ) from error
    _check(fault)
    return fault


def _check(fault: Fault) -> None:
    settings = _settings(fault)
    for key in ("service", "pod"):
        place = settings.get(key)
        if place is not None and (not isinstance(place, str) or not _PLACE.fullmatch(place)):
            raise SandboxError(f"{fault.name}: {place!r} names no {key}", "Write it as namespace/name.")
    ratio = settings.get("ratio")
    if ratio is not None and not (isinstance(ratio, int | float) and 0 < ratio <= 1):
        raise SandboxError(
            f"{fault.name}: {ratio!r} is not a share of requests", "Give more than 0, at most 1."
        )
    if isinstance(fault, SlowPod | Partition) and (fault.pod is None) == (fault.service is None):
        raise SandboxError(f"{fault.name}: which pods?", "Name either a pod or a service.")
    if isinstance(fault, SlowPod) and (
        not isinstance(fault.milliseconds, int | float) or fault.milliseconds <= 0
    ):
        raise SandboxError(f"{fault.name}: {fault.milliseconds!r} is no delay", "Give milliseconds above 0.")


def _settings(fault: Fault) -> dict[str, Any]:
    """The settings that are given."""
    values = {field.name: getattr(fault, field.name) for field in fields(fault)}
    return {key: value for key, value in values.items() if value is not None}
