"""meshroll.linkerd.schedule: what a job for scheduled upgrades has to know, from the inventory alone."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.core.roles import subject_of
    from meshroll.core.schedule import job_of
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"service_account"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        subject = subject_of(args["service_account"], None, None)
        return {"schedule": msgspec.to_builtins(job_of(settings, self.run_context.cluster, subject))}
