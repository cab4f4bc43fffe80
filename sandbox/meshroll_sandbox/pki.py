"""Keys (ECDSA P-256) and certificates of the local control plane, and the administrator's kubeconfig."""

import base64
import datetime
import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONTEXT = "sandbox"
ADMIN = "sandbox-admin"
SERVICE_IP = "127.96.0.1"
"""The ClusterIP of `default/kubernetes`: the first address of the service range."""

_VALID = datetime.timedelta(days=365)
_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Pki:
    """The PEM files of a control plane. `service_account_*` sign and check the tokens of pods."""

    folder: Path

    @property
    def ca_certificate(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.folder / "server.key"

    @property
    def admin_certificate(self) -> Path:
        return self.folder / "admin.crt"

    @property
    def admin_key(self) -> Path:
        return self.folder / "admin.key"

    @property
    def service_account_key(self) -> Path:
        return self.folder / "sa.key"

    @property
    def service_account_public(self) -> Path:
        return self.folder / "sa.pub"

    def files(self) -> tuple[Path, ...]:
        return (
            *(self.ca_certificate, self.server_certificate, self.server_key, self.admin_certificate),
            *(self.admin_key, self.service_account_key, self.service_account_public),
        )

    def ensure(self) -> None:
        """Make all files, unless all are there. The CA's own key is not kept: nothing more is ever signed."""
        if all(file.is_file() for file in self.files()):
            return
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca_name = _name("meshroll-sandbox-ca")
        ca = _certificate(ca_name, ca_key.public_key(), ca_name, ca_key, authority=True)
        server_key, admin_key, sa_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        server = _certificate(_name("kube-apiserver"), server_key.public_key(), ca_name, ca_key, server=True)
        # system:masters passes RBAC and API priority and fairness alike.
        admin_name = _name(ADMIN, organization="system:masters")
        admin = _certificate(admin_name, admin_key.public_key(), ca_name, ca_key)
        write_private(self.ca_certificate, _pem(ca))
        write_private(self.server_certificate, _pem(server))
        write_private(self.server_key, _private_pem(server_key))
        write_private(self.admin_certificate, _pem(admin))
        write_private(self.admin_key, _private_pem(admin_key))
        write_private(self.service_account_key, _private_pem(sa_key))
        public = sa_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(self.service_account_public, public)

    def kubeconfig(self, port: int) -> str:
        """The administrator's kubeconfig for the API server on loopback `port`, with all keys inside."""
        encoded = {file: base64.b64encode(file.read_bytes()).decode() for file in self.files()}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}}],
            "clusters": [
                {
                    "name": CONTEXT,
                    "cluster": {
                        "server": f"https://127.0.0.1:{port}",
                        "certificate-authority-data": encoded[self.ca_certificate],
                    },
                }
            ],
            "users": [
                {
                    "name": "admin",
                    "user": {
                        "client-certificate-data": encoded[self.admin_certificate],
                        "client-key-data": encoded[self.admin_key],
                    },
                }
            ],
        }
        return json.dumps(config, indent=2) + "\n"  # JSON is YAML


def write_private(path: Path, content: bytes) -> None:
    """Write `path` at once and whole, readable by its owner only."""
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    staging.rename(path)


def _certificate(
    name: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    server: bool = False,
) -> x509.Certificate:
    # An hour back, for clocks that are set while the sandbox runs.
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + _VALID)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_key_usage(authority), critical=True)
        # Python checks certificates strictly since 3.13 and misses these identifiers.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if server:
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", SERVICE_IP)]
        names = [x509.DNSName(name) for name in _SERVER_NAMES]
        builder = builder.add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
    if not authority:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
