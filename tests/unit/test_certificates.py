"""Certificates: what is made, what is found wrong, and where the anchor's key may go."""

from __future__ import annotations

import base64
import dataclasses
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from meshroll.adapters.certificates import Issued, anchor_from_file, make, write_anchor_key
from meshroll.adapters.chain import read_chain
from meshroll.core import certificates as core
from meshroll.core import identity
from meshroll.core.errors import Refused

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
NAME = "identity.linkerd.cluster.local"
ANCHOR = make(core.anchor_spec("linkerd", "cluster.local"), NOW)
ISSUER = make(core.issuer_spec("linkerd", "cluster.local"), NOW, ANCHOR)


def chain(issuer: Issued = ISSUER, bundle_pem: str = ANCHOR.certificate_pem) -> core.Chain:
    return read_chain(issuer.certificate_pem, issuer.key_pem, bundle_pem)


def test_what_is_made_is_what_linkerd_takes() -> None:
    made = chain()
    assert core.problems(made, NAME, NOW) == []
    assert made.issuer.dns_names == (NAME,)
    assert made.issuer.not_after - NOW == timedelta(days=365)
    assert made.anchors[0].subject == "root.linkerd.cluster.local"
    assert made.anchors[0].not_after - NOW == timedelta(days=3650)


@pytest.mark.parametrize(("issued", "length"), [(ANCHOR, 1), (ISSUER, 0)])
def test_extensions_allow_signing_and_nothing_else(issued: Issued, length: int) -> None:
    extensions = x509.load_pem_x509_certificate(issued.certificate_pem.encode()).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, length)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)


def test_each_fault_of_a_chain_is_named() -> None:
    good = chain()
    bad = dataclasses.replace(
        good,
        key_matches=False,
        signer=None,
        issuer=dataclasses.replace(
            good.issuer, dns_names=(), is_ca=False, key_kind="RSA 2048", not_after=NOW - timedelta(days=1)
        ),
    )
    text = " ".join(problem.message for problem in core.problems(bad, NAME, NOW))
    for part in (
        "not that of its certificate",
        "RSA 2048",
        "not a CA",
        NAME,
        "expired on",
        "no trust anchor signed",
    ):
        assert part in text


def test_another_clusters_anchor_did_not_sign_the_issuer() -> None:
    other = make(core.anchor_spec("linkerd", "cluster.local"), NOW)
    assert chain(bundle_pem=other.certificate_pem).signer is None
    assert chain(bundle_pem=other.certificate_pem + ANCHOR.certificate_pem).signer is not None


def test_the_last_sixty_days_are_told() -> None:
    late = NOW + timedelta(days=310)
    assert core.expiring(chain(), NOW) == []
    (line,) = core.expiring(chain(), late)
    assert "identity.linkerd.cluster.local expires on 2027-09-01" in line


def test_objects_have_the_shapes_that_the_charts_look_for() -> None:
    secret = identity.issuer_secret("linkerd", ISSUER.certificate_pem, ISSUER.key_pem, ANCHOR.certificate_pem)
    assert secret["type"] == "kubernetes.io/tls"
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert identity.secret_value(secret, "ca.crt") == ANCHOR.certificate_pem
    assert identity.trust_roots("linkerd", "PEM")["data"] == {"ca-bundle.crt": "PEM"}


def test_the_anchor_key_is_written_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "anchor.key"
    write_anchor_key(path, ANCHOR)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert anchor_from_file(path, ANCHOR.certificate_pem).certificate_pem == ANCHOR.certificate_pem
    with pytest.raises(Refused) as refused:
        write_anchor_key(path, make(core.anchor_spec("linkerd", "cluster.local"), NOW))
    assert refused.value.problems[0].code == "anchor-key-exists"
    assert path.read_text() == ANCHOR.key_pem


def test_a_link_is_not_followed_to_another_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        write_anchor_key(tmp_path / "link", ANCHOR)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("content", "code"), [("no key", "anchor-key-unreadable"), (ISSUER.key_pem, "anchor-key-foreign")]
)
def test_a_file_without_the_anchors_key_is_refused(tmp_path: Path, content: str, code: str) -> None:
    path = tmp_path / "anchor.key"
    path.write_text(content)
    with pytest.raises(Refused) as refused:
        anchor_from_file(path, ANCHOR.certificate_pem)
    assert refused.value.problems[0].code == code


def test_no_key_shows_in_a_repr_or_in_an_error() -> None:
    secret_lines = [line for line in (ANCHOR.key_pem + ISSUER.key_pem).splitlines() if "-----" not in line]
    with pytest.raises(Refused) as refused:
        read_chain("broken", ISSUER.key_pem, ANCHOR.certificate_pem)
    shown = repr(ANCHOR) + repr(ISSUER) + repr(chain()) + str(refused.value) + repr(refused.value.__cause__)
    assert not any(line in shown for line in secret_lines)
    assert base64.b64encode(ISSUER.key_pem.encode()).decode() not in shown
