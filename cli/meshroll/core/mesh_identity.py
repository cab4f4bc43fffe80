"""What identity stands on in a running mesh: its issuer, its trust anchors, and those that its proxies carry."""

from __future__ import annotations

from dataclasses import dataclass

from meshroll.core.certificates import Chain, cannot_work, not_supported
from meshroll.core.errors import Problem
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS
from meshroll.core.kinds import ROLLED

WORKLOADS_NAMED = 5


@dataclass(frozen=True)
class Carried:
    """Workloads (``charging/Deployment/omni``) whose proxies carry other anchors than the cluster has now.

    ``trusts_issuer``: the issuer chains to one of theirs, so they and the others still know each other.
    """

    workloads: tuple[str, ...]
    trusts_issuer: bool


@dataclass(frozen=True)
class MeshIdentity:
    """``chain`` is None where it was not read; ``carried`` has the workloads that were looked at."""

    chain: Chain | None = None
    carried: tuple[Carried, ...] = ()


def breaking(identity: MeshIdentity) -> list[Problem]:
    """What keeps, or will keep, proxies from getting or trusting identities; dates aside."""
    return [*unusable(identity), *without_anchor(identity)]


def unusable(identity: MeshIdentity) -> list[Problem]:
    """Why identity would not start with the issuer that is there."""
    return [
        Problem(
            "issuer-unusable",
            f"The identity service cannot start with its issuer: {reason}.",
            f"It may go on until one of its pods restarts. Put a right pair into Secret {ISSUER_SECRET}, or the anchor "
            f"that signed it into ConfigMap {TRUST_ROOTS}: see docs/how-to/certificates.md.",
            object=f"Secret/{ISSUER_SECRET}",
        )
        for reason in (cannot_work(identity.chain) if identity.chain else ())
    ]


def without_anchor(identity: MeshIdentity) -> list[Problem]:
    """Proxies that trust nobody but each other."""
    return [
        Problem(
            "proxies-without-anchor",
            f"The proxies of {_named(each.workloads)} do not know the trust anchor of the issuer.",
            f"They and the others trust each other again once they are restarted: {_restart(each.workloads)}.",
        )
        for each in identity.carried
        if not each.trusts_issuer
    ]


def doubtful(identity: MeshIdentity) -> list[Problem]:
    """What works now and needs somebody before long."""
    found = [
        Problem(
            "certificate-algorithm",
            f"Linkerd does not support this: {reason}.",
            "`linkerd check` calls it fatal; make it anew as docs/how-to/certificates.md shows.",
        )
        for reason in (not_supported(identity.chain) if identity.chain else ())
    ]
    return found + [
        Problem(
            "proxies-with-other-anchors",
            f"The proxies of {_named(each.workloads)} carry other trust anchors than ConfigMap {TRUST_ROOTS} has now.",
            f"Restart them before an issuer of a new anchor comes: {_restart(each.workloads)}.",
        )
        for each in identity.carried
        if each.trusts_issuer
    ]


def _named(workloads: tuple[str, ...]) -> str:
    more = len(workloads) - WORKLOADS_NAMED
    return ", ".join(workloads[:WORKLOADS_NAMED]) + (f" and {more} more" if more > 0 else "")


def _restart(workloads: tuple[str, ...]) -> str:
    for workload in workloads:
        namespace, kind, name = workload.split("/", 2)
        if kind in ROLLED:
            more = " and so on" if workloads[1:] else ""
            return f"`kubectl -n {namespace} rollout restart {kind.lower()}/{name}`{more}"
    return "delete these pods, so that whatever made them makes them anew"
