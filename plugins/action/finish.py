"""meshroll.linkerd.finish: close the journal, free the lock, write the cluster's part of the result."""

from __future__ import annotations

from typing import Any

import msgspec
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction

from meshroll.adapters.events import now
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.journal import Journal
from meshroll.adapters.kube.look import look
from meshroll.adapters.result_file import add_cluster
from meshroll.core.errors import ExitCode, MeshrollError, Problem, UsageError
from meshroll.core.outcome import Outcome, after_failure, after_rollback, of_verify
from meshroll.core.plan import plan_from
from meshroll.core.settings import Settings
from meshroll.core.status import cluster_status
from meshroll.core.summary import ended, run_rows


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"command", "plan", "failure", "rollback_failure", "baseline"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        cluster = self.run_context.cluster
        kube: Kube | None = None
        record = None
        status: dict[str, Any] = {"release": None, "kubernetes_version": None, "namespaces": []}
        outcome = Outcome(ExitCode.SUCCESS, (), False)
        try:
            kube = self.connect(settings)
            journal, record = self.record(kube)
            status = cluster_status(
                look(kube, [n.name for n in settings.namespaces], settings.control_plane.namespace)
            )
        except MeshrollError as error:
            outcome = Outcome(error.exit_code, error.problems, False)
        if args.get("failure"):
            outcome = after_failure(args["failure"], record, cluster)
            outcome = after_rollback(outcome, args.get("rollback_failure"), cluster)
        if args["command"] == "verify":
            outcome = of_verify(outcome)
        if kube and record:
            paused_at = record.pending if outcome.exit_code == ExitCode.PAUSED else []
            record = msgspec.structs.replace(
                record,
                state=outcome.state,
                finished_at=now(),
                paused_at=paused_at,
                reason=outcome.problems[0].message if outcome.problems else None,
            )
            journal.write(record)
            self.lock(kube).release()
        plan = plan_from(args["plan"]) if args.get("plan") else None
        entry = ended(cluster, outcome, record, plan, status, args["command"], check_mode)
        if kube and args["command"] in ("status", "runs"):
            entry["runs"] = run_rows(Journal(kube).read())
        add_cluster(
            self.run_context, args["command"], entry, [self.located(p).as_dict() for p in outcome.problems]
        )
        for line in entry["summary"]:
            self.events.say("line", line)
        return {"cluster": entry}

    def act_without_settings(self, args: dict[str, Any], error: UsageError) -> dict[str, Any]:
        """The inventory is what failed; the result still says so."""
        outcome = Outcome(error.exit_code, error.problems, False)
        status = {"release": None, "kubernetes_version": None, "namespaces": []}
        entry = ended(self.run_context.cluster, outcome, None, None, status, args["command"], False)
        errors = [self.located(problem).as_dict() for problem in error.problems]
        add_cluster(self.run_context, args["command"], entry, errors)
        return {"cluster": entry}

    def located(self, problem: Problem) -> Problem:
        return Problem.from_dict({**problem.as_dict(), "cluster": self.run_context.cluster})
