"""meshroll.linkerd.report: read what a run did and what its gates measured, as data that a report is printed from."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import report
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"run"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        kube = self.connect(settings)
        found = report.read(kube, self.journal(kube), args["run"], self.run_context.cluster)
        return {"report": msgspec.to_builtins(found) if found else None}
