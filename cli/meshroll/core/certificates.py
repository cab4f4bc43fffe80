"""Linkerd's trust anchor and issuer: what they have to be, and what is wrong with those that are there.

The identity service takes an issuer with an ECDSA P-256 key that is a CA, signed by one of the trust anchors,
with the name that it expects as a DNS name (Go reads no common name).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from meshroll.core.errors import Problem
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS

ECDSA_P256 = "ECDSA P-256"
ANCHOR_KEYS = frozenset({ECDSA_P256, "RSA 2048", "RSA 4096"})
RSA_SHA256 = "RSA-SHA256"
SIGNATURES = frozenset({"ECDSA-SHA256", RSA_SHA256})
EXPIRES_SOON = timedelta(days=60)
ISSUER_LIFETIME = timedelta(days=365)
# A node whose clock is a little behind must not see a certificate that is not valid yet.
BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True)
class CertificateSpec:
    """A CA certificate to make: an ECDSA P-256 key that may only sign certificates and revocation lists."""

    common_name: str
    lifetime: timedelta
    path_length: int


def anchor_spec(namespace: str, trust_domain: str) -> CertificateSpec:
    """The trust anchor: 10 years, because a new one means two restarts of all that is meshed."""
    return CertificateSpec(f"root.{namespace}.{trust_domain}", timedelta(days=3650), path_length=1)


def issuer_spec(namespace: str, trust_domain: str) -> CertificateSpec:
    """The issuer: one year; it signs the proxies' certificates of a day and no other CA."""
    return CertificateSpec(issuer_name(namespace, trust_domain), ISSUER_LIFETIME, path_length=0)


def issuer_name(namespace: str, trust_domain: str) -> str:
    """The name that the identity service asks of its issuer."""
    return f"identity.{namespace}.{trust_domain}"


@dataclass(frozen=True)
class Certificate:
    """What is to be known of one certificate; ``key_kind`` and ``signature`` as the constants name them."""

    subject: str
    dns_names: tuple[str, ...]
    is_ca: bool
    key_kind: str
    signature: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True)
class Chain:
    """An issuer and the cluster's trust anchors. ``signer`` is the anchor that it chains to, of several (one key, made
    anew) that which lasts longest; None where it chains to none.
    """

    issuer: Certificate
    anchors: tuple[Certificate, ...]
    signer: Certificate | None
    key_matches: bool


def cannot_work(chain: Chain) -> list[str]:
    """Why the identity service would not start with this issuer, a phrase each; its dates aside.

    As linkerd2 loads it (pkg/identity/service.go): read with its key, chained to an anchor, a CA.
    """
    found = []
    if not chain.key_matches:
        found.append("the issuer's key is not that of its certificate")
    if not chain.issuer.is_ca:
        found.append("the issuer is not a CA")
    if chain.signer is None:
        found.append("no trust anchor signed the issuer")
    return found


def not_supported(chain: Chain) -> list[str]:
    """Keys and signatures that `linkerd check` calls unsupported (pkg/issuercerts/issuercerts.go), a phrase each."""
    issuer, found = chain.issuer, []
    if issuer.key_kind != ECDSA_P256:
        found.append(f"the issuer's key is {issuer.key_kind}, and only {ECDSA_P256} is taken")
    if issuer.signature not in SIGNATURES:
        found.append(f"the issuer is signed with {issuer.signature}")
    for anchor in chain.anchors:
        if anchor.key_kind not in ANCHOR_KEYS:
            found.append(f"trust anchor {anchor.subject} has a key of {anchor.key_kind}")
        elif anchor.signature not in (SIGNATURES if anchor.key_kind == ECDSA_P256 else {RSA_SHA256}):
            found.append(f"trust anchor {anchor.subject} is signed with {anchor.signature}")
    return found


def out_of_time(chain: Chain, now: datetime) -> list[str]:
    """What of the chain is not valid now, a phrase each."""
    found = [*_out_of_time("the issuer", chain.issuer, now)]
    if chain.signer is not None:
        found += _out_of_time("the trust anchor that signed the issuer", chain.signer, now)
    return found


def problems(chain: Chain, name: str, now: datetime) -> list[Problem]:
    """Why the identity service would refuse this chain, all reasons at once; ``name`` is issuer_name()."""
    found = [*cannot_work(chain), *not_supported(chain), *out_of_time(chain, now)]
    if name not in chain.issuer.dns_names:
        names = ", ".join(chain.issuer.dns_names) or "none"
        found.append(f"the issuer's DNS names ({names}) do not have {name}")
    return [
        Problem(
            "certificates-unusable",
            f"The identity certificates that are there cannot be used: {reason}.",
            f"Make Secret {ISSUER_SECRET} and ConfigMap {TRUST_ROOTS} valid, or delete both and run again.",
        )
        for reason in found
    ]


def expiring(chain: Chain, now: datetime) -> list[str]:
    """A line for each certificate of the chain that ends within 60 days."""
    named = [("The issuer", chain.issuer)]
    if chain.signer is not None:
        named.append(("The trust anchor", chain.signer))
    return [
        f"{what} {certificate.subject} expires on {certificate.not_after:%Y-%m-%d}; renew it."
        for what, certificate in named
        if now <= certificate.not_after < now + EXPIRES_SOON
    ]


def _out_of_time(what: str, certificate: Certificate, now: datetime) -> Sequence[str]:
    if now < certificate.not_before:
        return [f"{what} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"]
    if now > certificate.not_after:
        return [f"{what} expired on {certificate.not_after:%Y-%m-%d}"]
    return []
