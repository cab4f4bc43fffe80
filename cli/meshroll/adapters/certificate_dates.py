"""Reads what certificates a mesh lives by, as far as the account may."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from meshroll.adapters.chain import read_certificates
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.mesh_identity import anchors_pem, identity_of
from meshroll.core.certificate_dates import ANCHOR, ISSUER, WEBHOOKS, Dated, dated, webhook_name
from meshroll.core.errors import Refused
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS, layout_of, secret_value
from meshroll.core.mesh_identity import MeshIdentity
from meshroll.core.model import Pod

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


Read = Mapping[str, Object | str]
"""What each certificate is read from, or why it was not read."""


def read(kube: Kube, namespace: str) -> Read:
    """The objects with the certificates of Linkerd in ``namespace``, by what they are of.

    Raises Refused where the API server does not answer.
    """
    home = f"/api/v1/namespaces/{namespace}"
    paths = {
        ANCHOR: f"{home}/configmaps/{TRUST_ROOTS}",
        ISSUER: f"{home}/secrets/{ISSUER_SECRET}",
        **{webhook_name(name): f"{ADMISSION}/{kind}/{name}" for name, kind in WEBHOOKS.items()},
    }
    with ThreadPoolExecutor(max_workers=len(paths)) as pool:
        found = pool.map(lambda path: _read(kube, path), paths.values())
        return dict(zip(paths, found, strict=True))


def dates(read: Read, now: datetime) -> list[Dated]:
    """What may not be read, is absent or is no PEM is ``not_read``, with the reason."""
    return [each for what, found in read.items() for each in _dates(what, found, now)]


def identity(read: Read, pods: Iterable[Pod]) -> MeshIdentity:
    """Of what was read, and of these pods' proxies; nothing of what is no PEM, which the dates tell."""
    secret, roots = read[ISSUER], read[ANCHOR]
    if isinstance(secret, str) or isinstance(roots, str):
        return MeshIdentity()
    try:
        return identity_of(secret, roots, pods)
    except Refused:
        return MeshIdentity()


def _read(kube: Kube, path: str) -> Object | str:
    """The object, or why it was not read."""
    try:
        return kube.get(path) or "it is not there"
    except ApiError as error:
        if error.status == 403:
            return "the account may not read it"
        raise


def _dates(what: str, found: Object | str, now: datetime) -> list[Dated]:
    if isinstance(found, str):
        return [Dated(what=what, state="not_read", reason=found)]
    try:
        certificates = read_certificates(_pem(what, found))
    except ValueError:
        return [Dated(what=what, state="not_read", reason="it holds no certificate that can be read")]
    # Behind an issuer may stand those that signed it; in the anchors each counts for itself.
    return dated(what, certificates if what == ANCHOR else certificates[:1], now)


def _pem(what: str, found: Object) -> str:
    if what == ANCHOR:
        return anchors_pem(found)
    if what == ISSUER:
        return secret_value(found, layout_of(found).certificate) or ""
    bundles = [hook["clientConfig"].get("caBundle") or "" for hook in found.get("webhooks") or []]
    return base64.b64decode(bundles[0] if bundles else "").decode()
