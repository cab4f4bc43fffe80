"""meshroll.linkerd.look: read the cluster, refuse what would fail, and return the plan. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import manifests
    from meshroll.adapters.baseline import measure_before
    from meshroll.adapters.kube.journal import Journal
    from meshroll.adapters.kube.look import look
    from meshroll.adapters.release import release_for
    from meshroll.core import checks, source
    from meshroll.core.accepted import Accepted, still_accepted
    from meshroll.core.certificate_dates import warnings
    from meshroll.core.control_plane import install_notes
    from meshroll.core.drift import Since, in_the_way
    from meshroll.core.errors import Drift, MeshrollError, Problem, Refused, UsageError
    from meshroll.core.history import (
        Inherited,
        changes_of,
        fingerprint,
        inherited,
        left_drilling,
        left_uninstalling,
        open_runs,
        to_undo,
        unfinished,
    )
    from meshroll.core.hop_history import left_upgrading
    from meshroll.core.journal import Record, titles, touched
    from meshroll.core.judged import verify_plan
    from meshroll.core.mesh_identity import doubtful
    from meshroll.core.model import ClusterView
    from meshroll.core.plan import Plan, to_builtins
    from meshroll.core.previous import previous_plan
    from meshroll.core.releases import Edge
    from meshroll.core.repair import repaired, unmade
    from meshroll.core.resume import Resumption, Rule, resumption
    from meshroll.core.scope import caller_namespaces, only
    from meshroll.core.settings import Settings
    from meshroll.core.status import not_handled
    from meshroll.core.way_in import rollout_plan
    from meshroll.core.way_out import fallback_plan

RESUME = "resume"


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"direction", "refuse", "exclusive"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        direction, refuse = args.get("direction", "in"), args.get("refuse", True)
        if not settings.namespaces:
            raise UsageError(
                Problem(
                    "namespace-not-given",
                    "No namespace is named.",
                    "Use -n NAME, or list it in meshroll_namespaces.",
                )
            )
        self.events.say("stage", "Looking at the cluster", stage="look")
        for note in self.assumptions:
            self.events.say("line", note)
        kube = self.connect(settings)
        if args.get("exclusive") and not check_mode:
            self.lock(kube).refuse_if_held()
        journal = self.journal(kube)
        records = self.history(journal, direction) if direction != "verify" else []
        if not refuse:
            settings = self.touched_only(journal, settings)
        going = self.resumed(records, settings, kube.server_now()) if direction == RESUME else None
        if direction == RESUME and going is None:
            return self.looked(Plan("none", None, []), [], records, settings, direction="none")
        if going:
            self.events.say("line", going.why, level="warning")
            settings, direction = only(settings, going.namespaces), going.direction
        names = [namespace.name for namespace in settings.namespaces]
        view = look(
            kube,
            names,
            settings.control_plane.namespace,
            caller_namespaces(settings),
            certificates=direction == "in",
        )
        view, repairs = repaired(view, unmade(records, names))
        edge = release_for(settings, view, kube.server_now().date()) if direction == "in" else None
        before = inherited(records, names, going.waived if going else ()) if edge else Inherited()
        found: list[Problem] = [*left_uninstalling(records), *left_upgrading(records)] if edge else []
        drilled = left_drilling(records, names)
        found += drilled if edge else []
        asked: list[checks.Checked] = []
        if refuse:
            way: checks.Direction = "in" if edge else "verify" if direction == "verify" else "out"
            rows = checks.that_weigh(way)
            if not args.get("exclusive"):
                rows = checks.for_looking(rows)
            seen = self.seen(kube, view, settings, checks.needs(rows)) if edge else None
            case = checks.Case(view, settings, way, edge, before.unjudged, seen)
            earlier = still_accepted(open_runs(records).values())
            asked = checks.check(case, rows, {**earlier, **self.accepted_checks(settings)})
            found += checks.blocking_problems(asked)
        if self.run_context.emit_patches and edge is not None:
            named = source.manifests(view, settings, self.run_context.cluster)
            for path in manifests.write(self.run_context.emit_patches, named):
                self.events.say("line", f"Wrote {path}: commit it where the Service comes from.")
        if found:
            raise Refused(found)
        plan = self.plan(view, settings, direction, edge, records, before)
        plan = msgspec.structs.replace(plan, steps=[*repairs, *plan.steps])
        if edge is not None and (
            ours := in_the_way(plan, Since(view, before.entries, self.run_context.take))
        ):
            raise Drift(ours)
        there = edge is None or view.control_plane.installed
        idle = plan.nothing_to_do and there and not unfinished(records, names)
        signals: dict[str, Any] = {}
        if edge is not None and not idle:
            changing = args.get("exclusive", False) and not check_mode
            signals, found = measure_before(
                kube, settings, view, before.baseline, self.warn, is_compared=changing
            )
            if found:
                raise Refused(found)
        others = [
            f"{name}/{owner}" for name, space in view.namespaces.items() for owner in not_handled(space)
        ]
        told = checks.lines(asked)
        for line in [*warnings(view.certificates), *(told if args.get("exclusive") else ())]:
            self.warn(line)
        for problem in [*doubtful(view.identity), *drilled]:
            self.warn(f"{problem.message} {problem.hint}")
        for other in others:
            self.warn(f"{other} is of a kind that meshroll does not handle; it stays as it is.")
        for problem in plan.conflicts:
            self.warn(f"{problem.message} {problem.hint}")
        notes = [*plan.notes, *install_notes(view, edge), *told]
        accepted = checks.accepted_hits(asked)
        return {
            **self.looked(plan, notes, records, settings, direction, going, others, accepted),
            "nothing_to_do": idle,
            "baseline": signals,
            "release": str(edge) if edge else None,
            "control_plane_installed": view.control_plane.installed,
        }

    def looked(
        self,
        plan: Plan,
        notes: list[str],
        records: Sequence[Record],
        settings: Settings,
        direction: str,
        going: Resumption | None = None,
        others: Sequence[str] = (),
        accepted: Sequence[Accepted] = (),
    ) -> dict[str, Any]:
        """What the rest of the playbook goes by."""
        names = [namespace.name for namespace in settings.namespaces]
        return {
            "plan": {
                **to_builtins(plan),
                "not_handled": list(others),
                "notes": notes,
                "namespaces": names,
                "to": direction if plan.direction in ("fallback", "previous") else None,
            },
            "direction": direction,
            "namespaces": names,
            "steps": titles(plan),
            "asked": {
                "take": list(self.run_context.take),
                "rollback_automatic": settings.rollback_automatic,
                "why": going.why if going else None,
                "accepted": msgspec.to_builtins(accepted),
            },
            "history": fingerprint(records),
            "nothing_to_do": True,
            "baseline": {},
            "release": None,
            "control_plane_installed": True,
            "waived": list(going.waived) if going else [],
        }

    def touched_only(self, journal: Journal, settings: Settings) -> Settings:
        """What this run, and those that it goes on with, have touched; everything where that cannot be known."""
        try:
            own = journal.read_run(self.run_context.id)
            changes = changes_of(journal.read(), own) if own else []
        except MeshrollError as error:
            self.warn(f"{error} So every namespace of this run is taken back.")
            return settings
        return only(settings, touched(changes, own.namespaces)) if own else settings

    def resumed(self, records: Sequence[Record], settings: Settings, now: datetime) -> Resumption | None:
        rule = Rule(
            self.run_context.on_inconclusive, settings.gate.paused_max_seconds, settings.rollback_automatic
        )
        names = [namespace.name for namespace in settings.namespaces]
        return resumption(records, names, rule, now)

    def plan(
        self,
        view: ClusterView,
        settings: Settings,
        direction: str,
        edge: Edge | None,
        records: Sequence[Record],
        before: Inherited,
    ) -> Plan:
        names = [namespace.name for namespace in settings.namespaces]
        if direction == "verify":
            return verify_plan(view, settings)
        if edge is not None:
            return rollout_plan(view, settings, edge, self.run_context.id, before.pending, before.answered)
        if direction == "fallback":
            return fallback_plan(view, settings, self.run_context.id)
        return previous_plan(view, settings, to_undo(records, names, direction), self.run_context.take)
