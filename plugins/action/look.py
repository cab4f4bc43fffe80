"""meshroll.linkerd.look: read the cluster, refuse what would fail, and return the plan. Changes nothing."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.adapters import prometheus
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.journal import Journal
from meshroll.adapters.kube.look import look
from meshroll.adapters.release import release_for
from meshroll.core import checks
from meshroll.core.checks.row import Direction
from meshroll.core.control_plane import install_notes
from meshroll.core.errors import Problem, Refused, UsageError
from meshroll.core.gate import baseline
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Reading
from meshroll.core.gate.subjects import owners_of
from meshroll.core.journal import Record, carried_over, to_undo, touched
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan, to_builtins
from meshroll.core.releases import Edge
from meshroll.core.scope import caller_namespaces, only
from meshroll.core.settings import Settings
from meshroll.core.status import not_handled
from meshroll.core.way_in import rollout_plan, verify_plan
from meshroll.core.way_out import fallback_plan, previous_plan

DIRECTIONS: dict[str, Direction] = {"in": "in", "fallback": "out", "previous": "out", "verify": "verify"}


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"direction", "refuse"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        direction = args.get("direction", "in")
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
        if not args.get("refuse", True):
            _, record = self.record(kube)
            settings = only(settings, touched(record)) if record else settings
        names = [namespace.name for namespace in settings.namespaces]
        view = look(kube, names, settings.control_plane.namespace, caller_namespaces(settings))
        edge = release_for(settings, view) if direction == "in" else None
        found: list[Problem] = []
        if args.get("refuse", True):
            found = checks.problems(checks.Case(view, settings, DIRECTIONS[direction], edge))
        # The way to the fallback needs no journal, so none that cannot be read stands in its way.
        records = Journal(kube).read() if direction in ("in", "previous") else []
        plan = None if found else self.plan(view, settings, direction, edge, records)
        idle = plan is not None and plan.nothing_to_do and (edge is None or view.control_plane.installed)
        before: dict[str, Any] = {}
        if edge is not None and not idle:
            before, outside = self.measure(kube, settings, view)
            found += outside
        if found or plan is None:
            raise Refused(found)
        others = [
            f"{name}/{owner}" for name, space in view.namespaces.items() for owner in not_handled(space)
        ]
        for other in others:
            line = f"{other} is of a kind that meshroll does not handle; it stays as it is."
            self.events.say("line", line, level="warning")
        return {
            "plan": {
                **to_builtins(plan),
                "not_handled": others,
                "notes": [*plan.notes, *install_notes(view, edge)],
            },
            "nothing_to_do": idle,
            "baseline": before,
            "release": str(edge) if edge else None,
            "control_plane_installed": view.control_plane.installed,
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
            return previous_plan(view, settings, to_undo(records, names))
        return fallback_plan(view, settings, self.run_context.id)

    def measure(
        self, kube: Kube, settings: Settings, view: ClusterView
    ) -> tuple[dict[str, Any], list[Problem]]:
        """The signals before anything is changed, and what is outside its limits already."""
        readings: dict[str, Reading] = {}
        found: list[Problem] = []
        window_seconds = settings.gate.window_seconds
        try:
            client = prometheus.connect(settings.prometheus, kube)
            client.check()
            asked = prometheus.queries(settings.gate.application_queries)
            for name, space in view.namespaces.items():
                measured = prometheus.measure(client, asked, name, window_seconds, client.now_seconds())
                readings[name] = read(measured, owners_of(space.pods))
                found += baseline.outside_limits(settings.gate, readings[name], name)
        except prometheus.PrometheusError as error:
            return {}, list(error.problems)
        return baseline.as_dict(readings), found
