"""meshroll.linkerd.preflight: one look, and every check asked. Changes nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import catalogue, linkerd_cli
    from meshroll.adapters.kube.look import look
    from meshroll.adapters.release import release_for
    from meshroll.core import checks
    from meshroll.core.errors import Problem, Refused
    from meshroll.core.facts import Facts, Hidden, LinkerdChecked
    from meshroll.core.model import ClusterView, ControlPlane
    from meshroll.core.prediction import Prediction, predict
    from meshroll.core.releases import Edge
    from meshroll.core.scope import caller_namespaces
    from meshroll.core.settings import Settings
    from meshroll.core.way_in import rollout_plan


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"only"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        self.stop_if_asked()
        rows = checks.for_looking(checks.named("--only", args.get("only") or []))
        accepted = self.accepted_checks(settings)
        self.events.say("stage", "Looking at the cluster", stage="look")
        for note in self.assumptions:
            self.events.say("line", note)
        kube = self.connect(settings)
        names = [namespace.name for namespace in settings.namespaces]
        own = settings.control_plane
        view = look(kube, names, own.namespace, caller_namespaces(settings), certificates=True)
        problems: tuple[Problem, ...] = ()
        try:
            edge = release_for(settings, view, kube.server_now().date())
        except Refused as error:
            # The other checks are asked all the same, of the newest release that is known.
            problems = error.problems
            edge = next(catalogue.read(settings.catalogue).newest_first()).version
        seen = self.seen(kube, view, settings, checks.needs(rows))
        if "linkerd_check" in checks.needs(rows):
            seen = replace(seen, linkerd_check=self.linkerd_checked(settings, view.control_plane))
        case = checks.Case(view, settings, "in", edge, facts=seen, release_problems=problems)
        asked = checks.check(case, rows, accepted)
        told = {"checks": checks.result(case, asked)}
        if blocking := checks.blocking_problems(asked):
            return {**failure(Refused(blocking)), **told}
        if not args.get("only") and names:
            told["checks"]["predicted"] = msgspec.to_builtins(self.predict(view, settings, edge, seen))
        return told

    def linkerd_checked(self, settings: Settings, plane: ControlPlane) -> tuple[LinkerdChecked, ...] | Hidden:
        if not plane.installed:
            return Hidden("Linkerd is not installed")
        reached = partial(self.for_child, settings, self.folder())
        return linkerd_cli.check(reached, plane.namespace, plane.release)

    def predict(self, view: ClusterView, settings: Settings, edge: Edge, seen: Facts) -> Prediction:
        """Of a rollout from here on: where something blocks there is none to tell of."""
        plan = rollout_plan(view, settings, edge, self.run_context.id, (), ())
        return predict(plan, view, settings, seen)
