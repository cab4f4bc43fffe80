"""What every action plugin of the collection does alike: settings in, errors out."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from meshroll.adapters.events import Events
from meshroll.adapters.kube.client import Kube
from meshroll.core import settings as inventory
from meshroll.core.errors import MeshrollError
from meshroll.core.run import Run


class MeshrollAction(ActionBase):
    """Runs in the forked controller process: parses, calls core and adapters, returns. Decides nothing."""

    _requires_connection = False
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = self._own_variables(task_vars or {})
        self.events = Events(variables["inventory_hostname"], self._display.display)
        unknown = set(self._task.args) - self._VALID_ARGS
        if unknown:
            return {"failed": True, "msg": f"unknown arguments: {', '.join(sorted(unknown))}"}
        try:
            self.run_context = Run.from_variables(variables)
            settings, self.assumptions = inventory.with_namespace(
                inventory.parse(variables), variables.get("meshroll_namespace")
            )
            return {"changed": False, **self.act(dict(self._task.args), settings, self._task.check_mode)}
        except MeshrollError as error:
            return failure(error)

    def act(self, args: dict[str, Any], settings: inventory.Settings, check_mode: bool) -> dict[str, Any]:
        """The task's own work; raises MeshrollError."""
        raise NotImplementedError

    def connect(self, settings: inventory.Settings) -> Kube:
        return Kube.connect(
            settings.cluster.kubeconfig,
            settings.cluster.context,
            lambda line: self.events.say("line", line, level="warning"),
        )

    def _own_variables(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        wanted = {key: value for key, value in task_vars.items() if key.startswith(inventory.PREFIX)}
        templated: dict[str, Any] = self._templar.template(wanted)
        return {**templated, "inventory_hostname": task_vars["inventory_hostname"]}


def failure(error: MeshrollError) -> dict[str, Any]:
    """An error as a task's result; the playbook's rescue and the result file read ``meshroll``."""
    last = error.problems[-1]
    return {
        "failed": True,
        "msg": f"{error} {last.hint}".strip(),
        "meshroll": {
            "exit_code": int(error.exit_code),
            "problems": [problem.as_dict() for problem in error.problems],
        },
    }
