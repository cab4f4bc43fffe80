"""meshroll.linkerd.gate: watch a step's workloads for one window, go on only if their signals are good."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, Work, failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.adapters import prometheus
    from meshroll.adapters.kube.client import Kube
    from meshroll.adapters.kube.journal import Journal
    from meshroll.adapters.kube.pods import list_pods
    from meshroll.core.errors import Interrupted, MeshrollError, Paused, Problem, Refused
    from meshroll.core.gate import baseline
    from meshroll.core.gate.ending import ending, unacted
    from meshroll.core.gate.observation import Look, Observation
    from meshroll.core.gate.reading import read
    from meshroll.core.gate.recording import Recording, recorded
    from meshroll.core.gate.subjects import Subject, owners_of, with_pods
    from meshroll.core.gate.verdict import Outcome, Verdict, nothing_to_judge
    from meshroll.core.journal import Line, Record, passed, pausing
    from meshroll.core.model import Pod
    from meshroll.core.plan import Step, step_from
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"step", "baseline"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        step = step_from(args["step"])
        if check_mode:
            return {"verdicts": [], "outcome": None}
        if not step.subjects:
            raise Paused(nothing_to_judge(step.namespace))
        before = baseline.from_dict(args.get("baseline") or {}, step.namespace)
        observation = Observation(settings.gate, settings.prometheus, before, step.title)
        self.events.say("stage", f"Gate: {step.title}", stage="gate")
        with self.working(settings) as work:
            self.between = work.check
            self._wait(settings.gate.settle_seconds, f"settling for {settings.gate.settle_seconds:.0f} s")
            try:
                verdict = self._observe(observation, work.kube, settings, step)
            except Interrupted:
                self._remember_stopped(observation, work, step)
                raise
            if work.record and settings.gate.dry_run:
                verdict = unacted(verdict)
            self.say_verdict(verdict)
            if work.record:
                record = self._with_line(
                    work.journal, work.record, recorded(observation, step.namespace, verdict)
                )
                self._remember(work.journal, record, step, verdict)
        found = {"verdicts": [verdict.as_dict()], "outcome": str(verdict.outcome)}
        if error := ending(verdict, step.namespace):
            return {**failure(error), **found}
        verdicts = [*self.run_context.verdicts, *found["verdicts"]]
        return {**found, "ansible_facts": {**self.identity, "meshroll_verdicts": verdicts}}

    def _with_line(self, journal: Journal, record: Record, recording: Recording) -> Record:
        """The record with the gate in it, whose measurements are kept."""
        verdict, kept = recording.verdict, journal.keep(record, recording)
        line = Line(verdict.wave, verdict.outcome, verdict.summary, kept, verdict.dry_run)
        return msgspec.structs.replace(record, verdicts=[*record.verdicts, line])

    def _remember_stopped(self, observation: Observation, work: Work, step: Step) -> None:
        """What was measured until then; the gate itself is looked at anew by `resume`. Raises nothing."""
        if work.record and observation.looks:
            recording = recorded(observation, step.namespace, observation.stopped())
            with suppress(MeshrollError):
                work.journal.write(self._with_line(work.journal, work.record, recording))

    def _remember(self, journal: Journal, record: Record, step: Step, verdict: Verdict) -> None:
        """Writes the gate down. A journal that cannot be written must not swallow a verdict that is known."""
        if ending(verdict, step.namespace) is None:
            journal.write(passed(record, step))
            return
        if verdict.outcome != Outcome.FAILED:
            record = pausing(record, step, "gate")
        try:
            journal.write(record)
        except MeshrollError as error:
            self.events.say("line", f"The journal could not be written: {error}", level="warning")

    def _observe(self, observation: Observation, kube: Kube, settings: Settings, step: Step) -> Verdict:
        """Looks every interval until the observation has its verdict."""
        client = prometheus.connect(settings.prometheus, kube, self.warn)
        asked = prometheus.queries(settings.gate.application_queries)
        begun = time.monotonic()
        while True:
            self._wait(
                observation.block_seconds, "" if observation.blocks else "waiting for the first scrapes"
            )
            elapsed = time.monotonic() - begun
            try:
                now_seconds = client.now_seconds()
                since_seconds = observation.measured_until_seconds or now_seconds - elapsed
                measured = prometheus.measure(
                    client, asked, step.namespace, now_seconds - since_seconds, now_seconds
                )
            except prometheus.PrometheusError as error:
                self.warn(str(error))
                look = self._unmeasured(kube, step, elapsed, error.problems[0])
            else:
                pods = self._pods(kube, step.namespace)
                look = Look(
                    elapsed_seconds=elapsed,
                    subjects=tuple(with_pods(step.subjects, pods)),
                    controls=None if step.controls is None else tuple(step.controls),
                    reading=read(measured, owners_of(pods)),
                )
                # Of many workloads it is tens of megabytes, and the next look would hold two of them.
                del measured
            verdict = observation.looked(look)
            if verdict:
                return verdict
            total = round(observation.window_seconds)
            self.events.say(
                "progress",
                f"watched {elapsed:.0f} s of {total} s" if elapsed < total else "waiting for enough traffic",
                stage="gate",
                done=min(round(elapsed), total),
                total=total,
            )

    def _unmeasured(self, kube: Kube, step: Step, elapsed_seconds: float, problem: Problem) -> Look:
        """The pods alone; not them either where the API server is away too, on which Prometheus may depend."""
        subjects: list[Subject] = []
        with suppress(Refused):
            subjects = with_pods(step.subjects, self._pods(kube.hurried(), step.namespace))
        return Look(
            elapsed_seconds=elapsed_seconds,
            subjects=tuple(subjects),
            controls=None if step.controls is None else tuple(step.controls),
            problem=problem.message,
            hint=problem.hint,
        )

    def _pods(self, kube: Kube, namespace: str) -> Sequence[Pod]:
        """Read at every look: an autoscaler may take a pod away in the middle of a window."""
        return [Pod(item) for item in list_pods(kube, f"/api/v1/namespaces/{namespace}/pods")]

    def _wait(self, seconds: float, why: str = "") -> None:
        """Sleeps in short pieces, so that a wish to stop is heard and the lock stays ours."""
        if why and seconds > 0:
            self.events.say("progress", why, stage="gate", done=None, total=None)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.stop_if_asked()
            self.between()
            time.sleep(min(1.0, left))
        self.stop_if_asked()
