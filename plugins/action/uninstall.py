"""meshroll.linkerd.uninstall: refuse while Linkerd is needed, remove its webhooks before Helm works, prove the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import helm, uninstall
    from meshroll.core.errors import Problem, Refused, UsageError
    from meshroll.core.history import UNINSTALL, fingerprint
    from meshroll.core.settings import Settings
    from meshroll.core.uninstall import problems, removal

STAGE = "uninstall"


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"phase", "crds", "namespace", "releases"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        own = settings.control_plane
        if args["phase"] == "look":
            # Once begun it is one step of seconds, and nothing between its parts is worth stopping at.
            self.stop_if_asked()
            return self.look(settings, bool(args.get("crds")), args.get("namespace"), check_mode)
        with self.working(settings) as work:
            if args["phase"] == "webhooks":
                self.events.say("stage", "Removing Linkerd's webhooks", stage=STAGE)
                uninstall.remove_webhooks(work.kube, own.namespace, work.check)
            elif args["phase"] == "releases":
                self.remove(settings, args["releases"], work)
            else:
                uninstall.wait_gone(work.kube, own.namespace, own.timeout_seconds, work.check)
        return {"changed": True}

    def remove(self, settings: Settings, releases: list[str], work: Work) -> None:
        folder = self.folder()
        variables = helm.environment(folder, settings.api)
        binary = helm.usable(settings.control_plane.helm_binary, variables)
        cluster = self.for_child(settings, folder)
        for name in releases:
            work.check()
            self.events.say("stage", f"Removing {name}", stage=STAGE)
            helm.uninstall(binary, variables, cluster, settings.control_plane.namespace, name)

    def look(self, settings: Settings, crds: bool, namespace: str | None, check_mode: bool) -> dict[str, Any]:
        """What goes and what stays, and what the rest of the playbook goes by. Raises Refused, Locked, UsageError."""
        if namespace:
            raise UsageError(
                Problem(
                    "namespace-given",
                    "An uninstall is of whole clusters: every namespace loses its control plane.",
                    f"Leave -n out; `meshroll rollback -n {namespace}` takes one namespace off the mesh.",
                )
            )
        self.events.say("stage", "Looking at the cluster", stage="look")
        kube, own = self.connect(settings), settings.control_plane
        if not check_mode:
            self.lock(kube).refuse_if_held()
        records = self.journal(kube).read()
        seen = uninstall.see(kube, own.namespace, records, settings.certificates.anchor_key_file)
        found = problems(seen, crds, datetime.now(UTC))
        wanted = removal(seen, crds, uninstall.count(kube, seen.helm_crds) if crds else {})
        if wanted.helm_releases:
            try:
                helm.usable(own.helm_binary, helm.environment(self.folder(), settings.api))
            except Refused as error:
                found += error.problems
        if found:
            raise Refused(found)
        # What `begin` opens the journal with: an uninstall is of no namespace, and nothing of it is undone.
        return {
            "removal": msgspec.to_builtins(wanted),
            "direction": UNINSTALL,
            "namespaces": [],
            "steps": [*wanted.webhooks, *wanted.helm_releases],
            "asked": {"crds": wanted.crds},
            "release": None,
            "baseline": {},
            "history": fingerprint(records),
            "waived": [],
            "nothing_to_do": wanted.nothing_to_do,
        }
