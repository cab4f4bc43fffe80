"""What is read of a mesh's identity: chains, layouts of the Secret, anchors that proxies carry, own files."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from unit.core.factories import pod, workload

from meshroll.adapters import certificate_dates, own_issuer
from meshroll.adapters.certificates import Issued, anchor_from_file, make, private_key
from meshroll.adapters.chain import read_chain, trusts
from meshroll.adapters.identity import plan_identity
from meshroll.adapters.mesh_identity import identity_of
from meshroll.core.certificate_dates import ANCHOR, ISSUER
from meshroll.core.certificates import CertificateSpec, anchor_spec, cannot_work, issuer_spec
from meshroll.core.errors import Refused
from meshroll.core.identity import EXTERNAL, LINKERD, Layout, trust_roots
from meshroll.core.mesh_identity import Carried, breaking, doubtful
from meshroll.core.model import Pod
from meshroll.core.settings import Certificates, OwnIssuer

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
ANCHOR_A = make(anchor_spec("linkerd", "cluster.local"), NOW)
ANCHOR_B = make(anchor_spec("linkerd", "cluster.local"), NOW)
ISSUER_A = make(issuer_spec("linkerd", "cluster.local"), NOW, ANCHOR_A)
BUNDLE_A, BUNDLE_B = ANCHOR_A.certificate_pem, ANCHOR_B.certificate_pem


def secret(issuer: Issued = ISSUER_A, layout: Layout = EXTERNAL) -> dict[str, Any]:
    data = {layout.certificate: issuer.certificate_pem, layout.key: issuer.key_pem}
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


def proxy(name: str, bundle: str | None, **how: Any) -> Pod:
    """A pod whose native proxy carries the bundle, or reads it from a ConfigMap as the control plane's do."""
    found = pod(workload(name=name), proxy="native", **how)
    variable: dict[str, Any] = {"name": "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"}
    variable |= {"value": bundle} if bundle else {"valueFrom": {"configMapKeyRef": {"name": "roots"}}}
    found.manifest["spec"]["initContainers"][0]["env"] = [variable]
    return found


def test_anchors_that_proxies_carry_are_held_against_the_issuer() -> None:
    pods = [
        proxy("same", f"{BUNDLE_A.strip()}\n"),
        proxy("both", BUNDLE_A + BUNDLE_B),
        proxy("other", BUNDLE_B),
        proxy("other-too", BUNDLE_B),
        proxy("plane", None),
        proxy("gone", BUNDLE_B, ending=True),
        pod(workload(name="unmeshed")),
    ]
    found = identity_of(secret(), trust_roots("linkerd", BUNDLE_A), pods)
    assert set(found.carried) == {
        Carried(("charging/Deployment/both",), trusts_issuer=True),
        Carried(("charging/Deployment/other", "charging/Deployment/other-too"), trusts_issuer=False),
    }
    assert [problem.code for problem in breaking(found)] == ["proxies-without-anchor"]
    assert [problem.code for problem in doubtful(found)] == ["proxies-with-other-anchors"]


@pytest.mark.parametrize("layout", [EXTERNAL, LINKERD])
def test_a_secret_is_read_as_its_scheme_has_it(layout: Layout) -> None:
    found = identity_of(secret(layout=layout), trust_roots("linkerd", BUNDLE_A), [])
    assert found.chain is not None
    assert cannot_work(found.chain) == []
    read = {ANCHOR: trust_roots("linkerd", BUNDLE_A), ISSUER: secret(layout=layout)}
    assert [each.state for each in certificate_dates.dates(read, NOW)] == ["valid", "valid"]
    assert certificate_dates.identity(read, []) == found


def test_what_may_not_be_read_is_held_against_nothing() -> None:
    read = {ANCHOR: trust_roots("linkerd", BUNDLE_A), ISSUER: "the account may not read it"}
    assert certificate_dates.identity(read, [proxy("other", BUNDLE_B)]).carried == ()


def test_a_chain_may_lead_over_cas_between() -> None:
    between = make(CertificateSpec("between", timedelta(days=400), 1), NOW, ANCHOR_A)
    issuer = make(issuer_spec("linkerd", "cluster.local"), NOW, between)
    whole = issuer.certificate_pem + between.certificate_pem
    assert trusts(BUNDLE_B + BUNDLE_A, whole)
    assert not trusts(BUNDLE_A, issuer.certificate_pem)
    found = read_chain(whole, issuer.key_pem, BUNDLE_A)
    assert (found.issuer.subject, cannot_work(found)) == ("identity.linkerd.cluster.local", [])


def test_of_two_anchors_with_one_key_the_longer_one_counts(tmp_path: Path) -> None:
    longer = _again(ANCHOR_A, timedelta(days=5000))
    found = read_chain(ISSUER_A.certificate_pem, ISSUER_A.key_pem, BUNDLE_A + longer)
    assert found.signer is not None
    assert (found.signer.not_after - NOW).days == 5000
    (tmp_path / "anchor.key").write_text(ANCHOR_A.key_pem)
    assert anchor_from_file(tmp_path / "anchor.key", BUNDLE_A + longer).certificate_pem == longer


def _again(anchor: Issued, lifetime: timedelta) -> str:
    """The anchor's certificate made anew with its own key."""
    old, key = x509.load_pem_x509_certificate(anchor.certificate_pem.encode()), private_key(anchor.key_pem)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + lifetime)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def own_files(folder: Path, issuer: Issued = ISSUER_A, bundle: str = BUNDLE_A) -> Certificates:
    contents = {"own.crt": issuer.certificate_pem, "own.key": issuer.key_pem, "anchors.crt": bundle}
    for name, content in contents.items():
        (folder / name).write_text(content)
    names = [str(folder / name) for name in contents]
    return Certificates(issuer=OwnIssuer(certificate_file=names[0], key_file=names[1], anchors_file=names[2]))


def test_an_issuer_of_ones_own_is_taken_where_there_is_none(tmp_path: Path) -> None:
    files = own_files(tmp_path)
    plan = plan_identity(None, None, "linkerd", "cluster.local", files, NOW)
    assert [name for name, _ in plan.made] == [
        "linkerd/ConfigMap/linkerd-identity-trust-roots",
        "linkerd/Secret/linkerd-identity-issuer",
    ]
    assert (plan.issuer, plan.bundle_pem) == (ISSUER_A, BUNDLE_A)
    beside = plan_identity(None, trust_roots("linkerd", BUNDLE_A), "linkerd", "cluster.local", files, NOW)
    assert [name for name, _ in beside.made] == ["linkerd/Secret/linkerd-identity-issuer"]
    kept = plan_identity(
        secret(), trust_roots("linkerd", BUNDLE_A), "linkerd", "cluster.local", own_files(tmp_path), NOW
    )
    assert (kept.step, kept.made) == ("keep", [])


def test_an_issuer_of_ones_own_that_identity_would_not_take_is_refused(tmp_path: Path) -> None:
    for bundle, day in ((BUNDLE_B, NOW), (BUNDLE_A, NOW + timedelta(days=366))):
        with pytest.raises(Refused) as refused:
            plan_identity(None, None, "linkerd", "cluster.local", own_files(tmp_path, bundle=bundle), day)
        assert {problem.code for problem in refused.value.problems} == {"own-issuer-unusable"}
    roots = trust_roots("linkerd", BUNDLE_B)
    with pytest.raises(Refused, match="no trust anchor signed"):
        plan_identity(None, roots, "linkerd", "cluster.local", own_files(tmp_path), NOW)


def test_files_that_cannot_be_read_are_named_and_no_key_is_shown(tmp_path: Path) -> None:
    files = own_files(tmp_path)
    assert files.issuer is not None
    taken = own_issuer.take(files.issuer, "")
    plan = plan_identity(None, None, "linkerd", "cluster.local", files, NOW)
    lines = [line for line in ISSUER_A.key_pem.splitlines() if "-----" not in line]
    assert not any(line in repr(taken) + repr(plan) for line in lines)
    (tmp_path / "own.crt").write_text(ISSUER_A.key_pem)
    with pytest.raises(Refused) as broken:
        own_issuer.take(files.issuer, "")
    (tmp_path / "own.key").unlink()
    with pytest.raises(Refused) as absent:
        own_issuer.take(files.issuer, "")
    assert str(tmp_path / "own.key") in str(absent.value)
    for refused in (broken, absent):
        assert refused.value.problems[0].code == "own-issuer-unreadable"
        assert not any(line in repr(refused.value.problems) for line in lines)
