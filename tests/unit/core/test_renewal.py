"""When the issuer is renewed, by whom, and what is said where it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.identities import KEY, NOW, certificate, chain, seen

from meshroll.core.errors import Problem
from meshroll.core.identity import LINKERD
from meshroll.core.mesh_identity import Carried, MeshIdentity
from meshroll.core.ownership import Owner, issuer_owner
from meshroll.core.renewal import decide, due_before_end
from meshroll.core.renewal_seen import AnchorKey, OwnFiles, Seen

CERT_MANAGER = Owner("cert-manager (Certificate issuer)", "controller")
HELM = Owner("Helm (release linkerd-control-plane)", "Helm")
FLUX = Owner("Flux", "GitOps")
UNREADABLE = Problem("anchor-key-unreadable", "It holds no key.", "Put it there.")


def codes(found: Seen) -> list[str]:
    return [problem.code for problem in decide(found, NOW).problems]


def test_one_of_a_year_is_renewed_in_its_last_sixty_days_for_a_year() -> None:
    assert decide(seen(chain(61)), NOW).action == "none"
    renewal = decide(seen(chain(59)), NOW)
    assert (renewal.action, renewal.due, renewal.problems) == ("renew", True, ())
    assert renewal.until == NOW + timedelta(days=365)
    assert renewal.ends_at == NOW + timedelta(days=59)


def test_a_short_lived_one_is_renewed_in_the_last_third_of_its_life() -> None:
    assert decide(seen(chain(31, lived=59)), NOW).action == "none"
    assert decide(seen(chain(29, lived=61)), NOW).action == "renew"


def test_the_new_one_ends_no_later_than_its_anchor() -> None:
    renewal = decide(seen(chain(30, anchor_days=200)), NOW)
    assert (renewal.action, renewal.until) == ("renew", NOW + timedelta(days=200))


def test_an_issuer_that_outlives_its_anchor_is_over_when_that_is() -> None:
    renewal = decide(seen(chain(300, anchor_days=40)), NOW)
    assert renewal.ends_at == NOW + timedelta(days=40)
    assert [problem.code for problem in renewal.problems] == ["trust-anchor-ending"]


def test_an_anchor_that_ends_with_its_issuer_is_to_be_rotated_and_not_the_issuer_renewed() -> None:
    (problem,) = decide(seen(chain(40, anchor_days=40.5)), NOW).problems
    assert problem.code == "trust-anchor-ending"
    assert "docs/how-to/certificates.md#rotate-the-trust-anchor" in problem.hint


def test_time_is_bought_until_the_anchors_end_and_that_is_said() -> None:
    renewal = decide(seen(chain(10, anchor_days=50)), NOW)
    assert (renewal.action, renewal.until) == ("renew", NOW + timedelta(days=50))
    assert any(note.startswith("The trust anchor ends on 2027-01-14") for note in renewal.notes)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (AnchorKey(None), "issuer-renewal-key"),
        (AnchorKey("/safe/anchor.key"), "issuer-renewal-key"),
        (AnchorKey("/safe/anchor.key", True, UNREADABLE), "anchor-key-unreadable"),
        (AnchorKey("/safe/anchor.key", True, signs=False), "issuer-renewal-other-anchor"),
    ],
)
def test_without_the_key_of_its_anchor_it_is_refused_while_it_is_due_and_not_before(
    key: AnchorKey, code: str
) -> None:
    assert codes(seen(chain(59), anchor_key=key)) == [code]
    assert codes(seen(chain(61), anchor_key=key)) == []


def test_the_steps_by_hand_are_those_of_this_cluster() -> None:
    (external,) = decide(seen(anchor_key=AnchorKey(None)), NOW).problems
    assert "--from-file=tls.crt=issuer.crt" in external.hint
    (linkerd,) = decide(seen(anchor_key=AnchorKey(None), layout=LINKERD), NOW).problems
    assert "--from-file=crt.pem=issuer.crt --from-file=key.pem=issuer.key" in linkerd.hint
    (other,) = decide(seen(anchor_key=AnchorKey(None), namespace="mesh", trust_domain="a.b"), NOW).problems
    assert "step certificate create identity.mesh.a.b " in other.hint
    assert "kubectl -n mesh rollout restart" in other.hint


def test_what_somebody_else_renews_is_said_and_never_touched() -> None:
    renewal = decide(seen(owner=CERT_MANAGER), NOW)
    assert (renewal.action, renewal.problems) == ("none", ())
    assert "cert-manager (Certificate issuer) renews it" in " ".join(renewal.notes)


@pytest.mark.parametrize(
    ("days", "lived", "late"), [(8, 357, False), (6, 359, True), (0.5, 1.5, False), (0.1, 1.9, True)]
)
def test_whoever_renews_it_and_has_not_done_so_is_late(days: float, lived: float, late: bool) -> None:
    assert codes(seen(chain(days, lived=lived), owner=CERT_MANAGER)) == (
        ["issuer-renewal-overdue"] if late else []
    )


def test_what_helm_or_git_would_put_back_is_renewed_there() -> None:
    (problem,) = decide(seen(owner=HELM), NOW).problems
    assert problem.code == "issuer-renewal-elsewhere"
    assert "--set-file identity.issuer.tls.keyPEM=issuer.key" in problem.hint
    assert codes(seen(chain(61), owner=HELM)) == []
    (problem,) = decide(seen(owner=FLUX), NOW).problems
    assert "put the pair where the Secret comes from" in problem.hint
    assert "helm" not in problem.hint


def test_a_later_issuer_in_the_operators_files_is_taken_and_needs_no_key() -> None:
    later = OwnFiles("/own/issuer.crt", NOW + timedelta(days=300))
    renewal = decide(seen(own=later, anchor_key=AnchorKey(None)), NOW)
    assert (renewal.action, renewal.source, renewal.until) == ("renew", "files", NOW + timedelta(days=300))
    assert decide(seen(chain(61), own=later), NOW).action == "none"
    assert codes(seen(own=later, owner=HELM)) == ["issuer-renewal-elsewhere"]


def test_the_same_issuer_in_the_files_renews_nothing_and_the_key_does() -> None:
    same = OwnFiles("/own/issuer.crt", NOW + timedelta(days=30))
    assert decide(seen(own=same), NOW).source == "anchor key"
    (problem,) = decide(seen(own=same, anchor_key=AnchorKey(None)), NOW).problems
    assert "nor does /own/issuer.crt hold one that ends later" in problem.message


def test_files_that_would_not_do_are_refused_once_they_are_needed() -> None:
    wrong = Problem("own-issuer-unusable", "Another anchor signed it.", "Mend it.")
    files = OwnFiles("/own/issuer.crt", unusable=(wrong,))
    assert codes(seen(own=files)) == ["own-issuer-unusable"]
    assert codes(seen(chain(61), own=files)) == []


@pytest.mark.parametrize(
    ("issuer_days", "anchor_days", "lived"), [(-1, 3000, 366), (30, -1, 335), (30, 3000, -1)]
)
def test_what_is_not_valid_now_is_refused_and_not_renewed(
    issuer_days: float, anchor_days: float, lived: float
) -> None:
    assert set(codes(seen(chain(issuer_days, anchor_days, lived)))) == {"certificate-not-valid"}


def test_what_identity_would_not_start_with_is_refused() -> None:
    sound = chain()
    for broken in (replace(sound, key_matches=False), replace(sound, signer=None)):
        assert codes(seen(broken)) == ["issuer-unusable"]
    no_ca = replace(sound, issuer=replace(sound.issuer, is_ca=False))
    assert codes(seen(no_ca)) == ["issuer-unusable"]
    missing = Problem("identity-missing", "There is none.", "Make it.")
    assert codes(seen(identity=MeshIdentity(), unread=(missing,))) == ["identity-missing"]


def test_proxies_that_do_not_know_the_anchor_are_named_and_those_of_another_bundle_noted() -> None:
    strangers = Carried(("charging/Deployment/omni",), trusts_issuer=False)
    (problem,) = decide(seen(identity=MeshIdentity(chain(), (strangers,))), NOW).problems
    assert problem.code == "proxies-without-anchor"
    assert "charging/Deployment/omni" in problem.message
    assert "kubectl -n charging rollout restart deployment/omni" in problem.hint
    others = replace(strangers, trusts_issuer=True)
    renewal = decide(seen(identity=MeshIdentity(chain(), (others,))), NOW)
    assert (renewal.action, renewal.problems) == ("renew", ())
    assert "charging/Deployment/omni" in " ".join(renewal.notes)


def test_a_key_that_linkerd_does_not_support_is_noted_and_refuses_nothing() -> None:
    odd = replace(chain(200), issuer=certificate(200, key_kind="ECDSA secp384r1"))
    renewal = decide(seen(odd), NOW)
    assert renewal.problems == ()
    assert "ECDSA secp384r1" in " ".join(renewal.notes)


def test_what_a_run_has_written_and_not_proved_comes_first() -> None:
    renewal = decide(seen(chain(364, lived=1), unproved_since=NOW - timedelta(hours=3)), NOW)
    assert (renewal.action, renewal.until) == ("prove", NOW + timedelta(days=364))


@given(
    issuer=st.floats(-400, 400),
    anchor=st.floats(-400, 4000),
    lived=st.floats(-1, 400),
    owner=st.sampled_from([None, CERT_MANAGER, HELM]),
    key=st.sampled_from([KEY, AnchorKey(None), AnchorKey("/a", True, UNREADABLE), AnchorKey("/a", True)]),
    own=st.none()
    | st.builds(
        OwnFiles,
        st.just("/own/issuer.crt"),
        st.floats(-400, 400).map(lambda days: NOW + timedelta(days=days)),
    ),
    unproved=st.booleans(),
    sound=st.booleans(),
)
def test_a_renewal_is_of_use_is_ours_to_make_and_can_be_made(
    issuer: float,
    anchor: float,
    lived: float,
    owner: Owner | None,
    key: AnchorKey,
    own: OwnFiles | None,
    unproved: bool,
    sound: bool,
) -> None:
    found = replace(chain(issuer, anchor, lived), key_matches=sound)
    since = NOW if unproved else None
    renewal = decide(seen(found, owner=owner, anchor_key=key, own=own, unproved_since=since), NOW)
    assert not (renewal.problems and renewal.due)
    for problem in renewal.problems:
        assert problem.hint
    if renewal.action == "renew":
        assert owner is None
        assert renewal.until is not None and renewal.ends_at is not None and found.signer is not None
        assert renewal.ends_at + timedelta(days=1) <= renewal.until
        if renewal.source == "files":
            assert own is not None and renewal.until == own.ends_at
            return
        assert key.signs and key.unusable is None
        assert renewal.until <= found.signer.not_after
        after = replace(found, issuer=replace(found.issuer, not_before=NOW, not_after=renewal.until))
        again = decide(seen(after), NOW + timedelta(minutes=1))
        assert (again.action, again.problems) == ("none", ()), "a renewal is not due again at once"
    if renewal.action == "none" and not renewal.problems and renewal.ends_at is not None:
        left = renewal.ends_at - NOW
        assert left > timedelta(0)
        assert left > due_before_end(renewal.ends_at - found.issuer.not_before) or owner is CERT_MANAGER


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({}, None),
        ({"labels": {"linkerd.io/control-plane-component": "identity"}}, None),
        ({"annotations": {"cert-manager.io/certificate-name": "issuer"}}, CERT_MANAGER),
        ({"labels": {"controller.cert-manager.io/fao": "true"}}, Owner("cert-manager", "controller")),
        (
            {"ownerReferences": [{"kind": "ExternalSecret", "name": "issuer"}]},
            Owner("ExternalSecret issuer", "controller"),
        ),
        ({"annotations": {"meta.helm.sh/release-name": "linkerd-control-plane"}}, HELM),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, Owner("Helm", "Helm")),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "mesh"}}, FLUX),
    ],
)
def test_whose_a_secret_is_stands_on_it(metadata: dict[str, Any], owner: Owner | None) -> None:
    assert issuer_owner({"metadata": {"name": "linkerd-identity-issuer", **metadata}}) == owner
