"""Which ready binaries are taken, what names a cache entry, how builds end. Go is a shell script here."""

import os
import time
from pathlib import Path

import pytest

from meshroll_sandbox import builds
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.paths import content_root
from meshroll_sandbox.toolchain import MINIMUM_GO, GoToolchain
from meshroll_sandbox.tools import cache_key, find_cached, find_ready
from meshroll_sandbox.toolspecs import TOOLS, built_name, parse_version

TOOL = {tool.name: tool for tool in TOOLS}


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on PATH, with no KUBEBUILDER_ASSETS."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "path"


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("Kubernetes v1.35.4-eks-a1b2c3d", (1, 35, 4)),
        ("v3.22.0+g1f2e3d4", (3, 22, 0)),
        ("etcd Version: 3.7.3\nGit SHA: 0b1c2d3", (3, 7, 3)),
        ("prometheus, version 3.16.0 (branch: HEAD)", (3, 16, 0)),
        ("prometheus, version  (branch: , revision: )", None),
    ],
)
def test_version_is_read_from_what_each_program_says(told: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(told) == version


def test_helm_3_on_path_is_taken(path: Path) -> None:
    helm = program(path, "helm", "echo v3.20.1+gabc")
    assert find_ready(TOOL["helm"]) == {"helm": helm}


@pytest.mark.parametrize("script", ["echo v4.1.4+gabc", "echo v3.2.0+gabc", "exit 1", "echo who knows"])
def test_helm_that_does_not_fit_is_passed_over_aloud(path: Path, script: str) -> None:
    program(path, "helm", script)
    said: list[str] = []
    assert find_ready(TOOL["helm"], said.append) == {}
    assert "helm" in said[0]
    assert "not 4" in said[0]


def test_kubernetes_comes_as_a_whole_and_of_one_version(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    program(assets, "kube-apiserver", "echo Kubernetes v1.34.2")
    assert find_ready(TOOL["kubernetes"]) == {}, "setup-envtest brings no controller manager"
    program(path, "kube-controller-manager", "echo Kubernetes v1.34.2")
    scheduler = program(path, "kube-scheduler", "echo Kubernetes v1.35.0")
    assert find_ready(TOOL["kubernetes"]) == {}
    program(path, "kube-scheduler", "echo Kubernetes v1.34.2")
    assert find_ready(TOOL["kubernetes"])["kube-scheduler"] == scheduler


def test_kubernetes_older_than_the_charts_allow_is_passed_over(path: Path) -> None:
    for binary in TOOL["kubernetes"].binaries:
        program(path, binary.name, "echo Kubernetes v1.30.9")
    assert find_ready(TOOL["kubernetes"]) == {}


def test_cache_key_follows_pinned_modules_and_flags(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module one\n")
    (tmp_path / "go.sum").write_text("sum one\n")
    first = cache_key(TOOL["helm"], tmp_path)
    assert first == cache_key(TOOL["helm"], tmp_path)
    assert first != cache_key(TOOL["kwok"], tmp_path)
    (tmp_path / "go.sum").write_text("sum two\n")
    assert first != cache_key(TOOL["helm"], tmp_path)


def test_half_a_cache_entry_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "prometheus").touch()
    assert find_cached(TOOL["prometheus"], tmp_path) == {}
    (tmp_path / "promtool").touch()
    assert set(find_cached(TOOL["prometheus"], tmp_path)) == {"prometheus", "promtool"}


def test_every_tool_has_a_pinned_module_of_a_go_that_is_asked_for() -> None:
    for tool in TOOLS:
        lines = (content_root() / "tools" / tool.name / "go.mod").read_text().splitlines()
        asked = next(line.split()[1] for line in lines if line.startswith("go "))
        assert parse_version(asked) <= MINIMUM_GO  # type: ignore[operator]
        for binary in tool.binaries:
            assert any(binary.package in line for line in lines if "tool" in line or line.startswith("\t"))


def test_binaries_are_named_after_their_package() -> None:
    assert built_name("go.etcd.io/etcd/server/v3") == "server"
    assert built_name("helm.sh/helm/v3/cmd/helm") == "helm"


def fake_go(tmp_path: Path, script: str) -> GoToolchain:
    """A `go build ... -o DIR/ PACKAGE...` in which `script` sees $target and the packages."""
    head = 'while [ "$1" != -o ]; do shift; done; target=$2; shift 2\n'
    return GoToolchain(program(tmp_path / "bin", "go", head + script), {"PATH": os.environ["PATH"]})


def modules(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / "modules" / name).mkdir(parents=True)
    return tmp_path / "modules"


def test_built_binaries_appear_in_the_cache_under_their_names(tmp_path: Path) -> None:
    go = fake_go(tmp_path, 'for package; do touch "$target/$(basename $(dirname $package))"; done')
    target = tmp_path / "cache" / "etcd-0123"
    said: list[str] = []
    builds.build_all([(TOOL["etcd"], target)], modules(tmp_path, "etcd"), go, said.append)
    assert [file.name for file in target.iterdir()] == ["etcd"]
    assert [folder.name for folder in target.parent.iterdir()] == ["etcd-0123"]
    assert "building etcd" in said[0]
    assert "built etcd" in said[1]


def test_failed_build_says_why_stops_the_others_and_leaves_nothing(tmp_path: Path) -> None:
    go = fake_go(tmp_path, 'case $1 in *helm*) echo "no such module"; exit 1;; *) exec sleep 60;; esac')
    cache = tmp_path / "cache"
    wanted = [(TOOL[name], cache / name) for name in ("kwok", "helm")]
    began = time.monotonic()
    with pytest.raises(SandboxError, match="building helm failed:\nno such module"):
        builds.build_all(wanted, modules(tmp_path, "kwok", "helm"), go, lambda _: None)
    assert time.monotonic() - began < 30
    assert list(cache.iterdir()) == []


def test_two_builds_run_side_by_side(tmp_path: Path) -> None:
    # Each waits until the other has begun.
    script = f"""
    touch {tmp_path}/$(basename $1)
    until [ -e {tmp_path}/helm ] && [ -e {tmp_path}/kwok ]; do sleep 0.05; done
    touch "$target/$(basename $1)"
    """
    wanted = [(TOOL[name], tmp_path / "cache" / name) for name in ("kwok", "helm")]
    builds.build_all(wanted, modules(tmp_path, "kwok", "helm"), fake_go(tmp_path, script), lambda _: None)
    assert (tmp_path / "cache" / "helm" / "helm").exists()
