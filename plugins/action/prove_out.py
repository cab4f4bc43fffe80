"""meshroll.linkerd.prove_out: the end of a way back: nothing was left behind, no proxy that should not be there."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters.kube.look import look
    from meshroll.core.errors import Problem
    from meshroll.core.outcome import left_behind
    from meshroll.core.plan import plan_from
    from meshroll.core.releases import Edge
    from meshroll.core.scope import only
    from meshroll.core.settings import Settings
    from meshroll.core.upgrade.back import newer_left
    from meshroll.core.way_out import proxies_left


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"plan"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        plan = plan_from(args["plan"])
        problems = [Problem.from_dict(problem) for problem in self.run_context.left_behind]
        if plan.direction == "fallback" and not check_mode:
            view = look(self.connect(settings), plan.namespaces, settings.control_plane.namespace)
            problems += proxies_left(view)
        if plan.direction == "hop_back":
            view = look(self.connect(settings), plan.namespaces, settings.control_plane.namespace)
            problems += newer_left(view, only(settings, plan.namespaces), Edge.parse(str(plan.release)))
        if error := left_behind([*plan.conflicts, *problems]):
            raise error
        return {}
