"""meshroll.linkerd.drill: refuse what nobody has marked, then drill a workload, one fault after the other."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work, failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import prometheus
    from meshroll.adapters.drill import Drilling
    from meshroll.adapters.drill_undo import take_back_all
    from meshroll.adapters.kube.look import look
    from meshroll.core.callers import callers_of
    from meshroll.core.checks.namespaces import missing_permissions
    from meshroll.core.drill import choose
    from meshroll.core.drill.model import HYPOTHESES, Drilled
    from meshroll.core.errors import MeshrollError, Problem, Refused, UsageError
    from meshroll.core.history import DRILL, drills_left, fingerprint, left_open, open_runs
    from meshroll.core.permissions import NEEDED_TO_DRILL
    from meshroll.core.settings import Settings

UNDO = "undo"
REHEARSAL = "rollback"


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"phase", "scenario", "workload", "clusters", "drill"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        if len(settings.namespaces) != 1:
            told = f"A drill is of one namespace, and there are {len(settings.namespaces)}."
            raise UsageError(Problem("namespace-not-given", told, "Use -n NAME."))
        if problem := choose.too_many(args.get("clusters") or ()):
            raise UsageError(problem)
        if args["phase"] == "look":
            return self.look(args, settings, check_mode)
        return self.run_all(args["drill"], settings)

    def look(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        """What is to be drilled, and what the rest of the playbook goes by. Raises Refused, Locked, UsageError."""
        self.events.say("stage", "Looking at the cluster", stage="look")
        kube, scenario, (namespace,) = self.connect(settings), args["scenario"], settings.namespaces
        if not check_mode:
            self.lock(kube).refuse_if_held()
        records = self.journal(kube).read()
        view = look(kube, [namespace.name], settings.control_plane.namespace)
        space = view.namespaces[namespace.name]
        left = drills_left(records, [namespace.name])
        found = [] if scenario == UNDO else [problem for problem in [choose.refusal(space)] if problem]
        open_run = open_runs(records).get(namespace.name)
        if scenario != UNDO and not (open_run and open_run.command == DRILL):
            found += left_open(records, [namespace.name])[0]
        if scenario != REHEARSAL and space.manifest is not None:
            found += missing_permissions(space, NEEDED_TO_DRILL)
        if found:
            raise Refused(found)
        drill: dict[str, Any] = {
            "namespace": namespace.name,
            "workload": None,
            "scenarios": [],
            "skipped": {},
        }
        if scenario not in (UNDO, REHEARSAL):
            workload = choose.chosen(space, args.get("workload"))
            prometheus.connect(settings.prometheus, kube, self.warn).check(
                settings.prometheus.scrape_interval_seconds
            )
            wanted = list(HYPOTHESES) if scenario == "all" else [scenario]
            reasons = {each: choose.unable(each, view, space, workload) for each in wanted}
            callers = [
                caller
                for service in space.services
                if workload.id in {server.id for server in space.servers_of(service)}
                for caller in callers_of(view, namespace.name, service["metadata"]["name"])
            ]
            elsewhere = sorted({caller.namespace for caller in callers} - {namespace.name})
            homes = {name: kube.get(f"/api/v1/namespaces/{name}") or {} for name in elsewhere}
            if problem := choose.unmarked(space, workload, callers, homes):
                raise Refused(problem)
            drill |= {
                "workload": workload.id,
                "scenarios": wanted,
                "skipped": {each: reason for each, reason in reasons.items() if reason},
                "callers": sorted(
                    {caller.workload.id for caller in callers if caller.namespace == namespace.name}
                ),
            }
        return {
            "drill": drill,
            "direction": DRILL,
            "namespaces": [namespace.name],
            "steps": drill["scenarios"],
            "asked": {"scenario": scenario, "workload": drill["workload"]},
            "release": None,
            "baseline": {},
            "history": fingerprint(records),
            "waived": [],
            "nothing_to_do": not (drill["scenarios"] or left) or scenario == REHEARSAL,
        }

    def run_all(self, drill: dict[str, Any], settings: Settings) -> dict[str, Any]:
        """Each scenario; what an earlier drill has left is taken back first."""
        if not self.run_context.begun:
            return {"changed": False}
        done: list[Drilled] = []
        taken_back: list[str] = []
        with self.working(settings) as work:
            try:
                taken_back = take_back_all(work.kube, work.journal, drill["namespace"], self.warn)
                for run_id in taken_back:
                    self.events.say("line", f"What run {run_id} had left was taken back.")
                self.each(drill, settings, work, done)
            except MeshrollError as error:
                return {**failure(error), **_told(done)}
        return {"changed": bool(taken_back or done), **_told(done)}

    def each(self, drill: dict[str, Any], settings: Settings, work: Work, done: list[Drilled]) -> None:
        if not drill["scenarios"]:
            return
        if work.record is None:
            raise AssertionError("a run that has begun has a record")

        def wait(seconds: float) -> None:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                self.events.stop_if_asked(begun=False)
                work.check()
                time.sleep(min(0.5, left))

        drilling = Drilling(
            kube=work.kube,
            client=prometheus.connect(settings.prometheus, work.kube, self.warn),
            journal=work.journal,
            record=work.record,
            namespace=drill["namespace"],
            workload=drill["workload"],
            callers=drill["callers"],
            scrape_interval_seconds=settings.prometheus.scrape_interval_seconds,
            failed_ratio_max=1 - settings.gate.limits.success_ratio_min,
            wait=wait,
            say=self.warn,
        )
        for scenario in drill["scenarios"]:
            wait(0.01)
            self.events.say("stage", f"Drill {scenario}: {drill['workload']}", stage="drill")
            if reason := drill["skipped"].get(scenario):
                done.append(drilling.ended(scenario, "skipped", reason))
            else:
                try:
                    done.append(drilling.drill(scenario))
                except MeshrollError as error:
                    done.append(drilling.ended(scenario, "aborted", str(error)))
                    raise
            self.events.say("line", f"{scenario} {done[-1].outcome.replace('_', ' ')}: {done[-1].why}.")


def _told(done: list[Drilled]) -> dict[str, Any]:
    return {"drills": msgspec.to_builtins(done)}
