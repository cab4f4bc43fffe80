"""Reads an issuer of the operator's own from the files that the inventory names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from meshroll.adapters.certificates import Issued
from meshroll.adapters.chain import read_chain
from meshroll.core.certificates import Chain
from meshroll.core.errors import Problem, Refused
from meshroll.core.settings import OwnIssuer


@dataclass(frozen=True)
class Taken:
    """The pair as it stands in the files, held against ``bundle_pem``."""

    issued: Issued = field(repr=False)
    bundle_pem: str
    chain: Chain


def take(files: OwnIssuer, cluster_bundle_pem: str) -> Taken:
    """The cluster's anchors count where it has some, else those of the file. Raises Refused for what is no PEM."""
    issued = Issued(_read(files.certificate_file), _read(files.key_file))
    bundle_pem = cluster_bundle_pem or _read(files.anchors_file)
    try:
        return Taken(issued, bundle_pem, read_chain(issued.certificate_pem, issued.key_pem, bundle_pem))
    except Refused:
        raise _unreadable(
            f"{files.certificate_file}, its key and its anchors hold no PEM that can be read"
        ) from None


def _read(name: str) -> str:
    try:
        return Path(name).expanduser().read_text()
    except OSError as error:
        raise _unreadable(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unreadable(f"{name} is no text") from None


def _unreadable(why: str) -> Refused:
    hint = "meshroll_certificates.issuer names files of this machine, in PEM, the key without a password."
    return Refused(Problem("own-issuer-unreadable", f"{why}.", hint))
