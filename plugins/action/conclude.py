"""meshroll.linkerd.conclude: what a failed task asks for: take the changes back, or leave them."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.core.errors import MeshrollError, UsageError
from meshroll.core.outcome import Outcome, after_failure, unread
from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"failure"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        outcome = self.outcome(args["failure"], settings)
        for problem in outcome.problems:
            if not problem.code.startswith("gate-"):  # the verdict has said it
                self.events.say("line", f"{problem.message} {problem.hint}".strip(), level="error")
        if outcome.roll_back:
            self.events.say("stage", f"Taking it back to {settings.rollback_automatic}", stage="rollback")
        return {"roll_back": outcome.roll_back, "to": settings.rollback_automatic}

    def outcome(self, failed: dict[str, Any], settings: Settings) -> Outcome:
        cluster = self.run_context.cluster
        if not self.run_context.begun:
            return after_failure(failed, None, cluster)
        try:
            _, record = self.record(self.connect(settings))
        except MeshrollError:
            return unread(failed, cluster)
        return after_failure(failed, record, cluster)

    def act_without_settings(self, args: dict[str, Any], error: UsageError) -> dict[str, Any]:
        """Without settings nothing was begun, so nothing is taken back."""
        return {"roll_back": False, "to": "fallback"}
