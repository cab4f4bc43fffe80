"""meshroll.linkerd.look: read the cluster, refuse what would fail, and return the plan. Changes nothing."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from meshroll.adapters.release import release_for
from meshroll.core.releases import Edge

from meshroll.adapters.kube.journal import Journal
from meshroll.adapters.kube.look import look
from meshroll.core import checks
from meshroll.core.checks.row import Direction
from meshroll.core.errors import Problem, Refused, UsageError
from meshroll.core.journal import Record, carried_over, to_undo
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan, to_builtins
from meshroll.core.settings import Settings
from meshroll.core.status import cluster_status, not_handled
from meshroll.core.way_in import rollout_plan, verify_plan
from meshroll.core.way_out import fallback_plan, previous_plan

DIRECTIONS: dict[str, Direction] = {"in": "in", "fallback": "out", "previous": "out", "verify": "verify"}


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"direction", "refuse"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        direction = args.get("direction", "in")
        if not settings.namespaces:
            raise UsageError(
                Problem("namespace-not-given", "No namespace is named.", "Use -n NAME, or list it in meshroll_namespaces.")
            )
        self.events.say("stage", "Looking at the cluster", stage="look")
        for note in self.assumptions:
            self.events.say("line", note)
        kube = self.connect(settings)
        names = [namespace.name for namespace in settings.namespaces]
        view = look(kube, names, settings.control_plane.namespace)
        edge = release_for(settings, view) if direction == "in" else None
        if args.get("refuse", True):
            found = checks.problems(checks.Case(view, settings, DIRECTIONS[direction], edge))
            if found:
                raise Refused(found)
        plan = self.plan(view, settings, direction, edge, Journal(kube).read())
        others = [f"{name}/{owner}" for name, space in view.namespaces.items() for owner in not_handled(space)]
        for other in others:
            self.events.say("line", f"{other} is of a kind that meshroll does not handle; it stays as it is.", level="warning")
        return {
            "plan": {**to_builtins(plan), "not_handled": others},
            "nothing_to_do": plan.nothing_to_do and (edge is None or view.control_plane.installed),
            "baseline": {},
            "restarting_pods": sum(change.pods for change in plan.changes()),
            "release": str(edge) if edge else None,
            "control_plane_installed": view.control_plane.installed,
            "status": cluster_status(view),
        }

    def plan(
        self, view: ClusterView, settings: Settings, direction: str, edge: Edge | None, records: list[Record]
    ) -> Plan:
        names = [namespace.name for namespace in settings.namespaces]
        if direction == "verify":
            return verify_plan(view, settings)
        if edge is not None:
            pending, acknowledged, _ = carried_over(records, names)
            return rollout_plan(view, settings, edge, self.run_context.id, pending, acknowledged)
        if direction == "previous":
            record = to_undo(records, names)
            return previous_plan(view, settings, record.changes if record else [])
        return fallback_plan(view, settings, self.run_context.id)
