"""meshroll.linkerd.lock: take the cluster's lock from the run that holds it."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters.kube.lock import DURATION_SECONDS
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"reason"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        if check_mode:
            return {}
        kube = self.connect(settings)
        run_id = self.lock(kube).steal(self.holder(), args["reason"])
        self.events.say(
            "line", f"Taken from run {run_id or 'unknown'}; free for the next run in {DURATION_SECONDS} s."
        )
        return {"changed": True}
