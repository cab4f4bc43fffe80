"""meshroll init --from eks: an inventory that finds the clusters of an account, having found them once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.eks.conftest import REGION, Scripted, create, refused
from unit.eks.test_inventory_plugin import hosts_of

from meshroll.app import run


def init(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    code = run(["init", str(folder), "--from", "eks", "--region", REGION, *words, "--output", "json"])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, said


def test_the_folder_finds_the_clusters_that_init_found_and_a_second_run_changes_nothing(
    moto: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create("prod-eu", environment="production")
    folder = tmp_path / "fleet"
    code, said = init(capsys, folder)
    assert code == 0
    assert said["data"]["init"]["clusters"] == ["prod-eu"]
    assert set(hosts_of(folder)) == {"prod-eu"}
    code, said = init(capsys, folder)
    assert (code, said["data"]["init"]["written"], said["data"]["init"]["would_add"]) == (0, [], [])
    code, said = init(capsys, folder, "--region", "us-east-1")
    (added,) = said["data"]["init"]["would_add"]
    assert added == {"file": "clusters.eks.yml", "text": "regions:\n  - us-east-1\n"}


def test_clusters_of_one_name_are_hosts_that_the_next_command_finds(
    moto: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create("prod")
    create("prod", region="us-east-1")
    both = {"prod-eu-central-1", "prod-us-east-1"}
    folder = tmp_path / "fleet"
    _, said = init(capsys, folder, "--region", "us-east-1")
    assert set(said["data"]["init"]["clusters"]) == both == set(hosts_of(folder))
    _, said = init(capsys, folder, "--region", "us-east-1")
    assert said["data"]["init"]["would_add"] == []
    here = tmp_path / "here"
    init(capsys, here)
    _, said = init(capsys, here, "--region", "us-east-1")
    assert [each["text"].splitlines()[-1] for each in said["data"]["init"]["would_add"]] == [
        "hostname: name-region",
        "  - us-east-1",
    ]


def test_an_account_that_cannot_be_read_gets_no_folder(
    scripted: Scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.plays(refused("AccessDeniedException", "not authorized to perform: eks:ListClusters", 403))
    code, said = init(capsys, tmp_path / "fleet")
    assert (code, said["errors"][0]["code"]) == (3, "aws-access-denied")
    assert not (tmp_path / "fleet").exists()
