"""Reads what certificates a mesh lives by, as far as the account may."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from meshroll.adapters.chain import read_certificates
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.core.certificate_dates import ANCHOR, ISSUER, WEBHOOKS, Dated, dated, webhook_name
from meshroll.core.identity import BUNDLE_KEY, ISSUER_SECRET, TRUST_ROOTS, secret_value

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


def read_dates(kube: Kube, namespace: str, now: datetime) -> list[Dated]:
    """Those of Linkerd in ``namespace``. What may not be read, is absent or is no PEM is ``not_read``, with the reason.

    Raises Refused where the API server does not answer.
    """
    home = f"/api/v1/namespaces/{namespace}"
    paths = {
        ANCHOR: f"{home}/configmaps/{TRUST_ROOTS}",
        ISSUER: f"{home}/secrets/{ISSUER_SECRET}",
        **{webhook_name(name): f"{ADMISSION}/{kind}/{name}" for name, kind in WEBHOOKS.items()},
    }
    with ThreadPoolExecutor(max_workers=len(paths)) as pool:
        read = pool.map(lambda path: _read(kube, path), paths.values())
        return [each for what, found in zip(paths, read, strict=True) for each in _dates(what, found, now)]


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
        return str((found.get("data") or {}).get(BUNDLE_KEY) or "")
    if what == ISSUER:
        return secret_value(found, "tls.crt") or ""
    bundles = [hook["clientConfig"].get("caBundle") or "" for hook in found.get("webhooks") or []]
    return base64.b64decode(bundles[0] if bundles else "").decode()
