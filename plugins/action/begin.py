"""meshroll.linkerd.begin: take the cluster's lock and open the run's journal."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.adapters.events import now
from meshroll.adapters.kube.journal import Journal
from meshroll.core.journal import Record, carried_over
from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"command", "release"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        if check_mode:
            return {}
        kube = self.connect(settings)
        self.lock(kube).acquire()
        journal = Journal(kube)
        namespaces = [namespace.name for namespace in settings.namespaces]
        records = [record for record in journal.read() if record.run_id != self.run_context.id]
        pending, acknowledged, changes = carried_over(records, namespaces)
        forward = args["command"] == "rollout"
        journal.write(
            Record(
                run_id=self.run_context.id,
                command=args["command"],
                holder=self.holder(),
                namespaces=namespaces,
                started_at=self.run_context.started_at or now(),
                release=args.get("release"),
                changes=changes if forward else [],
                pending=pending if forward else [],
                acknowledged=acknowledged,
            )
        )
        return {"changed": True, "ansible_facts": {**self.identity, "meshroll_begun": True}}
