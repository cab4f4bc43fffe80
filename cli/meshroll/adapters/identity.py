"""Brings a cluster's trust roots and issuer about: made, taken up again, or kept as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from meshroll.adapters import own_issuer
from meshroll.adapters.certificates import Issued, anchor_from_file, make, write_anchor_key
from meshroll.adapters.chain import read_chain
from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.core.certificates import anchor_spec, expiring, issuer_name, issuer_spec, problems
from meshroll.core.errors import Failed, Problem, Refused
from meshroll.core.identity import (
    BUNDLE_KEY,
    ISSUER_SECRET,
    TRUST_ROOTS,
    Step,
    issuer_secret,
    secret_value,
    step_for,
    trust_roots,
)
from meshroll.core.model import Object
from meshroll.core.settings import Certificates


@dataclass(frozen=True)
class IdentityPlan:
    """What is to be done, decided without a write.

    ``anchor`` is the one that is there, to issue with; ``issuer`` the operator's own, to take.
    """

    step: Step
    namespace: str
    trust_domain: str
    key_file: Path
    bundle_pem: str = ""
    anchor: Issued | None = field(default=None, repr=False)
    issuer: Issued | None = field(default=None, repr=False)
    roots_are_there: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def made(self) -> list[tuple[str, str]]:
        """(object, what it will be) of each object that will be made."""
        issuer = "the issuer of meshroll_certificates.issuer" if self.issuer else "an issuer for one year"
        rows = {
            "file": (f"file {self.key_file}", "the trust anchor's key"),
            "roots": (f"{self.namespace}/ConfigMap/{TRUST_ROOTS}", "the trust anchor"),
            "issuer": (f"{self.namespace}/Secret/{ISSUER_SECRET}", issuer),
        }
        return [rows[key] for key in _MADE[self.step] if not (key == "roots" and self.roots_are_there)]


_MADE: Mapping[Step, tuple[str, ...]] = {
    "keep": (),
    "publish": ("roots",),
    "take": ("roots", "issuer"),
    "issue": ("issuer",),
    "make": ("file", "roots", "issuer"),
}


def plan_identity(
    secret: Object | None,
    roots: Object | None,
    namespace: str,
    trust_domain: str,
    files: Certificates,
    now: datetime,
) -> IdentityPlan:
    """Raises Refused where what is there, or in files, is no valid pair, or the anchor's key has no place."""
    path = Path(files.anchor_key_file or "").expanduser()
    step = step_for(
        issuer_is_there=secret is not None,
        roots_are_there=roots is not None,
        own_issuer=files.issuer is not None,
        key_file=files.anchor_key_file,
        key_file_exists=path.is_file(),
    )
    if step == "make":
        return IdentityPlan(step, namespace, trust_domain, path)
    if step == "take":
        assert files.issuer is not None
        return _taking(
            own_issuer.take(files.issuer, _bundle(None, roots)), roots, namespace, trust_domain, now
        )
    bundle_pem = _bundle(secret, roots)
    if step == "issue":
        anchor = anchor_from_file(path, bundle_pem)
        return IdentityPlan(step, namespace, trust_domain, path, bundle_pem, anchor)
    chain = read_chain(
        secret_value(secret or {}, "tls.crt") or "", secret_value(secret or {}, "tls.key") or "", bundle_pem
    )
    found = problems(chain, issuer_name(namespace, trust_domain), now)
    if found:
        raise Refused(found)
    warnings = tuple(expiring(chain, now))
    return IdentityPlan(step, namespace, trust_domain, path, bundle_pem, warnings=warnings)


def _taking(
    taken: own_issuer.Taken, roots: Object | None, namespace: str, trust_domain: str, now: datetime
) -> IdentityPlan:
    """Raises Refused where identity would not take the operator's own issuer."""
    found = problems(taken.chain, issuer_name(namespace, trust_domain), now)
    if found:
        hint = "Mend the files that meshroll_certificates.issuer names."
        raise Refused([replace(problem, code="own-issuer-unusable", hint=hint) for problem in found])
    return IdentityPlan(
        "take",
        namespace,
        trust_domain,
        Path(),
        taken.bundle_pem,
        issuer=taken.issued,
        roots_are_there=roots is not None,
        warnings=tuple(expiring(taken.chain, now)),
    )


def carry_out(kube: Kube, plan: IdentityPlan, now: datetime) -> None:
    """Makes what the plan says. The anchor's key is on disk before the cluster knows the anchor.

    So whatever cuts this short, a second run finds either nothing, or the anchor with its key. Nothing that is
    there is replaced: objects are created, and a second creator gets a 409.
    """
    anchor, bundle_pem = plan.anchor, plan.bundle_pem
    if plan.step == "make":
        anchor = make(anchor_spec(plan.namespace, plan.trust_domain), now)
        bundle_pem = anchor.certificate_pem
        write_anchor_key(plan.key_file, anchor)
    core = f"/api/v1/namespaces/{plan.namespace}"
    if plan.step in ("make", "publish", "take") and not plan.roots_are_there:
        kube.create(f"{core}/configmaps", trust_roots(plan.namespace, bundle_pem))
    if plan.step in ("make", "issue", "take"):
        issuer = plan.issuer or make(issuer_spec(plan.namespace, plan.trust_domain), now, anchor)
        secret = issuer_secret(plan.namespace, issuer.certificate_pem, issuer.key_pem, bundle_pem)
        _create_secret(kube, f"{core}/secrets", secret)


def _create_secret(kube: Kube, path: str, secret: Mapping[str, Any]) -> None:
    """Creates it; an admission webhook's message could quote the object, so none is passed on."""
    status = 0
    try:
        kube.create(path, secret)
        return
    except ApiError as error:
        status = error.status
    raise Failed(
        Problem(
            "issuer-secret",
            f"The API server did not take Secret {ISSUER_SECRET} ({status}).",
            "Run the same command again: it goes on from here. The API server's audit log has the reason.",
            object=f"Secret/{ISSUER_SECRET}",
        )
    )


def _bundle(secret: Object | None, roots: Object | None) -> str:
    """The trust anchors: those of the ConfigMap, else those that the issuer's Secret brings along."""
    if roots is not None:
        return str((roots.get("data") or {}).get(BUNDLE_KEY) or "")
    return secret_value(secret or {}, "ca.crt") or ""
