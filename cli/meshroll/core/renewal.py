"""Whether the issuer is to be renewed before a hop, with what, and what stands in the way.

An issuer that ends takes every identity of the mesh with it within a day, and so does one that identity cannot load.
So a renewal is a step of its own, verified before anything else changes, and never a part of a hop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from meshroll.core.certificate_dates import ANCHOR, ISSUER, remedy
from meshroll.core.certificates import (
    EXPIRES_SOON,
    ISSUER_LIFETIME,
    Certificate,
    Chain,
    issuer_name,
    out_of_time,
)
from meshroll.core.errors import Problem
from meshroll.core.identity import EXTERNAL, ISSUER_SECRET, Layout
from meshroll.core.mesh_identity import MeshIdentity, breaking, doubtful
from meshroll.core.model import annotations_of, labels_of
from meshroll.core.ownership import HELM_RELEASE, MANAGED_BY, gitops_owner

GUIDE = "docs/how-to/certificates.md"
# Where a certificate lives for less than 60 days (cert-manager's of 48 hours), the last third of its life, as
# cert-manager does it by default.
LAST_PART = 3
# Whoever renews by itself is late when so little is left; some leave themselves 15 days of a year.
OVERDUE_PART = 10
OVERDUE_AT_MOST = timedelta(days=7)
# What a renewal up to the trust anchor's end has to gain, else it is the anchor that is to be renewed.
WORTH_IT = timedelta(days=1)


@dataclass(frozen=True)
class Owner:
    """Who writes the issuer's Secret, so that meshroll does not; ``renews`` where that happens by itself."""

    name: str
    renews: bool


@dataclass(frozen=True)
class AnchorKey:
    """The file that ``meshroll_certificates.anchor_key_file`` names. ``unusable``: why it cannot sign, if it is there.

    ``signs``: it holds the key of the very anchor that the issuer of now chains to. Every proxy knows that one, and so
    does identity, which reads the anchors only as it starts.
    """

    file: str | None
    exists: bool = False
    unusable: Problem | None = None
    signs: bool = False


@dataclass(frozen=True)
class Seen:
    """What a renewal is decided by; no key is in it. ``unread``: why the certificates could not be read.

    ``version`` is the resourceVersion of the issuer's Secret. ``unproved_since`` (the API server's clock): a run wrote
    a new pair, and did not come to see that identity has it.
    """

    namespace: str
    trust_domain: str
    identity: MeshIdentity
    anchor_key: AnchorKey
    layout: Layout = EXTERNAL
    owner: Owner | None = None
    version: str = ""
    unproved_since: datetime | None = None
    unread: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Renewal:
    """``prove``: what an earlier run has written is still to be seen. ``until`` is the new issuer's end.

    ``problems`` refuse whatever comes after; ``notes`` are for whoever reads.
    """

    action: Literal["none", "renew", "prove"] = "none"
    ends_at: datetime | None = None
    until: datetime | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def due(self) -> bool:
        return self.action != "none"


def decide(seen: Seen, now: datetime) -> Renewal:
    """``now`` is the API server's clock (UTC)."""
    chain = seen.identity.chain
    if chain is None or chain.signer is None:
        return Renewal(problems=(*seen.unread, *breaking(seen.identity)))
    issuer, anchor = chain.issuer, chain.signer
    ends_at = min(issuer.not_after, anchor.not_after)
    wrong = [*_over(chain, now), *breaking(seen.identity)]
    notes = [f"{problem.message} {problem.hint}" for problem in doubtful(seen.identity)]
    if wrong:
        return Renewal(ends_at=ends_at, problems=tuple(wrong), notes=tuple(notes))
    if anchor.not_after - now <= EXPIRES_SOON:
        notes.append(
            f"The trust anchor ends on {anchor.not_after:%Y-%m-%d}. {remedy(ANCHOR)} {_see('anchor')}"
        )
    if seen.unproved_since is not None:
        notes.append("A run has renewed the issuer and has not come to see that identity has the new one.")
        return Renewal("prove", ends_at, issuer.not_after, notes=tuple(notes))
    if ends_at - now > due_before_end(ends_at - issuer.not_before):
        return Renewal(ends_at=ends_at, notes=tuple(notes))
    until = min(now + ISSUER_LIFETIME, anchor.not_after)
    if seen.owner is not None and seen.owner.renews:
        late = ends_at - now <= min((ends_at - issuer.not_before) / OVERDUE_PART, OVERDUE_AT_MOST)
        wrong = [_overdue(seen, seen.owner, ends_at)] if late else []
        notes.append(
            f"The issuer ends on {_minute(ends_at)}; {seen.owner.name} renews it, so meshroll does not."
        )
    elif until - ends_at < WORTH_IT:
        wrong = [_anchor_ending(anchor)]
    else:
        wrong = _no_way(seen, ends_at)
    if wrong or seen.owner is not None:
        return Renewal(ends_at=ends_at, problems=tuple(wrong), notes=tuple(notes))
    return Renewal("renew", ends_at, until, notes=tuple(notes))


def due_before_end(lifetime: timedelta) -> timedelta:
    """How long before its end a certificate is to be renewed: 60 days, or a third of a short life."""
    return min(EXPIRES_SOON, lifetime / LAST_PART)


def owner_of(secret: Mapping[str, Any]) -> Owner | None:
    """Who would put the Secret back, or renews it; None where it is nobody's but meshroll's or an operator's."""
    certificate = annotations_of(secret).get("cert-manager.io/certificate-name")
    if certificate or any(key.startswith("controller.cert-manager.io/") for key in labels_of(secret)):
        return Owner(f"cert-manager{f' (Certificate {certificate})' if certificate else ''}", renews=True)
    for reference in secret["metadata"].get("ownerReferences") or []:
        return Owner(f"{reference['kind']} {reference['name']}", renews=True)
    tool = gitops_owner(secret)
    if tool:
        return Owner(tool, renews=False)
    release = annotations_of(secret).get(HELM_RELEASE)
    if release or labels_of(secret).get(MANAGED_BY) == "Helm":
        return Owner(f"Helm{f' (release {release})' if release else ''}", renews=False)
    return None


def _over(chain: Chain, now: datetime) -> list[Problem]:
    return [
        Problem(
            "certificate-not-valid",
            f"{reason[:1].upper()}{reason[1:]}, so no proxy gets an identity.",
            f"{remedy(ISSUER if reason.startswith(f'the {ISSUER}') else ANCHOR)} {_see('over')}",
            object=f"Secret/{ISSUER_SECRET}",
        )
        for reason in out_of_time(chain, now)
    ]


def _no_way(seen: Seen, ends_at: datetime) -> list[Problem]:
    """Why meshroll cannot renew what is due, with the steps to take by hand."""
    key, message = seen.anchor_key, f"The issuer ends on {_minute(ends_at)}, and meshroll cannot renew it: "
    by_hand = f"By hand: {_steps(seen)}"
    if seen.owner is not None:
        found = Problem(
            "issuer-renewal-elsewhere",
            f"{message}its Secret comes from {seen.owner.name}, which would put the old one back.",
            f"Renew it there. {by_hand} {_see('elsewhere')}",
            object=f"Secret/{ISSUER_SECRET}",
        )
    elif not key.exists:
        where = (
            f"there is no file {key.file}" if key.file else "meshroll_certificates.anchor_key_file names none"
        )
        found = Problem(
            "issuer-renewal-key",
            f"{message}it needs the trust anchor's key, and {where}.",
            f"Put the key there for the time of the run. {by_hand}",
            object=f"Secret/{ISSUER_SECRET}",
        )
    elif key.unusable is not None:
        found = key.unusable
    elif not key.signs:
        found = Problem(
            "issuer-renewal-other-anchor",
            f"{message}{key.file} is the key of another anchor than the one that signed it.",
            f"An issuer of a new anchor is a part of the anchor's rotation, which is done by hand. {_see('anchor')}",
            object=f"Secret/{ISSUER_SECRET}",
        )
    else:
        return []
    return [found]


def _overdue(seen: Seen, owner: Owner, ends_at: datetime) -> Problem:
    return Problem(
        "issuer-renewal-overdue",
        f"The issuer ends on {_minute(ends_at)}, and {owner.name} should have renewed it by now.",
        f"`kubectl -n {seen.namespace} describe certificate,certificaterequest,secret` may say why not.",
        object=f"Secret/{ISSUER_SECRET}",
    )


def _anchor_ending(anchor: Certificate) -> Problem:
    return Problem(
        "trust-anchor-ending",
        f"The trust anchor {anchor.subject} ends on {anchor.not_after:%Y-%m-%d}, and the issuer with it.",
        f"meshroll does not rotate trust anchors. {remedy(ANCHOR)} {_see('anchor')}",
    )


def _steps(seen: Seen) -> str:
    """The commands that make a new issuer and take it to identity, as this cluster needs them."""
    home = seen.namespace
    make = (
        f"`step certificate create {issuer_name(home, seen.trust_domain)} issuer.crt issuer.key "
        "--profile intermediate-ca --not-after 8760h --no-password --insecure --ca ca.crt --ca-key ca.key`"
    )
    if seen.owner is not None:
        return (
            f"{make}, then `helm -n {home} upgrade linkerd-control-plane CHART --version INSTALLED --reuse-values "
            "--set-file identity.issuer.tls.crtPEM=issuer.crt --set-file identity.issuer.tls.keyPEM=issuer.key`."
        )
    files = f"--from-file={seen.layout.certificate}=issuer.crt --from-file={seen.layout.key}=issuer.key"
    kind = " --type kubernetes.io/tls" if seen.layout == EXTERNAL else ""
    return (
        f"{make}, then `kubectl -n {home} create secret generic {ISSUER_SECRET}{kind} {files} --dry-run=client -o yaml "
        "| kubectl apply --server-side --force-conflicts -f -`, then within two minutes "
        f"`kubectl -n {home} get events --field-selector reason=IssuerUpdated`, else "
        f"`kubectl -n {home} rollout restart deployment/linkerd-identity`."
    )


def _see(part: str) -> str:
    return f"{GUIDE}#{ANCHORS[part]} has the commands."


ANCHORS = {
    "anchor": "rotate-the-trust-anchor",
    "over": "it-is-over",
    "elsewhere": "somebody-else-renews-it",
}


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
