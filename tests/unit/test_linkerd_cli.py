"""What `linkerd check` says is read where the command is there, and never makes anything fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.core.factories import settings

from meshroll.adapters import linkerd_cli
from meshroll.core.facts import Hidden, LinkerdChecked

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
    found = linkerd_cli.check(settings(cluster={"kubeconfig": "/k", "context": "prod"}))
    assert found == (
        LinkerdChecked("linkerd-config", "control plane ClusterRoles exist", True, "missing", "https://x"),
        LinkerdChecked(
            "linkerd-identity", "issuer cert is valid for at least 60 days", False, "expires soon", ""
        ),
    )
    asked = (tmp_path / "asked").read_text()
    assert "--output json --wait 0s --linkerd-namespace linkerd --kubeconfig /k --context prod" in asked


@pytest.mark.parametrize(
    "script",
    ["echo '{'", "echo '[]'", 'echo \'{"categories": [{"checks": 1}]}\'', "echo no >&2; exit 3", "exit 0"],
)
def test_what_cannot_be_read_is_said_and_counts_as_not_seen(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, script, monkeypatch)
    found = linkerd_cli.check(settings())
    assert isinstance(found, Hidden)
    assert "nothing that can be read" in found.reason


def test_a_command_that_is_not_there_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert linkerd_cli.check(settings()) == Hidden("no command linkerd is on PATH")
