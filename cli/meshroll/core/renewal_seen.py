"""What a renewal of the issuer is decided by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meshroll.core.errors import Problem
from meshroll.core.identity import EXTERNAL, Layout
from meshroll.core.mesh_identity import MeshIdentity
from meshroll.core.ownership import Owner


@dataclass(frozen=True)
class AnchorKey:
    """The file that ``meshroll_certificates.anchor_key_file`` names. ``unusable``: why it cannot sign, if it is there.

    ``signs``: it holds the key of the very anchor that the issuer of now chains to. Every proxy knows that one, and so
    does identity, which reads the anchors only as it starts.
    """

    file: str | None
    exists: bool = False
    unusable: Problem | None = None
    signs: bool = False


@dataclass(frozen=True)
class OwnFiles:
    """The issuer in the files of ``meshroll_certificates.issuer``: until when it would do, or why it would not."""

    file: str
    ends_at: datetime | None = None
    unusable: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What a renewal is decided by; no key is in it. ``unread``: why the certificates could not be read.

    ``version`` is the resourceVersion of the issuer's Secret. ``unproved_since`` (the API server's clock): a run wrote
    a new pair, and did not come to see that identity has it.
    """

    namespace: str
    trust_domain: str
    identity: MeshIdentity
    anchor_key: AnchorKey
    own: OwnFiles | None = None
    layout: Layout = EXTERNAL
    owner: Owner | None = None
    version: str = ""
    unproved_since: datetime | None = None
    unread: tuple[Problem, ...] = ()
