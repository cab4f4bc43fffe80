"""Makes certificates with ``cryptography``; writes the trust anchor's key to its one place.

A key never stands in a message or a ``repr``: it lives in a field that is not shown, in the operator's file
and in the issuer's Secret.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from meshroll.core.certificates import BACKDATED, CertificateSpec
from meshroll.core.errors import Problem, Refused


@dataclass(frozen=True)
class Issued:
    """A certificate that was just made (or taken up again), with its key."""

    certificate_pem: str
    key_pem: str = field(repr=False)


def make(spec: CertificateSpec, now: datetime, signer: Issued | None = None) -> Issued:
    """A new key and its CA certificate, signed by ``signer`` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name)])
    signing_key = private_key(signer.key_pem) if signer else key
    issuer = x509.load_pem_x509_certificate(signer.certificate_pem.encode()).subject if signer else subject
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + spec.lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=spec.path_length), critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(spec.common_name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
        .sign(signing_key, hashes.SHA256())
    )
    return Issued(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def write_anchor_key(path: Path, anchor: Issued) -> None:
    """Writes the anchor's key to a new file that only its owner can read. Raises Refused where it cannot."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise Refused(
            Problem("anchor-key-exists", f"{path} exists already.", "Name another file; none is replaced.")
        ) from None
    except OSError as error:
        raise Refused(
            Problem(
                "anchor-key-unwritable",
                f"The trust anchor's key cannot be written to {path}: {error.strerror}.",
                "Set meshroll_certificates.anchor_key_file to a path in a folder that you may write to.",
            )
        ) from None
    with os.fdopen(descriptor, "w") as file:
        file.write(anchor.key_pem)
        file.flush()
        os.fsync(file.fileno())


def anchor_from_file(path: Path, bundle_pem: str) -> Issued:
    """The anchor whose key ``path`` holds, out of the trust anchors of the cluster.

    Raises Refused where the file is no readable key, or the key of none of them.
    """
    try:
        key_pem = path.read_text()
        public = private_key(key_pem).public_key()
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(
            Problem(
                "anchor-key-unreadable",
                f"{path} holds no private key that can be read.",
                "Put the trust anchor's key there (PEM, no password), or make the issuer's Secret yourself.",
            )
        ) from None
    own = [
        certificate
        for certificate in x509.load_pem_x509_certificates(bundle_pem.encode())
        if certificate.public_key() == public
    ]
    if own:  # an anchor that was made anew with its key stands there twice
        longest = max(own, key=lambda certificate: certificate.not_valid_after_utc)
        return Issued(longest.public_bytes(serialization.Encoding.PEM).decode(), key_pem)
    raise Refused(
        Problem(
            "anchor-key-foreign",
            f"The key in {path} is not that of the cluster's trust anchor.",
            "Name the right one in meshroll_certificates.anchor_key_file, or make the Secret yourself.",
        )
    )


_KEY_USAGE = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def private_key(pem: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Raises ValueError for anything else than an EC or RSA key."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither an EC nor an RSA key")
    return key
