"""What a probe proves: that the proxy balanced the calls of one held connection, or that it did not."""

from __future__ import annotations

from collections.abc import Mapping

from meshroll.core.gate.balance import BETTER_OF_TWO
from meshroll.core.gate.evenness import CHANCE_MAX, evenness
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, WorkloadVerdict
from meshroll.core.probe.answers import Answers
from meshroll.core.probe.target import Aim

# Fewer prove nothing, as of a pinned client.
CALLS_MIN = 30
PODS_SHOWN = 5
SOURCE = "the probe's own proxy"


def too_few(aim: Aim) -> Verdict | None:
    """The verdict on a Service with one pod, which no probe can change; None for more."""
    if len(aim.pods) > 1:
        return None
    text = f"{aim.pods[0]} is its only Ready pod, so there is nothing to balance"
    hint = "Probe it once it has two pods or more."
    return _verdict(
        aim, Finding(signal="pods", value=1.0, outcome=Outcome.INCONCLUSIVE, text=text, hint=hint)
    )


def unmeasured(aim: Aim, why: str, hint: str) -> Verdict:
    """The verdict of a probe that did not get to its end."""
    return _verdict(aim, Finding(signal="probe", outcome=Outcome.ERROR, text=why, hint=hint))


def judge(aim: Aim, answers: Answers, success_ratio_min: float) -> Verdict:
    """The verdict on a probe that ran, with what each pod answered."""
    counted = sum(answers.by_pod.values())
    # Where not all answers are told, it is not known of the other pods that they had none.
    by_pod = {**(dict.fromkeys(aim.pods, 0) if counted == answers.answered else {}), **answers.by_pod}
    finding = (
        _all_failed(aim, answers)
        or _some_failed(answers, success_ratio_min)
        or _too_slow(answers)
        or _past_the_proxy(answers)
        or _unbalanced(answers)
        or _spread(aim, answers, by_pod)
    )
    return _verdict(aim, finding, by_pod)


def _all_failed(aim: Aim, answers: Answers) -> Finding | None:
    """Then it may be the probe that asks wrongly, so nothing is known of the Service."""
    if not answers.calls or answers.failed < answers.calls:
        return None
    other = f" (--probe {aim.name}/PATH calls it by plain HTTP)" if aim.grpc else ""
    return _failures(
        Outcome.ERROR,
        answers,
        f"all {_calls(answers)} failed",
        f"Does {aim.name} speak {'gRPC' if aim.grpc else 'HTTP'} without TLS{other}? Does a NetworkPolicy of "
        f"{aim.namespace} let only pods through that it knows?",
    )


def _some_failed(answers: Answers, success_ratio_min: float) -> Finding | None:
    """More than may, and not by chance."""
    from meshroll.core.gate.tails import binomial_tail  # takes a third of a second to import

    if binomial_tail(answers.failed, answers.calls, 1 - success_ratio_min) >= CHANCE_MAX:
        return None
    text = f"{answers.failed} of {_calls(answers)} failed"
    return _failures(
        Outcome.FAILED, answers, text, "The codes are what the caller saw; look at the pods' own logs."
    )


def _failures(outcome: Outcome, answers: Answers, text: str, hint: str) -> Finding:
    return Finding(
        signal="failed_calls",
        value=float(answers.failed),
        outcome=outcome,
        source=SOURCE,
        text=text + _codes(answers),
        hint=hint,
    )


def _too_slow(answers: Answers) -> Finding | None:
    if answers.calls >= CALLS_MIN:
        return None
    return _balance(
        Outcome.INCONCLUSIVE,
        f"only {answers.calls} calls were answered in time",
        hint="Probe it again when it is less busy.",
    )


def _past_the_proxy(answers: Answers) -> Finding | None:
    if answers.answered >= answers.calls / 2:
        return None
    return _balance(
        Outcome.FAILED,
        f"{_calls(answers)} were answered, and the proxy saw pods answer {answers.answered}: they went past it, or "
        "through it as one opaque connection, which stays on one pod",
        hint="See config.linkerd.io/skip-outbound-ports and opaque-ports of the namespace and the Service, and the "
        "port's appProtocol.",
    )


def _unbalanced(answers: Answers) -> Finding | None:
    if answers.balanced >= answers.answered / 2:
        return None
    return _balance(
        Outcome.FAILED,
        f"of {_calls(answers)} the proxy balanced {answers.balanced}; for the others it was given the address of a "
        f"pod ({_shown(answers, answers.by_pod)})",
        hint="A socket load balancer (Cilium, Calico eBPF) replaces the Service's address before the proxy sees it; "
        "Cilium needs socketLB.hostNamespaceOnly=true.",
    )


def _spread(aim: Aim, answers: Answers, by_pod: Mapping[str, int]) -> Finding:
    """How even. Of two pods the better of two may be one and the same each time: that proves nothing either way."""
    spread = evenness({pod: float(count) for pod, count in by_pod.items()}, by_pod, (), "calls", SOURCE)
    assert spread is not None, "two pods or more, and some of them answered"
    text = f"{_calls(answers)}{_codes(answers)}, balanced by the probe's proxy: {_shown(answers, by_pod)}"
    ratio = spread.busiest_to_mean
    if not spread.is_beyond(BETTER_OF_TWO) and max(by_pod.values()) < answers.answered:
        return _balance(Outcome.SUCCESSFUL, text, ratio)
    if aim.near or len(by_pod) == 2:
        why = f"the Service says {aim.near}" if aim.near else "of two pods the faster one may get all"
        return _balance(
            Outcome.INCONCLUSIVE,
            f"{text}; that may be right, because {why}",
            ratio,
            hint="Look at the pods that got little, then probe again.",
        )
    return _balance(
        Outcome.FAILED,
        f"{text}; the better of two gets 2/{len(by_pod)} at most",
        ratio,
        hint="The probe's proxy chose the pod: the others fail, or are not among the Service's endpoints.",
    )


def _balance(outcome: Outcome, text: str, value: float | None = None, hint: str = "") -> Finding:
    return Finding(
        signal="busiest_pod_to_mean", outcome=outcome, text=text, value=value, source=SOURCE, hint=hint
    )


def _verdict(aim: Aim, finding: Finding, by_pod: Mapping[str, int] = {}) -> Verdict:
    assert finding.outcome is not None
    counted = [
        WorkloadVerdict(
            workload=f"Pod/{pod}",
            outcome=None,
            findings=(
                Finding(signal="calls", value=float(count), text=f"{count} calls answered", source=SOURCE),
            ),
        )
        for pod, count in sorted(by_pod.items())
    ]
    judged = WorkloadVerdict(workload=f"Service/{aim.service}", outcome=finding.outcome, findings=(finding,))
    return Verdict(
        outcome=finding.outcome,
        summary=f"{finding.outcome}: Service {aim.name}: {finding.text}.",
        hint=finding.hint,
        source=finding.source,
        workloads=(judged, *counted),
    )


def _calls(answers: Answers) -> str:
    one = answers.connections == 1
    return (
        f"{answers.calls} calls on {'one held connection' if one else f'{answers.connections} connections'}"
    )


def _codes(answers: Answers) -> str:
    """ " (60 x HTTP 200, 40 x no answer)"; "" where all that is to be said is that they went well."""
    if set(answers.by_code) <= {"200", "200 grpc-status 0"}:
        return ""
    ranked = sorted(answers.by_code.items(), key=lambda each: (-each[1], each[0]))
    return f" ({', '.join(f'{count} x {_code(code)}' for code, count in ranked)})"


def _code(code: str) -> str:
    return "no answer" if code == "000" else f"HTTP {code}"


def _shown(answers: Answers, by_pod: Mapping[str, int]) -> str:
    """The busiest first: "tariffs-a 40, tariffs-b 35, others 25"."""
    ranked = sorted(by_pod, key=lambda pod: (-by_pod[pod], pod))[:PODS_SHOWN]
    rest = answers.answered - sum(by_pod[pod] for pod in ranked)
    parts = [f"{pod} {by_pod[pod]}" for pod in ranked]
    return ", ".join([*parts, f"others {rest}"] if len(by_pod) > PODS_SHOWN else parts)
