"""Renews the issuer: reads what that is decided by, writes the new pair, and sees that identity has it.

Keys live in fields that are not shown, in the anchor's file and in the issuer's Secret; what the API server says of a
write of that Secret is not passed on, because a webhook's message could quote it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import yaml

from meshroll.adapters import own_issuer
from meshroll.adapters.certificates import Issued, anchor_from_file, make
from meshroll.adapters.chain import read_chain, trusts
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.pods import list_pods
from meshroll.adapters.mesh_identity import anchors_pem, identity_of
from meshroll.core.certificates import CertificateSpec, Chain, cannot_work, issuer_name, out_of_time
from meshroll.core.errors import Drift, Problem, Refused
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS, layout_of, secret_value, trust_domain_of
from meshroll.core.issuer_update import renewed, unproved_since
from meshroll.core.mesh_identity import Carried, MeshIdentity, breaking
from meshroll.core.model import Pod
from meshroll.core.ownership import issuer_owner
from meshroll.core.renewal import Renewal
from meshroll.core.renewal_seen import AnchorKey, OwnFiles, Seen
from meshroll.core.settings import Certificates, OwnIssuer
from meshroll.core.trust_bundles import bundles_of
from meshroll.core.uninstall import MESHED_BY

PODS = "/api/v1/pods"


def see(kube: Kube, namespace: str, files: Certificates) -> Seen:
    """One look at the identity of Linkerd in ``namespace``, at the proxies of all namespaces, and at the files.

    What is missing or no PEM is told in ``unread``. Raises ApiError, Refused where the API server does not answer.
    """
    home = f"/api/v1/namespaces/{namespace}"
    with ThreadPoolExecutor(max_workers=4) as pool:
        read = [
            pool.submit(kube.get, f"{home}/{path}")
            for path in (
                f"secrets/{ISSUER_SECRET}",
                f"configmaps/{TRUST_ROOTS}",
                "configmaps/linkerd-config",
            )
        ]
        meshed = pool.submit(list_pods, kube, PODS, labelSelector=f"{MESHED_BY}={namespace}")
        secret, roots, config = (each.result() for each in read)
        pods = [Pod(item) for item in meshed.result()]
    values = yaml.safe_load(((config or {}).get("data") or {}).get("values", "")) or {}
    domain, key_file = trust_domain_of(values), files.anchor_key_file
    if secret is None or roots is None:
        unread = tuple(
            _missing(namespace, name)
            for name, found in ((f"Secret/{ISSUER_SECRET}", secret), (f"ConfigMap/{TRUST_ROOTS}", roots))
            if found is None
        )
        return Seen(namespace, domain, MeshIdentity(), AnchorKey(key_file), unread=unread)
    try:
        identity = identity_of(secret, roots, pods)
    except Refused as error:
        return Seen(namespace, domain, MeshIdentity(), AnchorKey(key_file), unread=error.problems)
    layout, bundle = layout_of(secret), anchors_pem(roots)
    return Seen(
        namespace,
        domain,
        identity,
        _anchor_key(key_file, bundle, secret_value(secret, layout.certificate) or ""),
        _own(files.issuer, bundle, pods, kube.server_now()) if files.issuer else None,
        layout,
        issuer_owner(secret),
        secret["metadata"]["resourceVersion"],
        unproved_since(secret),
    )


def write(kube: Kube, seen: Seen, files: Certificates, renewal: Renewal, run_id: str) -> datetime:
    """Puts a new issuer into the Secret that was seen; when it was written, by the API server's clock.

    It is held against the cluster's anchors and against those of every running proxy before. Raises Drift where the
    Secret has changed since, Refused where the new issuer would not be trusted, and ApiError.
    """
    core, now = f"/api/v1/namespaces/{seen.namespace}", kube.server_now()
    secret = kube.get(f"{core}/secrets/{ISSUER_SECRET}") or {}
    roots = kube.get(f"{core}/configmaps/{TRUST_ROOTS}") or {}
    if (secret.get("metadata") or {}).get("resourceVersion") != seen.version:
        raise _changed()
    bundle = anchors_pem(roots)
    issuer = _new_issuer(seen, files, renewal, bundle, now)
    pods = list_pods(kube, PODS, labelSelector=f"{MESHED_BY}={seen.namespace}")
    chain = read_chain(issuer.certificate_pem, issuer.key_pem, bundle)
    if found := _untrusted(chain, issuer, map(Pod, pods), now):
        raise Refused(found)
    pair = {seen.layout.certificate: issuer.certificate_pem, seen.layout.key: issuer.key_pem}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in pair.items()}
    written = replace_secret(kube, seen.namespace, renewed(secret, seen.layout, encoded, run_id))
    since = unproved_since(written)
    assert since is not None
    return since


def _new_issuer(seen: Seen, files: Certificates, renewal: Renewal, bundle: str, now: datetime) -> Issued:
    if renewal.source == "files":
        assert files.issuer is not None
        return own_issuer.take(files.issuer, bundle).issued
    assert renewal.until is not None
    spec = CertificateSpec(issuer_name(seen.namespace, seen.trust_domain), renewal.until - now, path_length=0)
    return make(spec, now, anchor_from_file(Path(seen.anchor_key.file or "").expanduser(), bundle))


def replace_secret(kube: Kube, namespace: str, secret: Object) -> Object:
    """Raises Drift where it has another resourceVersion by now, Refused without the API server's words."""
    status = 0
    try:
        return kube.replace(f"/api/v1/namespaces/{namespace}/secrets/{ISSUER_SECRET}", secret)
    except ApiError as error:
        status = error.status
    if status in (404, 409):
        raise _changed()
    raise Refused(
        Problem(
            "issuer-secret",
            f"The API server did not take Secret {ISSUER_SECRET} ({status}).",
            "Run the same command again: it goes on from here. The API server's audit log has the reason.",
            object=f"Secret/{ISSUER_SECRET}",
        )
    )


def _untrusted(chain: Chain, issuer: Issued, pods: Iterable[Pod], now: datetime) -> list[Problem]:
    """Why identity or a running proxy would not take the new issuer."""
    found = [
        Problem("own-issuer-unusable", f"The new issuer cannot be used: {reason}.", "Nothing was written.")
        for reason in (*cannot_work(chain), *out_of_time(chain, now))
    ]
    carried = tuple(
        Carried(workloads, trusts(each, issuer.certificate_pem))
        for each, workloads in bundles_of(pods).items()
    )
    return found + breaking(MeshIdentity(None, carried))


def _own(files: OwnIssuer, bundle: str, pods: Iterable[Pod], now: datetime) -> OwnFiles:
    try:
        taken = own_issuer.take(files, bundle)
    except Refused as error:
        return OwnFiles(files.certificate_file, unusable=error.problems)
    found = _untrusted(taken.chain, taken.issued, pods, now)
    if found or taken.chain.signer is None:
        return OwnFiles(files.certificate_file, unusable=tuple(found))
    ends_at = min(taken.chain.issuer.not_after, taken.chain.signer.not_after)
    return OwnFiles(files.certificate_file, ends_at)


def _anchor_key(key_file: str | None, bundle: str, issuer_pem: str) -> AnchorKey:
    path = Path(key_file or "").expanduser()
    if key_file is None or not path.is_file():
        return AnchorKey(key_file)
    try:
        anchor = anchor_from_file(path, bundle)
    except Refused as error:
        return AnchorKey(key_file, True, error.problems[0])
    return AnchorKey(key_file, True, signs=trusts(anchor.certificate_pem, issuer_pem))


def _missing(namespace: str, name: str) -> Problem:
    return Problem(
        "identity-missing",
        f"{name} is not in namespace {namespace}, and identity cannot start without it.",
        "docs/how-to/certificates.md#it-is-over has the commands that make it.",
        object=name,
    )


def _changed() -> Drift:
    return Drift(
        Problem(
            "drift",
            f"Secret {ISSUER_SECRET} was changed meanwhile by somebody else; nothing was written to it.",
            "Look at it, then run the command again.",
            object=f"Secret/{ISSUER_SECRET}",
        )
    )
