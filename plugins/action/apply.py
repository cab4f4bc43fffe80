"""meshroll.linkerd.apply: make one step's changes and wait until every pod is proved."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.adapters.kube.apply import apply_step
from meshroll.core.errors import Paused, Problem
from meshroll.core.journal import intending, passed
from meshroll.core.plan import change_rows, step_from
from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"step", "keep_going", "stoppable"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        step = step_from(args["step"])
        rows = [row for change in step.changes for row in change_rows(step.title, change)]
        result = {"changed": bool(rows), "changes": rows}
        if check_mode or not (step.changes or step.pause or step.pending):
            return result
        if args.get("stoppable", True):
            self.events.stop_if_asked()
        self.events.say("stage", step.title, stage=step.stage)
        kube = self.connect(settings)
        journal, record = self.record(kube)
        if record:
            record = intending(record, step)
            journal.write(record)
        lock = self.lock(kube)
        lock.renew()
        problems = apply_step(kube, step, self.report(step.stage), lock.renew, args.get("keep_going", False))
        if problems:
            for problem in problems:
                self.events.say("line", f"{problem.message} Going on with the rest.", level="error")
            left = [*self.run_context.left_behind, *(problem.as_dict() for problem in problems)]
            return {**result, "ansible_facts": {**self.identity, "meshroll_left_behind": left}}
        if step.pause:
            raise Paused(
                Problem(
                    "client-manual",
                    f"{step.title}: this switch is yours to throw. {step.pause}",
                    "Throw it, then run `meshroll rollout` again: it goes on from here.",
                    namespace=step.namespace,
                    object=", ".join(step.workloads) or None,
                )
            )
        if record and step.pending and not step.gate:
            journal.write(passed(record, step))
        return result
