"""meshroll.linkerd.releases: hold every release against the policy, with a cluster or without one. Changes nothing."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters import catalogue
    from meshroll.adapters.charts import ChartSource
    from meshroll.adapters.events import now
    from meshroll.adapters.kube.facts import SCANNED, see
    from meshroll.adapters.kube.look import look
    from meshroll.core.checks.cluster import running_edge
    from meshroll.core.errors import Problem, UsageError
    from meshroll.core.release_answer import Seen, answer
    from meshroll.core.release_policy import Bounds
    from meshroll.core.releases import Catalogue
    from meshroll.core.scan import Facts
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"look", "as_of"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        day = _day(args.get("as_of") or now()[:10])
        known = catalogue.read(settings.catalogue)
        bounds, seen = Bounds(settings.release, day), None
        if args.get("look"):
            bounds, seen = self.seen(settings, day, known)
        told, error = answer(known, bounds, catalogue.breaking_changes(), seen, settings.upgrade.accept)
        return {**(failure(error) if error else {}), "releases": told}

    def seen(self, settings: Settings, day: datetime.date, known: Catalogue) -> tuple[Bounds, Seen]:
        own = settings.control_plane
        self.events.say("stage", "Looking at the cluster and its chart source", stage="look")
        kube = self.connect(settings)
        view = look(kube, (), own.namespace)
        available = ChartSource.read(own.chart_source, known).edges
        installed = running_edge(view.control_plane) if view.control_plane.installed else None
        bounds = Bounds(settings.release, day, view.kubernetes_version, available)
        facts = see(kube, view, SCANNED, own.values) if installed else Facts(view)
        return bounds, Seen(installed, facts, own.chart_source)


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            Problem("run-variable-wrong", f"releases_as_of is {text!r}.", "It has to be a day, YYYY-MM-DD.")
        ) from error
