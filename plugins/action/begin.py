"""meshroll.linkerd.begin: take the cluster's lock and open the run's journal."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters.kube.lock import under_two_names
    from meshroll.core.errors import MeshrollError
    from meshroll.core.history import Looked, opened
    from meshroll.core.notices import TOLD_OF, begun
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"looked"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        if check_mode:
            return {}
        looked, run_id = msgspec.convert(args["looked"], Looked), self.run_context.id
        kube = self.connect(settings)
        lock = self.lock(kube)
        theft = lock.acquire()
        try:
            with lock.kept():
                journal = self.journal(kube.fenced(lock.fence))
                others = self.history(journal, looked.direction)
                if any(each.run_id == run_id for each in others):
                    raise under_two_names()
                now = kube.server_now()
                own, *left = opened(looked, run_id, self.holder(), now, others, theft)
                for record in (own, *left):
                    journal.write(record)
                if own.command in TOLD_OF:
                    self.notify(settings, begun(own, self.run_context.cluster))
        except MeshrollError:
            with suppress(MeshrollError):  # else it lapses by itself
                lock.release()
            raise
        return {"changed": True, "ansible_facts": {**self.identity, "meshroll_begun": True}}
