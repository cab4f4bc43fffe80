"""meshroll.linkerd.callers: find callers in traffic that nobody listed, before a client holds its connection."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters import prometheus
    from meshroll.adapters.kube.look import look
    from meshroll.core.accounting import traffic_problems
    from meshroll.core.errors import Paused
    from meshroll.core.gate.reading import read
    from meshroll.core.gate.subjects import owners_of
    from meshroll.core.plan import step_from
    from meshroll.core.scope import caller_namespaces
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"step"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        step = step_from(args["step"])
        namespace = next(item for item in settings.namespaces if item.name == step.namespace)
        kube = self.connect(settings)
        view = look(kube, [step.namespace], settings.control_plane.namespace, caller_namespaces(settings))
        client = prometheus.connect(settings.prometheus, kube, self.warn)
        asked = prometheus.queries()
        window = settings.gate.window_seconds
        measured = prometheus.measure(client, asked, step.namespace, window, client.now_seconds())
        signals = read(measured, owners_of(view.namespaces[step.namespace].pods)).signals
        problems = traffic_problems(view, namespace, signals)
        if problems:
            raise Paused(problems)
        return {}
