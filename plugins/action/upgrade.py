"""meshroll.linkerd.upgrade: decide the hops, begin each, close it, and take the last one back."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import catalogue, helm, readiness, renewal, upgrade
    from meshroll.adapters.baseline import measure_before
    from meshroll.adapters.charts import ChartSource
    from meshroll.adapters.kube import facts as seeing
    from meshroll.core import checks
    from meshroll.core.breaking_changes import met
    from meshroll.core.chart_values import CONTROL_PLANE_CHART, merged
    from meshroll.core.errors import Failed, Paused, Problem, Refused, RollbackFailed, UsageError
    from meshroll.core.gate import baseline
    from meshroll.core.history import fingerprint
    from meshroll.core.hop_history import UPGRADE, begun, carried_baseline, done, hop_entries, open_upgrade
    from meshroll.core.journal import Record
    from meshroll.core.plan import to_builtins
    from meshroll.core.release_policy import Bounds
    from meshroll.core.releases import Edge
    from meshroll.core.renewal import decide as decide_renewal
    from meshroll.core.resume import Rule
    from meshroll.core.scan import refuse_unknown, scan
    from meshroll.core.settings import Settings
    from meshroll.core.upgrade.back import back_plan, newer_outside
    from meshroll.core.upgrade.data_plane import hop_plan, meshed_only, narrowed, there_only
    from meshroll.core.upgrade.decision import Asked, Decision, decide
    from meshroll.core.upgrade.hits import Hits, hits
    from meshroll.core.upgrade.way import outside

STAGE = "control_plane"


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"phase", "to", "scheduled", "namespace", "why"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        phase = args["phase"]
        if phase == "look":
            self.stop_if_asked()
            return self.look(args, settings, check_mode)
        if phase == "turn_back":
            raise Failed(Problem("upgrade-turned-back", args["why"], "Its last hop is taken back."))
        if phase == "hop":
            self.stop_if_asked()
        with self.working(settings) as work:
            if work.record is None:
                raise AssertionError("nothing but a look is done before the run has begun")
            if phase == "hop":
                return self.hop(work, work.record, settings, Edge.parse(args["to"]))
            if phase == "done":
                work.journal.write(done(work.record))
                return {}
            if phase == "back":
                return self.back(work, work.record, settings)
            return self.plan_back(work, work.record, settings)

    def look(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        """What the rest of the playbook goes by. Raises Refused with all reasons at once, UsageError, Locked."""
        if args.get("namespace"):
            raise UsageError(
                Problem(
                    "namespace-given",
                    "An upgrade is of whole clusters: their control plane serves every namespace.",
                    "Leave -n out; meshroll_namespaces says whose proxies are brought up.",
                )
            )
        self.events.say("stage", "Looking at the cluster", stage="look")
        kube, own, changes = self.connect(settings), settings.control_plane, catalogue.breaking_changes()
        refuse_unknown(settings.upgrade.accept, changes)
        if not check_mode:
            self.lock(kube).refuse_if_held()
        records = self.journal(kube).read()
        standing = upgrade.see(kube, settings, records)
        settings = meshed_only(standing.view, settings)
        now, known = kube.server_now(), catalogue.read(settings.catalogue)
        source = ChartSource.read(own.chart_source, known)
        decision = decide(
            standing,
            settings,
            known,
            Bounds(settings.release, now.date(), standing.view.kubernetes_version, source.edges),
            changes,
            Asked(args.get("to"), bool(args.get("scheduled"))),
            Rule(self.run_context.on_inconclusive, settings.gate.paused_max_seconds, ""),
            now,
            self.run_context.id,
            decide_renewal(renewal.see(kube, own.namespace, settings.certificates), now),
        )
        problems, notes = list(decision.problems), list(decision.plan.notes)
        given = own.values
        if decision.hops and CONTROL_PLANE_CHART in standing.helm:
            preparing = upgrade.Preparing(kube, standing, settings, source)
            given = merged(preparing.running.values, own.values)
            for edge in decision.hops:
                try:
                    notes += preparing.prepare(edge, self.folder()).notes
                except Refused as error:
                    problems += [each for each in error.problems if each not in problems]
        found = Hits()
        if decision.described:
            earlier = open_upgrade(records)
            taken = earlier.open_hop.to if earlier and earlier.open_hop else None
            rows = checks.that_weigh("upgrade")
            facts = seeing.see(kube, standing.view, seeing.SCANNED | checks.needs(rows), given)
            found = hits(decision.described, taken, facts, settings.upgrade.accept, own.chart_source)
            case = checks.Case(standing.view, settings, "upgrade", decision.hops[0], facts=facts)
            asked = checks.check(case, rows)
            problems += found.problems
            if not taken:  # what needs no facts was asked by the decision
                problems += checks.blocking_problems([each for each in asked if each.check.needs])
            notes += [*found.notes, *checks.lines(asked)]
        signals: dict[str, Any] = {}
        if decision.hops and not problems:
            view = narrowed(standing.view, settings)
            signals, problems = measure_before(
                kube, settings, view, carried_baseline(records), self.warn, is_compared=not check_mode
            )
        if problems:
            raise Refused(problems)
        if check_mode and decision.hops:
            way = " -> ".join([decision.due.release, *map(str, decision.hops)])
            notes.insert(0, f"The way is {way}; the plan is of the first hop.")
        return self.looked(decision, records, settings, args, notes, signals, found)

    def looked(
        self,
        decision: Decision,
        records: list[Record],
        settings: Settings,
        args: dict[str, Any],
        notes: list[str],
        signals: dict[str, Any],
        found: Hits,
    ) -> dict[str, Any]:
        names = [namespace.name for namespace in settings.namespaces]
        return {
            "plan": {**to_builtins(decision.plan), "notes": list(dict.fromkeys(notes)), "namespaces": names},
            "direction": UPGRADE,
            "namespaces": names,
            "steps": [f"To {edge}" for edge in decision.hops],
            "asked": {
                "to": args.get("to"),
                "scheduled": bool(args.get("scheduled")),
                "accepted": msgspec.to_builtins(found.accepted),
            },
            "release": decision.due.target,
            "baseline": signals,
            "history": fingerprint(records),
            "waived": list(decision.waived),
            "hops": [str(edge) for edge in decision.hops],
            "turn_back": decision.turn_back,
            "renewal": decision.renews,
            "upgrade": {"due": to_builtins(decision.due), "hops": [str(edge) for edge in decision.hops]},
            "nothing_to_do": not decision.to_do,
        }

    def hop(self, work: Work, record: Record, settings: Settings, edge: Edge) -> dict[str, Any]:
        """Begins the hop to ``edge``, or goes on with it: what Helm is to be given, and the steps that follow.

        Raises Paused where a later hop may not begin: those before it are done and stay.
        """
        self.events.say("stage", f"Hop to {edge}", stage=STAGE)
        try:
            return self.begin_hop(work, record, settings, edge)
        except Refused as error:
            if record.hops and record.open_hop is None:
                raise Paused(error.problems) from error
            raise

    def begin_hop(self, work: Work, record: Record, settings: Settings, edge: Edge) -> dict[str, Any]:
        own, folder = settings.control_plane, self.folder()
        standing = upgrade.see(work.kube, settings, [])
        settings = meshed_only(standing.view, settings)
        taken = standing.hop(record, edge)
        signals: dict[str, Any] = to_builtins(record.baseline)
        if record.hops and record.open_hop is None:
            signals, problems = measure_before(
                work.kube, settings, narrowed(standing.view, settings), {}, self.warn
            )
            if problems:
                raise Refused(problems)
        result: dict[str, Any] = {"changed": True, "control_plane": taken.revision is not None}
        if result["control_plane"]:
            source = ChartSource.read(own.chart_source, catalogue.read(settings.catalogue))
            preparing = upgrade.Preparing(work.kube, standing, settings, source)
            if record.open_hop is None:
                # Earlier hops, and whoever else works here, may have changed what this one hits.
                facts = seeing.see(
                    work.kube, standing.view, seeing.SCANNED, merged(preparing.running.values, own.values)
                )
                changes = met(catalogue.breaking_changes(), Edge.parse(taken.start), edge)
                if problems := scan(changes, facts, settings.upgrade.accept).problems:
                    raise Refused(problems)
            helm.drop(work.kube, standing.records_to_drop(record, work.kube.server_now()))
            prepared = preparing.prepare(edge, folder)
            result["prepared"] = helm.for_tasks(
                prepared.helm_binary,
                folder,
                self.for_child(settings, folder),
                settings.api,
                own.namespace,
                prepared.charts,
                prepared.values,
            )
        new = result["control_plane"] and record.open_hop is None
        plan = hop_plan(standing.view, settings, edge, record.run_id, record.pending, new)
        record = msgspec.structs.replace(begun(record, taken, plan), baseline=baseline.typed(signals))
        work.journal.write(record)
        return {**result, "plan": to_builtins(plan), "baseline": signals}

    def back(self, work: Work, record: Record, settings: Settings) -> dict[str, Any]:
        """The control plane as it was before the hop: only its injector makes proxies of that release."""
        hop, own = record.open_hop, settings.control_plane
        if hop is None or hop.revision is None:
            return {}
        self.events.say("stage", f"Control plane back to {hop.start}", stage="rollback")
        folder = self.folder()
        variables = helm.environment(folder, settings.api)
        binary = helm.usable(own.helm_binary, variables)
        cluster = self.for_child(settings, folder)
        upgrade.roll_back(work.kube, binary, variables, cluster, own.namespace, hop, work.check)
        readiness.wait_up(work.kube, own.namespace, own.timeout_seconds, self.report(STAGE), work.check)
        answer = readiness.webhook(work.kube, work.check)
        if answer.kind == "silent":
            raise RollbackFailed(
                Problem("webhook-silent", f"The injector of {hop.start} gives no proxy: {answer.said}", "")
            )
        return {"changed": True}

    def plan_back(self, work: Work, record: Record, settings: Settings) -> dict[str, Any]:
        hop = record.open_hop
        if hop is None:
            raise AssertionError("it is only asked for where a hop is taken back")
        entries = hop_entries(work.journal.read(), record)
        standing = upgrade.see(work.kube, settings, [])
        # Also those without a pod by now: their templates go back too.
        settings = there_only(standing.view, settings)
        names = [namespace.name for namespace in settings.namespaces]
        start = Edge.parse(hop.start)
        plan = back_plan(standing.view, settings, entries, start, record.run_id)
        notes = newer_outside(outside(standing.pods, standing.view, settings), start)
        return {"plan": {**to_builtins(plan), "namespaces": names, "notes": notes}}
