"""meshroll.linkerd.conclude: what a failed task asks for: take the changes back, or leave them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.core.errors import MeshrollError, UsageError
from meshroll.core.outcome import after_failure
from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"failure"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        record = None
        if self.run_context.begun:
            with suppress(MeshrollError):
                _, record = self.record(self.connect(settings))
        outcome = after_failure(args["failure"], record, self.run_context.cluster)
        for problem in outcome.problems:
            self.events.say("line", f"{problem.message} {problem.hint}".strip(), level="error")
        if outcome.roll_back:
            self.events.say("stage", f"Taking it back to {settings.rollback_automatic}", stage="rollback")
        return {"roll_back": outcome.roll_back, "to": settings.rollback_automatic}

    def act_without_settings(self, args: dict[str, Any], error: UsageError) -> dict[str, Any]:
        """Without settings nothing was begun, so nothing is taken back."""
        return {"roll_back": False, "to": "fallback"}
