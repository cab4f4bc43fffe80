"""meshroll.linkerd.apply: make one step's changes and wait until every pod is proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters.kube.apply import Making, apply_step
    from meshroll.adapters.kube.client import Object
    from meshroll.adapters.kube.endpoints import Conversion
    from meshroll.core.errors import MeshrollError, Paused, Problem
    from meshroll.core.journal import intending, made, pausing
    from meshroll.core.plan import Step, change_rows, step_from
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"step", "keep_going", "stoppable"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        step = step_from(args["step"])
        rows = [row for change in step.changes for row in change_rows(step.title, change)]
        facts: dict[str, Any] = dict(self.identity)
        result: dict[str, Any] = {"changed": bool(rows), "changes": rows, "ansible_facts": facts}
        if check_mode or not (step.changes or step.waited or step.pause or step.pending):
            return result
        if args.get("stoppable", True):
            self.stop_if_asked()
        self.events.say("stage", step.title, stage=step.stage)
        with self.working(settings) as work:
            problems, gaps = self.carry_out(work, step, args.get("keep_going", False))
        if gaps:
            result["conversions"] = gaps
            facts["meshroll_conversions"] = [*self.run_context.conversions, *gaps]
        if problems:
            for problem in problems:
                self.events.say("line", f"{problem.message} Going on with the rest.", level="error")
            left = [*self.run_context.left_behind, *(problem.as_dict() for problem in problems)]
            facts["meshroll_left_behind"] = left
            return result
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
        return result

    def carry_out(
        self, work: Work, step: Step, keep_going: bool
    ) -> tuple[list[Problem], list[dict[str, Any]]]:
        """Intent into the journal, the changes, what they left into the journal; what failed, and gaps of Services."""
        record = work.record
        gaps: list[dict[str, Any]] = []

        def converted(conversion: Conversion) -> None:
            gaps.append(asdict(conversion))
            self.events.say("line", conversion.said, stage=step.stage)

        def intend(before: Mapping[str, Object | None]) -> None:
            nonlocal record
            if record:
                record = intending(record, step, before)
                work.journal.write(record)

        making = Making(intend, self.report(step.stage), work.check, keep_going, converted)
        try:
            problems = apply_step(work.kube, step, making)
        finally:
            if record and making.after:
                record = made(record, step, making.after)
                try:
                    work.journal.write(record)
                except MeshrollError as error:  # what is there says the same, to whoever goes on
                    self.warn(f"The journal could not be written: {error}")
        if record and step.pause and not problems:
            work.journal.write(pausing(record, step, "person"))
        return problems, gaps
