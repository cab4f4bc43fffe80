"""Whether there is the traffic that a workload had, or ought to have: without it nothing is proved."""

from __future__ import annotations

from meshroll.core.gate.directions import DIRECTIONS, traffic_of
from meshroll.core.gate.findings import enough
from meshroll.core.gate.signals import Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.text import count
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate

# Of what came before. A day has its tides, and a run that goes on at night has the baseline of the day; but where nine
# tenths are gone, what is left proves nothing of those: they may fail where nobody counts.
TRAFFIC_LEFT_RATIO = 0.1


def expected_traffic_findings(
    gate: Gate, subject: Subject, signals: Signals, before: Signals, window_seconds: float
) -> list[Finding]:
    """Inconclusive where traffic was to be expected and there is too little of it, or hardly any of what there was
    before; else what there was.
    """
    judged = {attribute for attribute in DIRECTIONS.values() if enough(gate, traffic_of(signals, attribute))}
    had = {
        attribute
        for attribute in DIRECTIONS.values()
        if ((traffic_of(before, attribute) or Traffic(source="")).requests_per_second or 0.0) * window_seconds
        >= max(1, gate.requests_min)
    }
    missing = had - judged
    if subject.traffic_expected and not judged:
        missing = missing or {"inbound or outbound"}
    findings = []
    for attribute in sorted(missing or judged):
        traffic: Traffic | None = getattr(signals, attribute, None)
        past: Traffic | None = getattr(before, attribute, None)
        answered = traffic.responses if traffic else None
        gone = not missing and _gone(traffic, past)
        undecided = bool(missing) or gone
        text = (
            f"{count(answered)} {attribute} requests answered in {window_seconds:.0f} s"
            if answered is not None
            else f"no {attribute} requests were seen"
        )
        findings.append(
            Finding(
                signal=f"{attribute.split()[0]}_requests",
                value=answered,
                limit=float(gate.requests_min),
                before=past.requests_per_second * window_seconds
                if past and past.requests_per_second
                else None,
                outcome=Outcome.INCONCLUSIVE if undecided else None,
                source=traffic.source if traffic else None,
                text=_said(text, gate, past, missing=bool(missing), gone=gone),
                hint=(
                    "Send it traffic, or set a longer window_seconds or a smaller requests_min in meshroll_gate; "
                    "The same command goes on at this gate, `meshroll rollback` undoes."
                )
                if undecided
                else "",
            )
        )
    return findings


def _gone(now: Traffic | None, before: Traffic | None) -> bool:
    then = before.requests_per_second if before else None
    return bool(now and then and (now.requests_per_second or 0.0) < TRAFFIC_LEFT_RATIO * then)


def _said(text: str, gate: Gate, before: Traffic | None, *, missing: bool, gone: bool) -> str:
    if missing:
        return f"{text}, {gate.requests_min} are needed to judge it"
    if gone and before and before.requests_per_second:
        return f"{text}, less than a tenth of the {before.requests_per_second:.3g}/s before: the rest may fail unseen"
    return text
