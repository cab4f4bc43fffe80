"""meshroll.linkerd.replay: judge again what the gates of an earlier run measured, by the policy of now."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.core.history import run_named
    from meshroll.core.replay import replay
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"run"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        journal = self.journal(self.connect(settings))
        record = run_named(journal.read(), args["run"])
        found = replay(record, journal.recordings(record), settings.gate)
        for wave in found.lost:
            self.warn(f"{wave}: what its gate measured is not there any more.")
        for verdict in found.verdicts:
            self.say_verdict(verdict)
        verdicts = [verdict.as_dict() for verdict in found.verdicts]
        if found.error:
            return {**failure(found.error), "verdicts": verdicts}
        return {"ansible_facts": {**self.identity, "meshroll_verdicts": verdicts}}
