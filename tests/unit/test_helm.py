"""How Helm is called, what its answers mean, and how its records are read."""

from __future__ import annotations

import base64
import gzip
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.adapters.helm import ended, releases, rollback, stored, uninstall
from meshroll.core.errors import Refused, RollbackFailed
from meshroll.core.helm_records import HelmRelease
from meshroll.core.settings import Cluster


def helm(folder: Path, said: str, code: int) -> str:
    """A program that writes its arguments into a file, says something and ends."""
    program = folder / "helm"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/words\necho "{said}" >&2\nexit {code}\n')
    program.chmod(0o700)
    return str(program)


def remove(binary: str, cluster: Cluster) -> None:
    uninstall(binary, {}, cluster, "linkerd", "linkerd-control-plane")


def test_it_names_the_cluster_that_the_inventory_names_and_no_option_that_it_leaves_open(
    tmp_path: Path,
) -> None:
    binary = helm(tmp_path, "", 0)
    remove(binary, Cluster(kubeconfig="/k", context="prod"))
    words = (tmp_path / "words").read_text().split()
    assert words == [
        *("uninstall", "linkerd-control-plane", "--namespace", "linkerd"),
        *("--kubeconfig", "/k", "--kube-context", "prod"),
    ]
    remove(binary, Cluster(kubeconfig=None, context=None))
    assert (tmp_path / "words").read_text().split() == words[:4]


def test_a_release_that_is_gone_by_now_is_removed(tmp_path: Path) -> None:
    said = "Error: uninstall: Release not loaded: linkerd-control-plane: release: not found"
    remove(helm(tmp_path, said, 1), Cluster(kubeconfig=None, context=None))


@pytest.mark.parametrize("code", [1, 137])
def test_what_helm_could_not_remove_stops_the_run_with_its_words(tmp_path: Path, code: int) -> None:
    binary = helm(tmp_path, "WARNING: odd\nError: failed to delete release: linkerd-control-plane", code)
    with pytest.raises(RollbackFailed, match="did not remove linkerd-control-plane: failed to delete"):
        remove(binary, Cluster(kubeconfig=None, context=None))


def test_a_helm_that_dies_without_a_word_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(RollbackFailed):
        remove(helm(tmp_path, "", 137), Cluster(kubeconfig=None, context=None))


def test_a_rollback_names_the_revision_and_waits_for_nothing(tmp_path: Path) -> None:
    binary = helm(tmp_path, "", 0)
    rollback(binary, {}, Cluster(kubeconfig="/k"), "linkerd", "linkerd-control-plane", 4)
    words = (tmp_path / "words").read_text().split()
    assert words == [
        *("rollback", "linkerd-control-plane", "4", "--namespace", "linkerd"),
        *("--kubeconfig", "/k"),
    ]


def test_a_rollback_that_helm_refuses_says_how_to_do_it_by_hand(tmp_path: Path) -> None:
    binary = helm(tmp_path, "Error: release: not found", 1)
    with pytest.raises(RollbackFailed) as failed:
        rollback(binary, {}, Cluster(), "linkerd", "linkerd-control-plane", 4)
    (problem,) = failed.value.problems
    assert problem.message.endswith("revision 4: release: not found")
    assert "helm -n linkerd rollback linkerd-control-plane 4" in problem.hint


class Secrets:
    """Stands for a cluster that has these Secrets of Helm's."""

    def __init__(self, *secrets: dict[str, Any]) -> None:
        self.all = secrets

    def list_metadata(self, path: str, labelSelector: str) -> tuple[list[dict[str, Any]], str]:  # noqa: N803
        return list(self.all), "1"

    def get(self, path: str) -> dict[str, Any] | None:
        name = path.rpartition("/")[2]
        return next((each for each in self.all if each["metadata"]["name"] == name), None)


RECORD = {
    "version": 3,
    "config": {"controllerReplicas": 2},
    "chart": {
        "metadata": {"name": "linkerd-control-plane", "version": "2025.10.7"},
        "values": {"controllerReplicas": 1},
        "templates": [
            {"name": "templates/a.yaml", "data": base64.b64encode(b"{{ .Values.optional }}").decode()}
        ],
        "files": [{"name": "values-ha.yaml", "data": base64.b64encode(b"controllerReplicas: 3").decode()}],
    },
}


def secret(revision: int, status: str = "deployed", payload: bytes | None = None) -> dict[str, Any]:
    """As Helm writes it: base64 of gzipped JSON, once more in base64 as every Secret."""
    packed = gzip.compress(msgspec.json.encode(RECORD)) if payload is None else payload
    labels = {"owner": "helm", "name": "plane", "version": str(revision), "status": status, "modifiedAt": "0"}
    return {
        "metadata": {"name": f"sh.helm.release.v1.plane.v{revision}", "labels": labels},
        "data": {"release": base64.b64encode(base64.b64encode(packed)).decode()},
    }


def release(deployed: int | None = 3) -> HelmRelease:
    return HelmRelease(
        "plane", "linkerd", 4, "failed", datetime.now(UTC), "sh.helm.release.v1.plane.v4", deployed
    )


def test_the_newest_record_of_a_release_says_which_revision_is_deployed() -> None:
    cluster: Any = Secrets(
        secret(9, "superseded"), secret(11, "pending-upgrade"), secret(10), secret(2, "superseded")
    )
    found = releases(cluster, "linkerd")["plane"]
    assert (found.revision, found.status, found.deployed) == (11, "pending-upgrade", 10)
    assert found.record == "sh.helm.release.v1.plane.v11"
    begun: Any = Secrets(secret(1, "pending-install"))
    assert releases(begun, "linkerd")["plane"].deployed is None


def test_a_helm_that_may_still_be_at_work_is_waited_for_until_it_ends_or_must_be_dead() -> None:
    def pending(age_seconds: float) -> dict[str, Any]:
        found = secret(4, "pending-upgrade")
        found["metadata"]["labels"]["modifiedAt"] = str(int(time.time() - age_seconds))
        return found

    asked: list[int] = []
    killed: Any = Secrets(pending(58))
    assert ended(killed, "linkerd", ["plane"], lambda: asked.append(1))["plane"].status == "pending-upgrade"
    assert asked, "the run's lock is kept meanwhile"
    alive: Any = Secrets(pending(0))

    def ends() -> None:
        alive.all = (secret(4),)

    assert ended(alive, "linkerd", ["plane"], ends)["plane"].status == "deployed"
    others: Any = Secrets(pending(0))
    assert ended(others, "linkerd", ["crds"], pytest.fail)["plane"].status == "pending-upgrade"


def test_what_was_given_to_a_release_is_read_with_what_its_chart_takes() -> None:
    cluster: Any = Secrets(secret(3))
    found = stored(cluster, release())
    assert (found.revision, found.values) == (3, {"controllerReplicas": 2})
    assert (found.chart.version, found.chart.defaults) == ("2025.10.7", {"controllerReplicas": 1})
    assert found.chart.ha == {"controllerReplicas": 3}
    assert found.chart.has(("optional",))


@given(
    st.binary(max_size=40)
    | st.integers(0, 200).map(lambda end: gzip.compress(msgspec.json.encode(RECORD))[:end])
)
def test_a_record_that_is_damaged_is_refused_and_nothing_of_it_is_shown(payload: bytes) -> None:
    cluster: Any = Secrets(secret(3, payload=payload))
    with pytest.raises(Refused) as refused:
        stored(cluster, release())
    (problem,) = refused.value.problems
    assert problem.code == "helm-record-unreadable" and problem.object == "Secret/sh.helm.release.v1.plane.v3"


@pytest.mark.parametrize(
    "payload", [b"[]", b"{}", b'{"version": 3, "chart": {"metadata": 7}}', b'{"config": "K3Y"}']
)
def test_a_record_with_other_content_is_refused(payload: bytes) -> None:
    cluster: Any = Secrets(secret(3, payload=gzip.compress(payload)))
    with pytest.raises(Refused) as refused:
        stored(cluster, release())
    assert "K3Y" not in f"{refused.value} {refused.value.__cause__}"
    for gone in (release(), release(deployed=None)):
        with pytest.raises(Refused, match="cannot be read"):
            stored(Secrets(), gone)  # type: ignore[arg-type]
