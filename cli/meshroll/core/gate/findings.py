"""One signal of one workload against its limit: the single findings that a verdict is made of."""

from __future__ import annotations

from meshroll.core.gate.latency import QUANTILES
from meshroll.core.gate.rows import unresolved_of
from meshroll.core.gate.signals import Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.text import count, milliseconds, percent
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate, Limits


def enough(gate: Gate, traffic: Traffic | None) -> bool:
    return bool(traffic and traffic.responses and traffic.responses >= gate.requests_min)


def mesh_findings(subject: Subject) -> list[Finding]:
    """Pods that started without a proxy (the injector was away) are a fault, however well they answer."""
    if not subject.mesh_expected or not subject.pods:
        return []
    share = len(subject.meshed_pods) / len(subject.pods)
    return [
        Finding(
            signal="meshed_pods_ratio",
            value=share,
            limit=1.0,
            outcome=met(share == 1.0),
            text=f"{len(subject.meshed_pods)} of {len(subject.pods)} pods have a proxy",
        )
    ]


def told_findings(limits: Limits, prefix: str, traffic: Traffic) -> list[Finding]:
    """What the inventory's own queries say without a count: taken at their word."""
    findings = []
    for name in ("success_ratio", *QUANTILES):
        value = traffic.told.get(name)
        limit: float | None = (
            limits.success_ratio_min if name == "success_ratio" else getattr(limits, f"{name}_max")
        )
        if value is None:
            continue
        good = limit is None or (value >= limit if name == "success_ratio" else value <= limit)
        said = percent if name == "success_ratio" else milliseconds
        findings.append(
            Finding(
                signal=f"{prefix}{name}",
                value=value,
                limit=limit,
                outcome=None if limit is None else met(good),
                source=traffic.source,
                text=f"{name.replace('_', ' ')} {said(value)}"
                + (f", limit {said(limit)}" if limit is not None else ""),
            )
        )
    return findings


def shown_findings(limits: Limits, prefix: str, traffic: Traffic, past: Traffic | None) -> list[Finding]:
    """Quantiles that no limit holds: worth seeing, not judged."""
    return [
        Finding(
            signal=f"{prefix}{name}",
            value=value,
            before=past.latency_ms(name) if past else None,
            source=traffic.source,
            text=f"{prefix.replace('_', ' ')}{name.split('_')[1]} {milliseconds(value)}"
            + (f"; {note}" if (note := unresolved_of(name, traffic, past, None)) else ""),
        )
        for name in QUANTILES
        if getattr(limits, f"{name}_max") is None and (value := traffic.latency_ms(name)) is not None
    ]


def refusal_findings(gate: Gate, signals: Signals) -> list[Finding]:
    """What policies denied and undefined ports refused, held to the same share of errors as responses."""
    findings = []
    allowed = 1 - gate.limits.success_ratio_min
    begun = signals.inbound.requests or 0.0 if signals.inbound else 0.0
    asked = (signals.outbound.responses or 0.0) if signals.outbound else 0.0
    for signal, refused, others, text, hint in (
        (
            "denied_ratio",
            signals.denied_requests,
            begun,
            "requests were denied by a policy",
            "Let its Server and AuthorizationPolicy admit the callers, meshed and unmeshed.",
        ),
        (
            "refused_ratio",
            signals.refused_connections,
            asked,
            f"connections went to ports that no Service declares ({', '.join(signals.refused_ports)})",
            "Declare the port in the Service, or correct the caller's address.",
        ),
    ):
        if not refused:
            continue
        # A denial may or may not be counted as a request too, so the larger number is the whole.
        whole = max(others, refused)
        value = refused / whole
        findings.append(
            Finding(
                signal=signal,
                value=value,
                limit=allowed,
                outcome=met(value <= allowed) if whole >= gate.requests_min else None,
                text=f"{count(refused)} {text}",
                hint=hint,
            )
        )
    return findings


def mtls_findings(gate: Gate, signals: Signals, before: Signals) -> list[Finding]:
    if signals.mtls_ratio is None or signals.meshed_pair_requests is None:
        return []
    limit = gate.limits.mtls_ratio_min
    judged = signals.meshed_pair_requests >= gate.requests_min
    return [
        Finding(
            signal="mtls_ratio",
            value=signals.mtls_ratio,
            limit=limit,
            before=before.mtls_ratio,
            outcome=met(signals.mtls_ratio >= limit) if judged else None,
            text=f"mTLS on {percent(signals.mtls_ratio)} of {count(signals.meshed_pair_requests)} requests "
            f"between meshed pods, at least {percent(limit)} wanted",
            hint="Is a port skipped (config.linkerd.io/skip-outbound-ports), or a proxy without an identity?"
            if judged and signals.mtls_ratio < limit
            else "",
        )
    ]


def met(good: bool) -> Outcome:
    """The outcome of a plain limit."""
    return Outcome.SUCCESSFUL if good else Outcome.FAILED
