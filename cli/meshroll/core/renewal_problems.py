"""Why an issuer that is due is not renewed, with the steps that a person has to take."""

from __future__ import annotations

from datetime import datetime

from meshroll.core.certificate_dates import ANCHOR, ISSUER, remedy
from meshroll.core.certificates import Certificate, Chain, issuer_name, out_of_time
from meshroll.core.errors import Problem
from meshroll.core.identity import EXTERNAL, ISSUER_SECRET
from meshroll.core.ownership import Owner
from meshroll.core.renewal_seen import Seen

OVER = "certificate-not-valid"
GUIDE = "docs/how-to/certificates.md"
SECTIONS = {
    "anchor": "rotate-the-trust-anchor",
    "over": "it-is-over",
    "elsewhere": "somebody-else-renews-it",
}


def over(chain: Chain, now: datetime) -> list[Problem]:
    """What is not valid now: the mesh is broken already, and nothing is to be changed beside that."""
    return [
        Problem(
            OVER,
            f"{reason[:1].upper()}{reason[1:]}, so no proxy gets an identity.",
            f"{remedy(ISSUER if reason.startswith(f'the {ISSUER}') else ANCHOR)} {guide('over')}",
            object=f"Secret/{ISSUER_SECRET}",
        )
        for reason in out_of_time(chain, now)
    ]


def no_way(seen: Seen, ends_at: datetime) -> Problem | None:
    """Why meshroll cannot renew what is due, with the steps to take by hand."""
    key, message = seen.anchor_key, f"The issuer ends on {minute(ends_at)}, and meshroll cannot renew it: "
    by_hand, issuer = f"By hand: {_steps(seen)}", f"Secret/{ISSUER_SECRET}"
    if seen.owner is not None:
        return Problem(
            "issuer-renewal-elsewhere",
            f"{message}its Secret comes from {seen.owner.name}, which would put the old one back.",
            f"{by_hand} {guide('elsewhere')}",
            object=issuer,
        )
    if not key.exists:
        where = (
            f"there is no file {key.file}" if key.file else "meshroll_certificates.anchor_key_file names none"
        )
        where += f"; nor does {seen.own.file} hold one that ends later" if seen.own else ""
        return Problem(
            "issuer-renewal-key",
            f"{message}it needs the trust anchor's key, and {where}.",
            f"Put the key there for the time of the run. {by_hand}",
            object=issuer,
        )
    if key.unusable is not None:
        return key.unusable
    if not key.signs:
        return Problem(
            "issuer-renewal-other-anchor",
            f"{message}{key.file} is the key of another anchor than the one that signed it.",
            f"An issuer of a new anchor is a part of the anchor's rotation, which is done by hand. {guide('anchor')}",
            object=issuer,
        )
    return None


def overdue(seen: Seen, owner: Owner, ends_at: datetime) -> Problem:
    return Problem(
        "issuer-renewal-overdue",
        f"The issuer ends on {minute(ends_at)}, and {owner.name} should have renewed it by now.",
        f"`kubectl -n {seen.namespace} describe certificate,certificaterequest,secret` may say why not.",
        object=f"Secret/{ISSUER_SECRET}",
    )


def anchor_ending(anchor: Certificate) -> Problem:
    return Problem(
        "trust-anchor-ending",
        f"The trust anchor {anchor.subject} ends on {anchor.not_after:%Y-%m-%d}, and the issuer with it.",
        f"meshroll does not rotate trust anchors. {remedy(ANCHOR)} {guide('anchor')}",
    )


def _steps(seen: Seen) -> str:
    """The commands that make a new issuer and take it to identity, as this cluster needs them."""
    home = seen.namespace
    make = (
        f"`step certificate create {issuer_name(home, seen.trust_domain)} issuer.crt issuer.key "
        "--profile intermediate-ca --not-after 8760h --no-password --insecure --ca ca.crt --ca-key ca.key`"
    )
    if seen.owner is not None and seen.owner.kind == "GitOps":
        return f"{make}, then put the pair where the Secret comes from."
    if seen.owner is not None:
        return (
            f"{make}, then `helm -n {home} upgrade linkerd-control-plane CHART --version INSTALLED --reuse-values "
            "--set-file identity.issuer.tls.crtPEM=issuer.crt --set-file identity.issuer.tls.keyPEM=issuer.key`."
        )
    files = f"--from-file={seen.layout.certificate}=issuer.crt --from-file={seen.layout.key}=issuer.key"
    kind = " --type kubernetes.io/tls" if seen.layout == EXTERNAL else ""
    return (
        f"{make}, then `kubectl -n {home} create secret generic {ISSUER_SECRET}{kind} {files} --dry-run=client -o yaml "
        "| kubectl apply --server-side --force-conflicts -f -`, then within two minutes "
        f"`kubectl -n {home} get events --field-selector reason=IssuerUpdated`, else "
        f"`kubectl -n {home} rollout restart deployment/linkerd-identity`."
    )


def guide(part: str) -> str:
    """Where the commands of a part stand."""
    return f"{GUIDE}#{SECTIONS[part]} has the commands."


def minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
