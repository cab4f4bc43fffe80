"""Reads the identity certificates that are there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from meshroll.adapters.certificates import private_key
from meshroll.core.certificates import ECDSA_P256, Certificate, Chain
from meshroll.core.errors import Problem, Refused
from meshroll.core.identity import BUNDLE_KEY, ISSUER_SECRET, TRUST_ROOTS


def read_chain(issuer_pem: str, issuer_key_pem: str, bundle_pem: str) -> Chain:
    """What is to be known of a chain that is there. Raises Refused where it cannot be read."""
    try:
        issuers = x509.load_pem_x509_certificates(issuer_pem.encode())
        anchors = x509.load_pem_x509_certificates(bundle_pem.encode())
        signers = [_read(anchor) for anchor in _signers(issuers, anchors)]
        return Chain(
            issuer=_read(issuers[0]),
            anchors=tuple(_read(anchor) for anchor in anchors),
            signer=max(signers, key=lambda signer: signer.not_after, default=None),
            key_matches=private_key(issuer_key_pem).public_key() == issuers[0].public_key(),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(
            Problem(
                "certificates-unreadable",
                "The identity certificates that are there cannot be read as PEM.",
                f"Secret {ISSUER_SECRET} needs tls.crt and tls.key (or crt.pem and key.pem), ConfigMap {TRUST_ROOTS} "
                f"{BUNDLE_KEY}.",
            )
        ) from None


def trusts(bundle_pem: str, issuer_pem: str) -> bool:
    """Whether the issuer chains to an anchor of the bundle; False also where one of the two cannot be read."""
    try:
        issuers = x509.load_pem_x509_certificates(issuer_pem.encode())
        return bool(_signers(issuers, x509.load_pem_x509_certificates(bundle_pem.encode())))
    except (ValueError, UnsupportedAlgorithm):
        return False


def read_certificates(pem: str) -> tuple[Certificate, ...]:
    """Every certificate of a PEM text. Raises ValueError where it has none, or one that cannot be read."""
    try:
        return tuple(_read(each) for each in x509.load_pem_x509_certificates(pem.encode()))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def _signers(
    issuers: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """The anchors that the first certificate chains to; behind it may stand those of the CAs between."""
    last, *between = issuers
    for each in between:
        last = each if _signed(last, each) else last
    return [anchor for anchor in anchors if _signed(last, anchor)]


def _signed(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _read(certificate: x509.Certificate) -> Certificate:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        subject=str(names[0].value) if names else certificate.subject.rfc4514_string(),
        dns_names=_dns_names(certificate),
        is_ca=_is_ca(certificate),
        key_kind=_key_kind(certificate),
        signature=_signature(certificate),
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
    )


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _key_kind(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ECDSA_P256 if isinstance(key.curve, ec.SECP256R1) else f"ECDSA {key.curve.name}"
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__


def _signature(certificate: x509.Certificate) -> str:
    digest = certificate.signature_hash_algorithm
    family = "ECDSA" if "ecdsa" in certificate.signature_algorithm_oid._name.lower() else "RSA"
    return f"{family}-{digest.name.upper() if digest else 'unknown'}"
