"""meshroll.linkerd.control_plane: what an install of Linkerd needs before Helm, and the proof that it is up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters import helm, install, readiness
    from meshroll.core.chart_values import failure_policy
    from meshroll.core.errors import RollbackFailed
    from meshroll.core.install import failed
    from meshroll.core.releases import Edge
    from meshroll.core.settings import Settings

STAGE = "control_plane"


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"phase", "release", "values", "failure"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        self.stop_if_asked()
        namespace = settings.control_plane.namespace
        with self.working(settings) as work:
            if args["phase"] == "prepare":
                return self.prepare(work, settings, Edge.parse(args["release"]), check_mode)
            if args["phase"] == "verify":
                return self.verify(work, settings, args["release"], args["values"])
            seen = install.see(work.kube, namespace)
        # Nothing on the way in was judged or restarted, so there is nothing to take back; but it is not done either.
        raise RollbackFailed(failed(args["failure"], seen))

    def prepare(self, work: Work, settings: Settings, edge: Edge, check_mode: bool) -> dict[str, Any]:
        """Namespace, Gateway API and identity made; the charts' archives and values for Helm returned."""
        namespace, now = settings.control_plane.namespace, datetime.now(UTC)
        seen = install.see(work.kube, namespace)
        if seen.installed:
            self.events.say("line", f"Linkerd is there, in namespace {namespace}: left alone.", stage=STAGE)
            return {"install": False, "changes": []}
        again = " (going on with one that was not finished)" if seen.unfinished else ""
        self.events.say("stage", f"Installing Linkerd {edge}{again}", stage=STAGE)
        folder = self.folder()
        wanted = install.plan(seen, settings, edge, folder, now)
        for line in wanted.identity.warnings:
            self.events.say("line", line, level="warning", stage=STAGE)
        if not check_mode:
            install.carry_out(work.kube, wanted, now, work.check)
        return {
            "changed": True,
            "install": True,
            "changes": wanted.rows,
            "profile": wanted.profile,
            **helm.for_tasks(
                wanted.helm_binary,
                folder,
                self.for_child(settings, folder),
                settings.api,
                namespace,
                wanted.charts,
                wanted.values,
            ),
        }

    def verify(self, work: Work, settings: Settings, release: str, values: dict[str, Any]) -> dict[str, Any]:
        """The control plane is up and its webhook answers, or Failed says what is not."""
        own, kube, keep = settings.control_plane, work.kube, work.check
        injectors = readiness.wait_up(kube, own.namespace, own.timeout_seconds, self.report(STAGE), keep)
        answer = readiness.webhook(kube, keep)
        readiness.refuse_unsafe(injectors, failure_policy(values), answer)
        if answer.kind == "unknown":
            line = f"Whether the webhook answers could not be tried: {answer.said}"
            self.events.say("line", line, level="warning", stage=STAGE)
        readiness.finished(kube, own.namespace)
        self.events.say("line", f"Linkerd {release} is up, with {injectors} injectors Ready.", stage=STAGE)
        return {"injectors_ready": injectors, "webhook": answer.kind}
