"""What the tasks of a playbook took, host by host."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from scale.measured import Ran, run
from scale.place import HOME

CALLBACK = Path(__file__).with_name("callback")
GATE, LOOK, STEP = (f"meshroll.linkerd.{action}" for action in ("gate", "look", "apply"))


class Times:
    """One command, run with a callback that writes down what each task took."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        codes: Sequence[int] = (0,),
    ) -> None:
        file = HOME / "task-times"
        file.unlink(missing_ok=True)
        own = {
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACK),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "TASK_TIMES": str(file),
        }
        self.ran: Ran = run(command, codes, {**own, **(environment or {})})
        self._rows = [json.loads(line) for line in file.read_text().splitlines()]

    @property
    def play_seconds(self) -> float:
        """From the begin of the first task to the end of the last one, of whichever hosts."""
        return max(ended for *_, ended in self._rows) - min(began for *_, began, _ in self._rows)

    @property
    def slowest_seconds(self) -> float:
        """The sum over tasks of the host that took longest at each."""
        slowest: dict[str, float] = {}
        for _, task, _, began, ended in self._rows:
            slowest[task] = max(slowest.get(task, 0.0), ended - began)
        return sum(slowest.values())

    @property
    def seconds_without_gates(self) -> float:
        """The whole command, as somebody waits for it."""
        return self.ran.seconds - self.seconds_of(GATE)

    def seconds_of(self, action: str) -> float:
        """All tasks of this action, of one host."""
        return sum(ended - began for _, _, each, began, ended in self._rows if each == action)
