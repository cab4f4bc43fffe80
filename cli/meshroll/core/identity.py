"""The two objects that identity starts from, and what is to be done for them.

No key passes through Helm: told ``identity.issuer.scheme=kubernetes.io/tls`` and
``identity.externalCA=true``, the charts use the Secret and the ConfigMap of this module.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from meshroll.core.errors import Problem, Refused

ISSUER_SECRET = "linkerd-identity-issuer"  # noqa: S105 - the name of the object
TRUST_ROOTS = "linkerd-identity-trust-roots"
BUNDLE_KEY = "ca-bundle.crt"

Step = Literal["keep", "publish", "take", "issue", "make"]


def step_for(
    *,
    issuer_is_there: bool,
    roots_are_there: bool,
    own_issuer: bool,
    key_file: str | None,
    key_file_exists: bool,
) -> Step:
    """What is to be done for the identity objects of a cluster; never one that replaces something.

    ``keep`` both; ``publish`` the anchors that the issuer's Secret names; ``take`` the operator's own from files;
    ``issue`` with the anchor's key that an unfinished install (or the operator) put into the file; ``make`` both.
    Raises Refused.
    """
    if issuer_is_there:
        return "keep" if roots_are_there else "publish"
    if own_issuer:
        return "take"
    if key_file is None:
        raise Refused(
            Problem(
                "anchor-key-file-not-given",
                "The trust anchor's key needs a place outside the cluster, and none is named.",
                "Set meshroll_certificates.anchor_key_file to a new file on a safe disk; it renews issuers. Or name "
                "your own issuer in meshroll_certificates.issuer, or make "
                f"Secret {ISSUER_SECRET} and ConfigMap {TRUST_ROOTS} yourself.",
            )
        )
    if roots_are_there:
        if not key_file_exists:
            raise Refused(
                Problem(
                    "anchor-key-missing",
                    f"ConfigMap {TRUST_ROOTS} is there, but no issuer, and no anchor key in {key_file}.",
                    f"Put the anchor's key there, or make Secret {ISSUER_SECRET} yourself.",
                )
            )
        return "issue"
    if key_file_exists:
        raise Refused(
            Problem(
                "anchor-key-exists",
                f"{key_file} exists already, and the cluster has no trust anchor that it belongs to.",
                "Name another file in meshroll_certificates.anchor_key_file; or, if it is left from an "
                "install that was cut short and no other cluster uses it, move it away.",
            )
        )
    return "make"


def trust_domain_of(values: Mapping[str, Any]) -> str:
    """As the chart decides it: ``identityTrustDomain``, else ``clusterDomain``, else ``cluster.local``."""
    return str(values.get("identityTrustDomain") or values.get("clusterDomain") or "cluster.local")


def trust_roots(namespace: str, bundle_pem: str) -> dict[str, Any]:
    """The ConfigMap with the trust anchors: certificates only."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": TRUST_ROOTS, "namespace": namespace, "labels": _labels(namespace)},
        "data": {BUNDLE_KEY: bundle_pem},
    }


def issuer_secret(namespace: str, certificate_pem: str, key_pem: str, bundle_pem: str) -> dict[str, Any]:
    """The Secret with the issuer's certificate and key, in the shape that cert-manager makes too."""
    data = {"tls.crt": certificate_pem, "tls.key": key_pem, "ca.crt": bundle_pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": ISSUER_SECRET, "namespace": namespace, "labels": _labels(namespace)},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


@dataclass(frozen=True)
class Layout:
    """The keys of the issuer's Secret under which the charts look for certificate and private key."""

    certificate: str
    key: str


EXTERNAL, LINKERD = Layout("tls.crt", "tls.key"), Layout("crt.pem", "key.pem")


def layout_of(secret: Mapping[str, Any]) -> Layout:
    """As the Secret shows ``identity.issuer.scheme``: kubernetes.io/tls, or linkerd.io/tls (what the charts make)."""
    data = secret.get("data") or {}
    return LINKERD if LINKERD.certificate in data and EXTERNAL.certificate not in data else EXTERNAL


def secret_value(secret: Mapping[str, Any], key: str) -> str | None:
    """A decoded value of a Secret, None where it has no such key."""
    encoded = (secret.get("data") or {}).get(key)
    return base64.b64decode(encoded).decode() if encoded else None


def _labels(namespace: str) -> dict[str, str]:
    return {"linkerd.io/control-plane-component": "identity", "linkerd.io/control-plane-ns": namespace}
