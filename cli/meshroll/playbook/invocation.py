"""What is to run: the arguments and the environment of ansible-playbook."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshroll.adapters.alive import VARIABLE as ALIVE
from meshroll.core.errors import Problem, UsageError
from meshroll.paths import collections_path, playbook_file

FORKS = "20"
"""Clusters at once; Ansible's own default is 5. $ANSIBLE_FORKS wins."""

CALLBACK = "meshroll.linkerd.events"


@dataclass(frozen=True)
class Invocation:
    """One command on an inventory. ``extra_vars`` are run identity and direction, never policy."""

    command: str
    inventory: str
    limit: str | None = None
    namespace: str | None = None
    check: bool = False
    verbosity: int = 0
    extra_vars: Mapping[str, Any] = field(default_factory=dict)

    def validate(self) -> None:
        """Raises UsageError where the inventory is no file, folder or list of hosts ("a,b")."""
        if "," not in self.inventory and not Path(self.inventory).exists():
            raise UsageError(
                Problem(
                    "inventory-missing",
                    f"There is no inventory at {self.inventory}.",
                    "Name a file or folder with -i; inventories/sample is one to copy, "
                    "and `meshroll sandbox up` makes .sandbox/inventory.",
                )
            )


@dataclass(frozen=True)
class RunFolder:
    """The run's own folder (mode 0700): what child and parent tell each other, and the log."""

    path: Path

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def stop(self) -> Path:
        """Exists once the run is to stop between two steps."""
        return self.path / "stop"

    @property
    def alive(self) -> Path:
        """Held locked by every process of the run."""
        return self.path / "alive"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def temporary(self) -> Path:
        """What programs of the run put away for a while, keys of kubeconfigs among it; never kept."""
        return self.path / "tmp"

    @property
    def log(self) -> Path:
        return self.path / "log"


def arguments(invocation: Invocation, folder: RunFolder, run_id: str, started_at: str) -> list[str]:
    """The command line, with this very Python so that plugins find the ``meshroll`` that started them."""
    extra_vars = {
        **invocation.extra_vars,
        "meshroll_run_id": run_id,
        "meshroll_result_file": str(folder.result),
        "meshroll_started_at": started_at,
    }
    if invocation.namespace:
        extra_vars["meshroll_namespace"] = invocation.namespace
    return [
        *(sys.executable, "-m", "ansible.cli.playbook", str(playbook_file(invocation.command))),
        *("-i", invocation.inventory, "-e", json.dumps(extra_vars)),
        *(("--limit", invocation.limit) if invocation.limit else ()),
        *(("--check",) if invocation.check else ()),
        *((f"-{'v' * invocation.verbosity}",) if invocation.verbosity else ()),
    ]


def environment(folder: RunFolder, inherited: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: the user's own, and what the collection needs from Ansible."""
    own = {
        # What a run remembers must not meet the next one.
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_CALLBACKS_ENABLED": _joined(",", inherited.get("ANSIBLE_CALLBACKS_ENABLED"), CALLBACK),
        "ANSIBLE_COLLECTIONS_PATH": _joined(
            os.pathsep, str(collections_path()), inherited.get("ANSIBLE_COLLECTIONS_PATH")
        ),
        "ANSIBLE_FORKS": inherited.get("ANSIBLE_FORKS", FORKS),
        # A broken inventory is an error with its reason, not a warning and a run on half of the clusters.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        # What one task learns the next one reads, whatever the user's ansible.cfg says of facts.
        "ANSIBLE_INJECT_FACT_VARS": "true",
        "ANSIBLE_LOCAL_TEMP": str(folder.temporary),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_NOCOWS": "true",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        # Of glibc's allocator (mallopt(3)): pages of long lists come and go in many threads; what went is given back.
        "MALLOC_ARENA_MAX": inherited.get("MALLOC_ARENA_MAX", "1"),
        "MALLOC_TRIM_THRESHOLD_": inherited.get("MALLOC_TRIM_THRESHOLD_", "131072"),
        ALIVE: str(folder.alive),
        "MESHROLL_EVENTS": str(folder.events),
        "MESHROLL_STOP": str(folder.stop),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder.temporary),
    }
    return {**inherited, **own, **_utf8(inherited)}


def _joined(separator: str, *parts: str | None) -> str:
    return separator.join(part for part in parts if part)


def _utf8(inherited: Mapping[str, str]) -> dict[str, str]:
    """Ansible refuses to start in a locale that is not UTF-8, as cron and small containers have."""
    names = (inherited.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    wanted = next((name for name in names if name), "")
    return {} if "utf" in wanted.lower() else {"LC_ALL": "C.UTF-8"}
