"""meshroll.linkerd.rbac: the smallest Roles that a command needs, from the inventory alone."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.core.roles import notes, roles, subject_of
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"command", "service_account", "group", "user"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        command = args["command"]
        subject = subject_of(*(args.get(name) for name in ("service_account", "group", "user")))
        objects = roles(command, settings, subject)
        return {"rbac": {"command": command, "notes": notes(command), "objects": objects}}
