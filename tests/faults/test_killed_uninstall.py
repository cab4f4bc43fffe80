"""An uninstall is killed at its writes and at Helm's; the same command again leaves nothing half removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults.conftest import Figure
from faults.fields import lost_fields
from faults.helm_writes import WRITERS, kills
from faults.kills import killed_at, nth
from faults.mesh import HOME, Mesh, mesh_of
from sandbox.support import Ran

from meshroll.adapters.certificate_dates import ADMISSION
from meshroll.core.certificate_dates import WEBHOOKS
from meshroll.core.chart_values import CRDS_CHART

RELEASE = "edge-26.6.3"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/servers.policy.linkerd.io"
TRIES = 3
# How many an undisturbed one makes.
MADE = {
    "uninstall": {"meshroll": 8, "helm's records": 2, "helm": 41},
    "uninstall --crds": {"meshroll": 8, "helm's records": 4, "helm": 51},
}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Linkerd that nothing needs any more."""
    with mesh_of(RELEASE, tmp_path_factory.mktemp("uninstalls")) as mesh:
        ran = mesh.estate.run("rollback")
        assert ran.code == 0, ran.result["errors"]
        mesh.remember()
        yield mesh


@pytest.fixture
def mesh(left: Mesh) -> Mesh:
    left.put_back()
    return left


def again(mesh: Mesh, arguments: list[str]) -> Ran:
    for _ in range(TRIES):
        ran = mesh.estate.run(*arguments)
        if ran.codes != ["helm-release-in-the-way"]:
            break
        mesh.a_minute_passes()
    return ran


@kills(MADE)
def test_the_same_command_again_leaves_nothing_of_it(
    mesh: Mesh, figure: Figure, asked: str, writer: str, number: int
) -> None:
    arguments = asked.split()
    killed = killed_at(mesh.estate, nth(number, WRITERS[writer]), "after", *arguments)
    if killed is None:
        pytest.skip("it makes fewer writes")
    figure.row("uninstall killed at its writes and Helm's, then uninstall")
    ran = again(mesh, arguments)
    assert ran.code == 0, (str(killed), ran.result["errors"])
    charts = set() if "--crds" in arguments else {CRDS_CHART}
    assert {name for name, _, _ in mesh.helm_records()} == charts, str(killed)
    assert mesh.why_not_over() == [], str(killed)
    assert mesh.releases_here() == set()
    assert [name for name, kind in WEBHOOKS.items() if mesh.kube.get(f"{ADMISSION}/{kind}/{name}")] == []
    assert mesh.kube.list_all(f"/api/v1/namespaces/{HOME}/pods")[0] == []
    assert (mesh.kube.get(CRD) is None) == ("--crds" in arguments)
    assert mesh.kube.get(f"/api/v1/namespaces/{HOME}/secrets/linkerd-identity-issuer")
    assert lost_fields(mesh.estate.state(), mesh.state, exact=True) == []
    assert mesh.proxies_here() == {None}
    before = mesh.fingerprint()
    ran = mesh.estate.run(*arguments)
    assert ran.code == 0 and any("Nothing to do" in line for line in ran.cluster["summary"])
    assert mesh.fingerprint() == before
    figure.end("gone")
