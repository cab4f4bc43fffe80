"""meshroll.linkerd.certificates: renew the issuer where it is due, and prove that identity has the new one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters import issuer_update, renewal
    from meshroll.core.errors import Refused
    from meshroll.core.moments import rfc3339
    from meshroll.core.renewal import Renewal, decide
    from meshroll.core.renewal_seen import Seen
    from meshroll.core.settings import Settings

STAGE = "certificates"


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"phase"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        if args["phase"] != "renew":
            raise AssertionError(f"there is no phase {args['phase']}")
        self.stop_if_asked()
        with self.working(settings) as work:
            seen = renewal.see(work.kube, settings.control_plane.namespace, settings.certificates)
            wanted = decide(seen, work.kube.server_now())
            for note in wanted.notes:
                self.events.say("line", note, level="warning", stage=STAGE)
            if wanted.problems:
                raise Refused(wanted.problems)
            proved_by = None
            if wanted.due and not check_mode:
                proved_by = self.renew(work, settings, seen, wanted)
        return {
            "changed": wanted.due,
            "certificates": {
                "action": wanted.action,
                "ends_at": _text(wanted.ends_at),
                "until": _text(wanted.until),
                "proved_by": proved_by,
                "notes": list(wanted.notes),
            },
        }

    def renew(self, work: Work, settings: Settings, seen: Seen, wanted: Renewal) -> str:
        """What proved it: ``events`` of identity, or its ``restart``."""
        if wanted.action == "renew":
            self.events.say(
                "stage", f"Renewing the issuer, which ends on {_text(wanted.ends_at)}", stage=STAGE
            )
            files, run_id = settings.certificates, self.run_context.id
            since = renewal.write(work.kube, seen, files, wanted, run_id)
        else:
            self.events.say(
                "stage", "Seeing that identity has the issuer that a run has renewed", stage=STAGE
            )
            since = seen.unproved_since

        def between() -> None:
            work.check()
            self.stop_if_asked()

        def say(line: str) -> None:
            self.events.say("line", line, stage=STAGE)

        kube, own = work.kube, settings.control_plane
        update = issuer_update.Update(kube, own.namespace, since, own.timeout_seconds, say, between)
        proof = issuer_update.see_through(update)
        proved_by = "restart" if proof.restarted else "events"
        how = "it was restarted with it" if proof.restarted else "every pod of it said so"
        say(
            f"Identity has the issuer that ends on {_text(wanted.until)}: {how}. Proxies follow within a day."
        )
        return proved_by


def _text(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
