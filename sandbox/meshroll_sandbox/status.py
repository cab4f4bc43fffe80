"""What a sandbox is like just now, read from its folder and from /proc; nothing is asked over the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from meshroll_sandbox.parts import PART_NAMES
from meshroll_sandbox.paths import SandboxFolder
from meshroll_sandbox.pki import CONTEXT
from meshroll_sandbox.processes import is_alive
from meshroll_sandbox.settings import chart_source, prometheus_url
from meshroll_sandbox.state import State


@dataclass(frozen=True)
class ProcessStatus:
    """One process of the sandbox; `pid` is None when it was never started or its record is lost."""

    name: str
    pid: int | None
    alive: bool


@dataclass(frozen=True)
class Connection:
    """Where to find what runs. Paths are absolute; `inventory` is a ready Ansible inventory."""

    kubeconfig: Path
    context: str
    kubernetes_version: str
    prometheus_url: str
    chart_source: str
    inventory: Path
    helm: Path
    gateway_api: Path


@dataclass(frozen=True)
class Status:
    """`condition`: up (all processes live), broken (not all, or the state is lost), down (nothing there)."""

    folder: Path
    condition: Literal["up", "broken", "down"]
    processes: tuple[ProcessStatus, ...]
    connection: Connection | None


def status(folder: Path) -> Status:
    """The status of the sandbox in `folder`, whether there is one or not."""
    layout = SandboxFolder.of(folder)
    state = State.read(layout.state)
    found = []
    for name in PART_NAMES:
        record = state.processes.get(name) if state else None
        found.append(ProcessStatus(name, record.pid if record else None, bool(record and is_alive(record))))
    condition: Literal["up", "broken", "down"] = "broken"
    if not layout.marker.exists():
        condition = "down"
    elif all(process.alive for process in found):
        condition = "up"
    return Status(layout.root, condition, tuple(found), _connection(layout, state) if state else None)


def _connection(layout: SandboxFolder, state: State) -> Connection:
    return Connection(
        kubeconfig=layout.kubeconfig,
        context=CONTEXT,
        kubernetes_version=state.kubernetes_version,
        prometheus_url=prometheus_url(state),
        chart_source=chart_source(state),
        inventory=layout.inventory,
        helm=Path(state.helm),
        gateway_api=Path(state.gateway_api),
    )
