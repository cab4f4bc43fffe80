"""meshroll.linkerd.probe: call a Service from inside the mesh, and judge which pods answered."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction, failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.adapters.kube.client import Kube
    from meshroll.adapters.kube.look import look
    from meshroll.adapters.kube.probe import run_probe
    from meshroll.core import checks
    from meshroll.core.errors import Problem, Refused, UsageError
    from meshroll.core.gate.ending import ending
    from meshroll.core.gate.verdict import Verdict
    from meshroll.core.probe import answers, target, verdict
    from meshroll.core.probe.job import CALLS, job_name
    from meshroll.core.settings import Settings


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"service"})

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        wanted = target.parse(str(args["service"]))
        if len(settings.namespaces) != 1:
            raise UsageError(
                Problem(
                    "namespace-not-given",
                    f"A probe goes to a Service of one namespace, and there are {len(settings.namespaces)}.",
                    "Use -n NAME.",
                )
            )
        (namespace,) = settings.namespaces
        kube = self.connect(settings)
        view = look(kube, [namespace.name], settings.control_plane.namespace)
        if found := checks.problems(checks.Case(view, settings, "probe")):
            raise Refused(found)
        aim = target.aim(wanted, view.namespaces[namespace.name])
        if check_mode:
            return {"verdicts": [], "outcome": None}
        judged = verdict.too_few(aim) or self._probe(kube, aim, settings)
        self.say_verdict(judged)
        told = {"verdicts": [judged.as_dict()], "outcome": str(judged.outcome)}
        if error := ending(judged, namespace.name):
            return {**failure(error), **told}
        return {**told, "ansible_facts": {**self.identity, "meshroll_verdicts": told["verdicts"]}}

    def _probe(self, kube: Kube, aim: target.Aim, settings: Settings) -> Verdict:
        self.events.say("stage", f"Probe: {CALLS} calls to {aim.name} in {aim.namespace}", stage="verify")
        run_id = self.run_context.id
        end = run_probe(kube, aim, settings.probe_image, run_id, self.stop_if_asked, self.warn)
        found = None if end.message is None else answers.parse(end.message)
        if found is None:
            why = end.why or f"its script said {end.message!r}"
            hint = f"`kubectl -n {aim.namespace} get events | grep {job_name(run_id)}` may say more."
            return verdict.unmeasured(aim, why, hint)
        return verdict.judge(aim, found, settings.gate.limits.success_ratio_min)
