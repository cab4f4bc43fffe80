"""meshroll.linkerd.begin: take the cluster's lock and open the run's journal."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.adapters.events import now
from meshroll.adapters.kube.journal import Journal
from meshroll.core.errors import Locked, MeshrollError, Problem
from meshroll.core.gate import baseline
from meshroll.core.history import fingerprint, inherited, taken_over
from meshroll.core.journal import Record
from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"looked"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        if check_mode:
            return {}
        looked = args["looked"]
        kube = self.connect(settings)
        lock = self.lock(kube)
        lock.acquire()
        try:
            self.open(self.journal(kube), looked)
        except MeshrollError:
            with suppress(MeshrollError):  # else it lapses by itself
                lock.release()
            raise
        return {"changed": True, "ansible_facts": {**self.identity, "meshroll_begun": True}}

    def open(self, journal: Journal, looked: dict[str, Any]) -> None:
        """Writes this run down, and that it has taken over from those that did not end."""
        own = self.run_context
        records = [record for record in self.history(journal, looked["direction"]) if record.run_id != own.id]
        if looked["history"] is not None and fingerprint(records) != looked["history"]:
            raise Locked(Problem("locked", "Another run worked on this cluster meanwhile.", "Run it again."))
        forward = looked["direction"] == "in"
        before = inherited(records, looked["namespaces"], looked["waived"])
        journal.write(
            Record(
                run_id=own.id,
                command="rollout" if forward else "rollback",
                holder=self.holder(),
                namespaces=looked["namespaces"],
                started_at=own.started_at or now(),
                release=looked["release"],
                asked=looked["asked"],
                plan=looked["steps"],
                heading="forward" if forward else "back",
                to=None if forward else looked["direction"],
                continues=[run.run_id for run in before.runs] if forward else [],
                pending=list(before.pending) if forward else [],
                acknowledged=list(before.answered),
                baseline=baseline.typed(looked["baseline"]),
            )
        )
        for record in taken_over(records, set(looked["namespaces"]), own.id):
            journal.write(record)
