"""Reads what identity stands on in a running mesh."""

from __future__ import annotations

from collections.abc import Iterable

from meshroll.adapters.chain import read_chain, trusts
from meshroll.adapters.kube.client import Object
from meshroll.core.identity import BUNDLE_KEY, layout_of, secret_value
from meshroll.core.mesh_identity import Carried, MeshIdentity
from meshroll.core.model import Pod
from meshroll.core.trust_bundles import bundles_of, trimmed


def identity_of(secret: Object, roots: Object, pods: Iterable[Pod]) -> MeshIdentity:
    """Of the issuer's Secret, the ConfigMap with the anchors, and any pods. Raises Refused where no PEM is in them."""
    layout, bundle = layout_of(secret), anchors_pem(roots)
    issuer = secret_value(secret, layout.certificate) or ""
    chain = read_chain(issuer, secret_value(secret, layout.key) or "", bundle)
    carried = bundles_of(pods).items()
    return MeshIdentity(
        chain,
        tuple(
            Carried(workloads, trusts(other, issuer))
            for other, workloads in carried
            if other != trimmed(bundle)
        ),
    )


def anchors_pem(roots: Object) -> str:
    return str((roots.get("data") or {}).get(BUNDLE_KEY) or "")
