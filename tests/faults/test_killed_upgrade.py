"""An upgrade is killed at its writes and at Helm's; the next scheduled one ends as it should have, without a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults.conftest import Figure
from faults.estate import targets
from faults.fields import lost_fields
from faults.helm_writes import WRITERS, kills
from faults.judge import why_not_fallback
from faults.kills import killed_at, nth
from faults.mesh import Mesh, mesh_of
from sandbox.support import Ran, catalogue_with

OLD, NEW, BAD = "edge-25.10.7", "edge-26.6.3", "edge-26.6.99"
"""Proxies of BAD fail under traffic, so a hop to it is taken back."""
RECOMMENDED = {"mark": "recommended", "source": "test"}
TRIES = 4

# How many an undisturbed upgrade makes to it.
MADE = {
    NEW: {"meshroll": 16, "helm's records": 6, "helm": 32},
    BAD: {"meshroll": 22, "helm's records": 9, "helm": 54},
}


@pytest.fixture(scope="module")
def of_old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with mesh_of(OLD, tmp_path_factory.mktemp("upgrades")) as mesh:
        yield mesh


@pytest.fixture
def mesh(of_old: Mesh) -> Mesh:
    """OLD everywhere, and no run is remembered."""
    of_old.put_back()
    return of_old


def killed(mesh: Mesh, to: str, writer: str, number: int) -> str:
    """An upgrade to ``to`` is due, and is killed; says where."""
    changes = {
        each: RECOMMENDED if each == to else None for each in (NEW, "edge-26.6.98", BAD, "edge-26.8.3")
    }
    mesh.settings(
        release={"channel": "recommended"},
        catalogue=catalogue_with(mesh.estate.folder, changes),
        upgrade={"interval_days": 0},
    )
    found = killed_at(
        mesh.estate,
        nth(number, WRITERS[writer]),
        "after",
        "upgrade",
        "--scheduled",
        undisturbed=0 if to == NEW else 4,
    )
    if found is None:
        pytest.skip("it makes fewer writes")
    return str(found)


def scheduled(mesh: Mesh) -> Ran:
    """The next scheduled upgrade, and the one after it where a Helm may have been at work or a gate saw too little."""
    for _ in range(TRIES):
        ran = mesh.estate.run("upgrade", "--scheduled")
        if ran.codes == ["helm-release-in-the-way"]:
            mesh.a_minute_passes()
        elif ran.code != 9:
            break
    return ran


def why_not(mesh: Mesh, release: str, exact: bool) -> list[str]:
    """What is wrong with a mesh that should be of ``release``; ``exact``: all else is to be as it was before."""
    wrong = [*mesh.why_not_over(), *mesh.why_not_up()]
    if mesh.releases_here() != {release}:
        wrong.append(f"the control plane is of {mesh.releases_here()}")
    if mesh.proxies_here() != {release}:
        wrong.append(f"the proxies are of {mesh.proxies_here()}")
    return [*wrong, *lost_fields(mesh.estate.state(), mesh.state, exact=exact)]


def nothing_more_to_do(mesh: Mesh, code: int) -> None:
    before = mesh.fingerprint()
    again = mesh.estate.run("upgrade", "--scheduled")
    assert again.code == code, again.result["errors"]
    assert mesh.fingerprint() == before


@kills({NEW: MADE[NEW]})
def test_the_next_scheduled_upgrade_ends_in_the_new_release(
    mesh: Mesh, figure: Figure, asked: str, writer: str, number: int
) -> None:
    where = killed(mesh, asked, writer, number)
    figure.row("upgrade killed at its writes and Helm's, then upgrade --scheduled")
    ran = scheduled(mesh)
    assert ran.code == 0, (where, ran.result["errors"])
    assert why_not(mesh, NEW, exact=False) == [], where
    nothing_more_to_do(mesh, 0)
    figure.end("new")


@kills({BAD: MADE[BAD]})
def test_the_next_scheduled_upgrade_takes_a_bad_release_back(
    mesh: Mesh, figure: Figure, asked: str, writer: str, number: int
) -> None:
    where = killed(mesh, asked, writer, number)
    figure.row("upgrade to a bad release killed at its writes and Helm's, then upgrade --scheduled")
    ran = scheduled(mesh)
    # Killed when its journal was closed already, it is over: the next one does not try the same again.
    assert (ran.code, ran.codes[0]) in (
        (4, "gate-failed"),
        (4, "upgrade-turned-back"),
        (3, "upgrade-failed-before"),
    ), (
        where,
        ran.result["errors"],
    )
    assert why_not(mesh, OLD, exact=True) == [], where
    nothing_more_to_do(mesh, 3)
    figure.end(f"old, {ran.codes[0]}")


@kills(MADE, every=6)
def test_a_rollback_takes_the_namespace_off_the_mesh_whatever_was_half_done(
    mesh: Mesh, figure: Figure, asked: str, writer: str, number: int
) -> None:
    where = killed(mesh, asked, writer, number)
    figure.row("upgrade killed at its writes and Helm's, then rollback to fallback, then upgrade --scheduled")
    ran = mesh.estate.run("rollback")
    assert ran.code == 0, (where, ran.result["errors"])
    target = targets(mesh.estate.name, mesh.estate.method)["TARGET"]
    assert why_not_fallback(mesh.estate.state(), mesh.state, target) == [], where
    ran = scheduled(mesh)
    assert ran.code in (0, 3, 4), (where, ran.result["errors"])
    assert [*mesh.why_not_over(), *mesh.why_not_up()] == [], where
    assert mesh.proxies_here() == {None}, where
    figure.end(f"fallback, then {ran.code}")
