"""What `up` remembers of a sandbox in DIR/state.json: processes, ports, what the stand-ins need to know."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meshroll_sandbox.pki import write_private
from meshroll_sandbox.ports import PORT_NAMES
from meshroll_sandbox.processes import ProcessRecord

SCHEMA = 1


@dataclass
class State:
    """`ports`: loopback ports by name. `helm`, `gateway_api`: absolute paths. `seed`: the traffic model's."""

    ports: dict[str, int]
    helm: str
    gateway_api: str
    seed: int
    kubernetes_version: str = ""
    processes: dict[str, ProcessRecord] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Replace the file at once: a reader sees the old state or the new one."""
        write_private(path, (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """The state in the file; None where there is none that can be understood."""
        try:
            content: dict[str, Any] = json.loads(path.read_text())
            if content.pop("schema") != SCHEMA or not content["ports"].keys() >= set(PORT_NAMES):
                return None
            processes = {name: ProcessRecord(**record) for name, record in content.pop("processes").items()}
            return cls(processes=processes, **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
