"""meshroll.linkerd.preflight: one look, and every check asked. Changes nothing."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, failure

from meshroll.adapters import catalogue
from meshroll.adapters.kube import facts
from meshroll.adapters.kube.look import look
from meshroll.adapters.release import release_for
from meshroll.core import checks
from meshroll.core.errors import Problem, Refused
from meshroll.core.scope import caller_namespaces
from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"only"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        self.stop_if_asked()
        rows = checks.named("--only", args.get("only") or [])
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
        seen = facts.see(kube, view, checks.needs(rows))
        case = checks.Case(view, settings, "in", edge, facts=seen, release_problems=problems)
        asked = checks.check(case, rows, accepted)
        told = {"checks": checks.result(case, asked)}
        if blocking := checks.blocking_problems(asked):
            return {**failure(Refused(blocking)), **told}
        return told
