"""Is this cluster one that this rollout may touch?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshroll.core.certificate_dates import ANCHOR, ISSUER, Dated, remedy, told
from meshroll.core.checks.row import Case, Check
from meshroll.core.checks.shutdown import waited
from meshroll.core.errors import Problem, Refused
from meshroll.core.facts import Unseen
from meshroll.core.injection import GA_SINCE, NATIVE_ALPHA
from meshroll.core.mesh_identity import unusable, without_anchor
from meshroll.core.model import ControlPlane, kubernetes_minor
from meshroll.core.releases import Edge, supports_native_sidecar


def running_edge(plane: ControlPlane) -> Edge:
    """The edge release that runs. Raises Refused for a mesh that is not an edge release: nothing else can be asked."""
    if edge := Edge.read(plane.release):
        return edge
    release = plane.release or ""
    kind = (
        "Buoyant Enterprise"
        if release.startswith("enterprise-")
        else f"Linkerd {release or 'of an unknown release'}"
    )
    raise Refused(
        Problem(
            "control-plane-foreign",
            f"The cluster runs {kind}; meshroll drives edge releases.",
            "Use its own tools, or move it to an edge release first.",
        )
    )


def _no_control_plane(case: Case) -> list[Problem]:
    if case.view.control_plane.installed:
        return []
    return [
        Problem(
            "control-plane-missing",
            "Linkerd is not installed on this cluster, so no pod gets a proxy.",
            "`meshroll rollout` installs it.",
        )
    ]


def _injector_away(case: Case) -> list[Problem]:
    plane = case.view.control_plane
    if plane.installed and plane.injectors_ready < 1:
        return [
            Problem(
                "injector-not-ready",
                "No pod of linkerd-proxy-injector is Ready, so pods would start unmeshed.",
                f"kubectl -n {plane.namespace} get pods -l linkerd.io/control-plane-component=proxy-injector",
            )
        ]
    return []


def _kubernetes_too_old(case: Case) -> list[Problem]:
    found = []
    for namespace, _ in case.spaces():
        assert case.edge is not None
        minor = kubernetes_minor(case.view.kubernetes_version)
        if namespace.sidecar == "native" and not supports_native_sidecar(minor, case.edge):
            found.append(
                Problem(
                    "native-sidecar-unsupported",
                    f"Native sidecars need Kubernetes 1.29 and edge-25.12.3; this is {case.view.kubernetes_version} "
                    f"and {case.edge}.",
                    "Set `sidecar: wait` or `auto`.",
                    namespace=namespace.name,
                )
            )
    return found


def _values_wait_beside_native(case: Case) -> list[Problem]:
    """The injector fails on both (linkerd2 #12164), until it passes over the wait: row wait-beside-native."""
    assert case.edge is not None
    wait_seconds = waited(case.values)
    if not wait_seconds or case.edge >= GA_SINCE:
        return []
    return [
        Problem(
            "values-wait-beside-native",
            f"The control plane's values set proxy.waitBeforeExitSeconds={wait_seconds}: no native sidecars with it.",
            f"Set it to 0 in the values, or `sidecar: wait` for {namespace.name} (annotation {NATIVE_ALPHA}=false).",
            namespace=namespace.name,
        )
        for namespace, _ in case.spaces()
        if case.mode(namespace) == "native"
    ]


def _certificates_over(case: Case) -> Iterator[Problem]:
    """Proxies of an anchor or issuer that is over get no identity; an injector of such a webhook is not asked.

    An upgrade asks for anchor and issuer itself (renewal.py), and makes the webhooks' certificates anew.
    """
    for each in case.view.certificates:
        if each.state in ("expired", "not_yet_valid") and (line := told(each)):
            yield Problem("certificate-not-valid", line, remedy(each.what))
    _refuse_unread(case.view.certificates)


def _of_identity(case: Case, found: Sequence[Problem]) -> Iterator[Problem]:
    """``found``, as far as an issuer was read that it could be found in."""
    yield from found
    if case.view.control_plane.installed and case.view.identity.chain is None:
        _refuse_unread([each for each in case.view.certificates if each.what in (ISSUER, ANCHOR)])
        raise Unseen("the issuer was not read")


def _refuse_unread(certificates: Sequence[Dated]) -> None:
    """Raises Unseen."""
    unread = [f"{each.what}: {each.reason}" for each in certificates if each.state == "not_read"]
    if unread:
        raise Unseen("; ".join(unread))


_UNREAD = (
    "Needs `get` on Secret linkerd-identity-issuer, which no Role of `meshroll rbac` gives because the issuer's key is "
    "in it: without, the issuer is skipped."
)
CHECKS = (
    Check(
        "release-unusable",
        "there is a release to install, or one runs that meshroll drives",
        lambda case: case.release_problems,
        why="Only edge releases are free, and only they have a way from one to the next that meshroll knows. A stable "
        "release (2.14 and older) or Buoyant Enterprise is upgraded by its own tools.",
        fix="`meshroll releases --for CLUSTER` says what policy picks and why nothing newer.",
    ),
    Check(
        "control-plane-missing",
        "there is a proxy to be had",
        _no_control_plane,
        ("probe",),
        why="Without Linkerd's injector no pod gets a proxy, so there is nothing to prove.",
        fix="Install it: `meshroll rollout` does.",
    ),
    Check(
        "injector-not-ready",
        "the injector answers",
        _injector_away,
        ("in", "upgrade", "probe"),
        why="While no injector answers, its webhook lets pods start unmeshed (failurePolicy Ignore, the default) or "
        "refuses them (Fail) (linkerd2 #11623, #13702).",
        fix="Get linkerd-proxy-injector Ready: kubectl -n linkerd get pods -l "
        "linkerd.io/control-plane-component=proxy-injector.",
    ),
    Check(
        "certificate-not-valid",
        "the mesh's certificates are valid",
        _certificates_over,
        acceptable=True,
        why="A proxy gets no identity from a trust anchor or an issuer that is over, and the API server does not ask "
        f"an injector whose certificate is. {_UNREAD}",
        fix="Renew the certificate that is named; docs/how-to/certificates.md has the steps for each.",
    ),
    Check(
        "issuer-unusable",
        "identity can start with its issuer",
        lambda case: _of_identity(case, unusable(case.view.identity)),
        acceptable=True,
        why="linkerd-identity runs on with the issuer that it has and ignores one that its anchors did not sign, or "
        "whose key does not fit (linkerd2 #8018). It does not start again with it, and then no proxy gets an identity. "
        + _UNREAD,
        fix="Put an issuer there that the trust anchors signed, with its key; `meshroll upgrade` renews it.",
    ),
    Check(
        "proxies-without-anchor",
        "running proxies know the issuer's trust anchor",
        lambda case: _of_identity(case, without_anchor(case.view.identity)),
        acceptable=True,
        why="A pod keeps the trust anchors that it was born with. One that does not know the anchor of the present "
        f"issuer refuses every proxy that has its identity from it (linkerd2 #4287). {_UNREAD}",
        fix="Restart the workloads that are named before others get identities of the new anchor.",
    ),
    Check(
        "native-sidecar-unsupported",
        "the cluster carries the sidecar mode asked for",
        _kubernetes_too_old,
        ("in", "upgrade"),
        why="Kubernetes before 1.29 refuses pods with native sidecars (linkerd2 #13033), and Linkerd before "
        "edge-25.12.3 gets named ports, opaque ports and the end of Jobs wrong in them (linkerd2 #14289).",
        fix="Set `sidecar: wait` or `auto`, or upgrade what is too old.",
    ),
    Check(
        "values-wait-beside-native",
        "control plane values do not contradict native sidecars",
        _values_wait_beside_native,
        ("in", "upgrade"),
        acceptable=True,
        why="Below edge-26.5.2 the injector fails where native sidecars and a wait before exit come together, so pods "
        "start unmeshed or are refused (linkerd2 #12164).",
        fix="Set proxy.waitBeforeExitSeconds to 0 in the control plane's values, or `sidecar: wait`.",
    ),
)
