"""meshroll.linkerd.conclude: what a failed task asks for: take the changes back, or leave them."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.core.errors import Interrupted, MeshrollError, UsageError
    from meshroll.core.journal import turned_back, way_back
    from meshroll.core.outcome import Outcome, after_failure
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"failure"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        outcome = self.outcome(args["failure"], settings)
        for problem in outcome.problems:
            if not problem.code.startswith("gate-"):  # the verdict has said it
                self.events.say("line", f"{problem.message} {problem.hint}".strip(), level="error")
        to = settings.rollback_automatic
        if not outcome.roll_back:
            return {"roll_back": False, "to": to}
        try:
            with self.working(settings) as work:
                to = way_back(work.record, to)
                self.events.say("stage", f"Taking it back to {to}", stage="rollback")
                if work.record:
                    work.journal.write(turned_back(work.record, to))
        except Interrupted as error:
            # Somebody else works on the cluster now; what this run left is theirs to take back.
            self.warn(str(error))
            return {"roll_back": False, "to": to}
        except MeshrollError as error:
            self.warn(f"The journal could not be written: {error}")
        return {"roll_back": True, "to": to}

    def outcome(self, failed: dict[str, Any], settings: Settings) -> Outcome:
        cluster = self.run_context.cluster
        if not self.run_context.begun:
            return after_failure(failed, False, cluster)
        return self.known_end(failed, self.journal(self.connect(settings)))

    def act_without_settings(self, args: dict[str, Any], error: UsageError) -> dict[str, Any]:
        """Without settings nothing was begun, so nothing is taken back."""
        return {"roll_back": False, "to": "fallback"}
