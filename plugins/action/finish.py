"""meshroll.linkerd.finish: close the journal, free the lock, write the cluster's part of the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import upgrade
    from meshroll.adapters.events import now
    from meshroll.adapters.kube.journal import Journal
    from meshroll.adapters.kube.look import look
    from meshroll.adapters.result_file import add_cluster
    from meshroll.core.certificate_dates import Dated, warnings
    from meshroll.core.drill.judge import of_drills
    from meshroll.core.drill.model import Drilled
    from meshroll.core.errors import ExitCode, MeshrollError, Problem, UsageError
    from meshroll.core.history import left_open, run_beginning
    from meshroll.core.journal import Record
    from meshroll.core.mesh_identity import MeshIdentity, breaking, doubtful
    from meshroll.core.notices import TOLD_OF
    from meshroll.core.notices import ended as notice_of
    from meshroll.core.outcome import (
        Outcome,
        after_failure,
        after_rollback,
        closed,
        end_unseen,
        of_verify,
        still_open,
        unread,
    )
    from meshroll.core.plan import plan_from
    from meshroll.core.prediction import Prediction
    from meshroll.core.release_answer import release_status
    from meshroll.core.runs import run_detail, run_rows
    from meshroll.core.settings import Settings
    from meshroll.core.status import cluster_status
    from meshroll.core.summary import ended, tells
    from meshroll.core.uninstall import Removal, lines
    from meshroll.core.upgrade.calendar import Due
    from meshroll.core.upgrade.told import told as told_upgrade

NOTHING_SEEN: dict[str, Any] = {"release": None, "kubernetes_version": None, "namespaces": []}


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset(
        {
            "command",
            "plan",
            "failure",
            "taken_back",
            "rollback_failure",
            "rollback_plan",
            "verdicts",
            "run",
            "report",
            "releases",
            "checks",
            "settings",
            "rbac",
            "schedule",
            "removal",
            "upgrade",
            "drills",
        }
    )

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        cluster, begun, command = self.run_context.cluster, self.run_context.begun, args["command"]
        failed, releases, told = args.get("failure"), args.get("releases"), tells(command)
        from_inventory = {key: args[key] for key in ("settings", "rbac", "schedule") if args.get(key)}
        record: Record | None = None
        runs: list[Record] = []
        shown: Record | None = None
        dates: Sequence[Dated] = ()
        mesh = MeshIdentity()
        calendar: Due | None = None
        open_elsewhere: list[Problem] = []
        status = {**NOTHING_SEEN, **(release_status(releases) if releases else {})}
        outcome, written = Outcome(ExitCode.SUCCESS, (), False), False
        if failed:
            known = unread(failed, cluster) if begun else after_failure(failed, False, cluster)
            outcome = self.end_of_failed(known, args)
        try:
            # Where a run failed before it began, the cluster may be the very thing that does not answer. And what
            # is known of releases was read already, or needs no cluster.
            if begun or not (failed or releases or from_inventory):
                with self.working(settings) as work:
                    kube, record = work.kube, work.record
                    if failed:
                        outcome = self.end_of_failed(self.known_end(failed, work.journal), args)
                    if record:
                        record = closed(record, outcome, now())
                        work.journal.write(record)
                        written = True
                        self.prune(work.journal)
                if record:
                    self.lock(kube).release()
                names = [namespace.name for namespace in settings.namespaces]
                if told.standing:
                    view = look(kube, names, settings.control_plane.namespace, certificates=told.certificates)
                    status, dates, mesh = cluster_status(view), view.certificates, view.identity
                runs = work.journal.read() if told.runs else []
                if told.calendar:
                    calendar = upgrade.calendar(kube, settings, view, runs)
                if command == "resume" and outcome.exit_code == ExitCode.SUCCESS:
                    open_here, open_elsewhere = left_open(work.journal.read(), names)
                    outcome = still_open(outcome, open_here)
                shown = run_beginning(runs, args["run"]) if args.get("run") else None
        except MeshrollError as error:
            # Once the journal is closed the end is known; that the cluster cannot be shown any more is only said.
            self.events.say("line", str(error), level="warning")
            if not written:
                outcome = end_unseen(outcome, error, begun, bool(failed))
        if command == "verify":
            outcome = of_verify(outcome)
        drills = msgspec.convert(args.get("drills") or [], list[Drilled])
        if outcome.exit_code == ExitCode.SUCCESS:
            outcome = of_drills(drills)
        plan = plan_from(args["plan"]) if args.get("plan") else None
        verdicts = [*self.run_context.verdicts, *(args.get("verdicts") or [])]
        entry = ended(cluster, outcome, record, plan, status, command, check_mode, verdicts)
        entry["conversions"] = list(self.run_context.conversions)
        entry["summary"] += [f"{problem.message} {problem.hint}" for problem in open_elsewhere]
        entry["summary"] += (args.get("rollback_plan") or {}).get("notes", [])
        if told.runs:
            entry["runs"] = run_rows(runs)
        if told.certificates:
            entry["certificates"] = msgspec.to_builtins(dates)
            entry["summary"] += warnings(dates)
            wrong = [*breaking(mesh), *doubtful(mesh)]
            entry["summary"] += [f"{problem.message} {problem.hint}" for problem in wrong]
        if calendar:
            entry["upgrade"] = {"due": msgspec.to_builtins(calendar), "hops": []}
            entry["summary"].append(calendar.why)
        if shown:
            entry["run"] = run_detail(shown)
        if args.get("removal"):
            entry["removal"] = args["removal"]
            if outcome.exit_code == ExitCode.SUCCESS:
                entry["summary"] += lines(msgspec.convert(args["removal"], Removal), check_mode)
        if args.get("upgrade"):
            due, hops = args["upgrade"]["due"], args["upgrade"]["hops"]
            entry["upgrade"] = msgspec.to_builtins(told_upgrade(due, hops, record, outcome.exit_code))
        if drills:
            entry["drills"] = msgspec.to_builtins(drills)
        if args.get("report"):
            entry["report"] = args["report"]
        if releases:
            entry["releases"] = releases
        if args.get("checks"):
            entry |= args["checks"]
            if predicted := args["checks"].get("predicted"):
                entry["summary"].append(msgspec.convert(predicted, Prediction).line)
        entry |= from_inventory
        result = self.write(command, entry, outcome)
        if command in TOLD_OF and not check_mode:
            started_at, problems = (
                record.started_at if record else self.run_context.started_at,
                outcome.problems,
            )
            names = record.namespaces if record else [namespace.name for namespace in settings.namespaces]
            notice = notice_of(
                entry, problems, command, self.run_context.id, names, started_at or now(), now(), begun
            )
            if notice:
                self.notify(settings, notice)
        return result

    def prune(self, journal: Journal) -> None:
        """Old runs that cannot be dropped now are dropped after the next one."""
        try:
            journal.prune()
        except MeshrollError as error:
            self.warn(f"Old runs were not dropped: {error}")

    def end_of_failed(self, known: Outcome, args: dict[str, Any]) -> Outcome:
        return after_rollback(
            known, args["taken_back"], args.get("rollback_failure"), self.run_context.cluster
        )

    def act_without_settings(self, args: dict[str, Any], error: UsageError) -> dict[str, Any]:
        """The inventory is what failed; the result still says so."""
        outcome = Outcome(error.exit_code, error.problems, False)
        entry = ended(self.run_context.cluster, outcome, None, None, NOTHING_SEEN, args["command"], False)
        return self.write(args["command"], entry, outcome)

    def write(self, command: str, entry: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
        errors = [{**problem.as_dict(), "cluster": self.run_context.cluster} for problem in outcome.problems]
        try:
            add_cluster(self.run_context, command, entry, errors)
        except OSError as error:  # the journal has how the run ended; whoever wanted the file may be gone
            self.events.say("line", f"The result file could not be written: {error}", level="warning")
        for line in entry["summary"]:
            self.events.say("summary", line)
        return {"cluster": entry}
