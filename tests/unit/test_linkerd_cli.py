"""What `linkerd check` says is read where the command is there, and never makes anything fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshroll.adapters import linkerd_cli
from meshroll.core.errors import Problem, Refused
from meshroll.core.facts import Hidden, LinkerdChecked
from meshroll.core.settings import Cluster

SAID: dict[str, Any] = {
    "success": False,
    "categories": [
        {"categoryName": "linkerd-config", "checks": [
            {"description": "control plane Namespace exists", "result": "success"},
            {"description": "control plane ClusterRoles exist", "result": "error", "error": "missing", "hint": "https://x"},
        ]},
        {"categoryName": "linkerd-identity", "checks": [
            {"description": "issuer cert is valid for at least 60 days", "result": "warning", "error": "expires soon"},
        ]},
        {"categoryName": "control-plane-version", "checks": [
            {"description": "control plane and cli versions match", "result": "warning", "error": "no"},
        ]},
    ],
}  # fmt: skip


Found = tuple[LinkerdChecked, ...] | Hidden


def check(cluster: Cluster = Cluster()) -> Found:  # noqa: B008 - immutable
    return linkerd_cli.check(lambda: cluster, "linkerd", "edge-25.10.7")


def put(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = folder / "linkerd"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_errors_and_warnings_are_read_and_versions_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "said.json").write_text(json.dumps(SAID))
    put(tmp_path, f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/said.json; exit 1', monkeypatch)
    found = check(Cluster(kubeconfig="/k", context="prod"))
    assert found == (
        LinkerdChecked("linkerd-config", "control plane ClusterRoles exist", True, "missing", "https://x"),
        LinkerdChecked(
            "linkerd-identity", "issuer cert is valid for at least 60 days", False, "expires soon", ""
        ),
    )
    asked = (tmp_path / "asked").read_text()
    assert "--output json --wait 0s --linkerd-namespace linkerd --kubeconfig /k --context prod" in asked
    assert "--expected-version edge-25.10.7" in asked, "else it asks the internet for the newest release"


def test_extensions_say_theirs_in_an_object_of_their_own_and_not_all_of_it_is_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_viz = {"description": "tap is up", "result": "error", "error": "@"}
    viz = json.dumps({"success": False, "categories": [{"categoryName": "linkerd-viz", "checks": [of_viz]}]})
    said = f"{json.dumps(SAID, indent=2)}\n{viz}\n".encode().replace(b"@", b"caf\xe9")
    (tmp_path / "said.json").write_bytes(said)
    put(tmp_path, f"cat {tmp_path}/said.json; exit 1", monkeypatch)
    found = check()
    assert not isinstance(found, Hidden), found
    assert [each.category for each in found] == ["linkerd-config", "linkerd-identity", "linkerd-viz"]
    assert found[-1].said == "caf\ufffd"


def test_a_cluster_that_aws_refuses_counts_as_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, f"touch {tmp_path}/asked", monkeypatch)

    def reached() -> Cluster:
        raise Refused(Problem("aws-credentials-expired", "They have expired."))

    assert linkerd_cli.check(reached, "linkerd", None) == Hidden("They have expired")
    assert not (tmp_path / "asked").exists(), "whatever kubectl points at is somebody else's"


@pytest.mark.parametrize(
    "script",
    ["echo '{'", "echo '[]'", 'echo \'{"categories": [{"checks": 1}]}\'', "echo no >&2; exit 3", "exit 0"],
)
def test_what_cannot_be_read_is_said_and_counts_as_not_seen(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, script, monkeypatch)
    found = check()
    assert isinstance(found, Hidden)
    assert "nothing that can be read" in found.reason


def test_a_command_that_is_not_there_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check() == Hidden("no command linkerd is on PATH")
