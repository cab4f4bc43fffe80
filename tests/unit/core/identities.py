"""Issuers and trust anchors as they were read, with defaults that make them sound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from meshroll.core.certificates import Certificate, Chain
from meshroll.core.mesh_identity import MeshIdentity
from meshroll.core.renewal_seen import AnchorKey, Seen

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = AnchorKey("/safe/anchor.key", True, signs=True)


def certificate(days: float, lived: float = 1.0, **fields: Any) -> Certificate:
    """One that ends in ``days`` and began ``lived`` days ago."""
    made = Certificate(
        "identity.linkerd.cluster.local",
        ("identity.linkerd.cluster.local",),
        True,
        "ECDSA P-256",
        "ECDSA-SHA256",
        NOW - timedelta(days=lived),
        NOW + timedelta(days=days),
    )
    return replace(made, **fields)


def chain(issuer_days: float = 30, anchor_days: float = 3000, lived: float = 335.0) -> Chain:
    anchor = certificate(anchor_days, lived, subject="root.linkerd.cluster.local")
    return Chain(certificate(issuer_days, lived), (anchor,), anchor, True)


def seen(found: Chain | None = None, **fields: Any) -> Seen:
    """An issuer of a year that ends in 30 days, and the key that renews it."""
    return replace(
        Seen("linkerd", "cluster.local", MeshIdentity(found or chain()), KEY, version="7"), **fields
    )
