"""meshroll init on folders that are new, its own, edited, or somebody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.app import run


def kubeconfig(file: Path, *contexts: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": contexts[0] if contexts else "",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts],
    }
    file.write_text(yaml.safe_dump(content))
    return str(file)


def init(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Its exit code and what it says as JSON."""
    code = run(["init", *words, "--output", "json"])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, said


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file with its text and when it was written."""
    return {
        str(file.relative_to(folder)): (file.read_text(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_second_run_changes_nothing_and_misses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "mine", kubeconfig(tmp_path / "k", "prod", "dev")
    code, first = init(capsys, str(folder), "--kubeconfig", file)
    assert code == 0
    assert sorted(first["data"]["init"]["written"]) == sorted(contents(folder))
    before = contents(folder)
    code, second = init(capsys, str(folder), "--kubeconfig", file)
    assert code == 0
    assert (second["data"]["init"]["written"], second["data"]["init"]["would_add"]) == ([], [])
    assert contents(folder) == before


def test_what_was_edited_stays_and_what_is_new_is_only_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "mine", kubeconfig(tmp_path / "k", "dev")
    init(capsys, str(folder), "--kubeconfig", file)
    # Its cluster renamed and moved into the hosts' own file, its settings edited, and one file half written.
    (folder / "host_vars/dev.yml").unlink()
    (folder / "hosts.yml").write_text("all: {hosts: {mine: {meshroll_cluster: {context: dev}}}}\n")
    (folder / "group_vars/all/gate.yml").write_text("meshroll_gate: {\n")
    before = contents(folder)
    kubeconfig(tmp_path / "k", "dev", "prod")
    code, said = init(capsys, str(folder), "--kubeconfig", file)
    assert code == 0
    assert [each["file"] for each in said["data"]["init"]["would_add"]] == ["hosts.yml", "host_vars/prod.yml"]
    assert contents(folder) == before
    run(["init", str(folder), "--kubeconfig", file])
    shown = capsys.readouterr().out
    assert "was not changed" in shown
    assert "prod: {}" in shown


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_folder_that_is_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    folder = tmp_path / "mine"
    if what == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "main.tf").write_text("mine")
    code, said = init(capsys, str(folder), "--kubeconfig", kubeconfig(tmp_path / "k", "prod"))
    assert (code, said["errors"][0]["code"]) == (3, "init-folder-taken")
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*")}
    assert left == {"k", "mine", *(["mine/main.tf"] if what == "folder" else [])}


def test_a_folder_that_is_empty_is_written_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    code, _ = init(capsys, str(tmp_path / "mine"), "--kubeconfig", kubeconfig(tmp_path / "k", "prod"))
    assert code == 0
    assert (tmp_path / "mine/hosts.yml").is_file()


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["--kubeconfig", "no-such-file"], 2, "kubeconfig-unusable"),
        (["--from", "eks"], 2, "usage"),
        (["--from", "eks", "--region", "eu-central-1", "--kubeconfig", "k"], 2, "usage"),
        (["--region", "eu-central-1"], 2, "usage"),
    ],
)
def test_what_cannot_be_meant_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, problem: str
) -> None:
    ended, said = init(capsys, str(tmp_path / "mine"), *words)
    assert (ended, said["errors"][0]["code"]) == (code, problem)
    assert not (tmp_path / "mine").exists()


def test_a_kubeconfig_without_contexts_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = init(capsys, str(tmp_path / "mine"), "--kubeconfig", kubeconfig(tmp_path / "k"))
    assert code != 0
    assert said["errors"][0]["code"] in ("init-no-contexts", "kubeconfig-unusable")
    assert not (tmp_path / "mine").exists()
