"""How Helm is called to remove a release, and what its answers mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshroll.adapters.helm import uninstall
from meshroll.core.errors import RollbackFailed
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
