"""The playbooks run without the CLI, by hand or under AWX, and give the same result object."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sandbox.support import REPOSITORY, Estate, make_estate

from meshroll_sandbox.status import Status


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "by-ansible", tmp_path_factory.mktemp("by-ansible"))
    estate.namespace_settings(workloads=["Deployment/sessions"], injection="workloads")
    return estate


def playbook(estate: Estate, name: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """ansible-playbook as a person types it in the repository, with the result in a file of their choice."""
    file = estate.folder / "by-hand.json"
    file.unlink(missing_ok=True)
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        f"playbooks/{name}.yml",
        "-i",
        estate.inventory,
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MESHROLL_")}
    done = subprocess.run(
        [*command, "-e", f"meshroll_result_file={file}", *arguments],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert file.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(file.read_text())


def shape(value: Any) -> Any:
    """Keys and types of a result; lists by their first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_the_same_object_with_the_same_exit_code(estate: Estate) -> None:
    code, by_hand = playbook(estate, "rollout")
    assert (code, by_hand["exit_code"], by_hand["status"]) == (0, 0, "success"), by_hand["errors"]
    again = estate.run("rollout").result
    assert set(by_hand) == set(again)
    mine, theirs = by_hand["data"]["clusters"][0], again["data"]["clusters"][0]
    assert set(mine) == set(theirs)
    assert shape(mine["namespaces"]) == shape(theirs["namespaces"])


def test_a_refusal_by_hand_names_the_same_reason(estate: Estate) -> None:
    code, by_hand = playbook(estate, "rollout", "-e", "meshroll_namespace=nowhere")
    assert code == 2  # ansible's own code for a failed host
    assert by_hand["exit_code"] == 3
    assert [error["code"] for error in by_hand["errors"]] == ["namespace-missing"]


def test_check_mode_by_hand_changes_nothing(estate: Estate) -> None:
    estate.namespace_settings(workloads=["Deployment/tariffs"], injection="workloads")
    before = estate.fingerprint()
    code, by_hand = playbook(estate, "rollout", "--check")
    assert (code, by_hand["exit_code"]) == (0, 0), by_hand["errors"]
    assert estate.fingerprint() == before


def test_of_two_names_for_one_cluster_in_one_run_only_one_may_change_it(estate: Estate) -> None:
    """Both are begun by one process, so nothing but the lock can tell them apart."""
    inventory = estate.folder / "inventory"
    shutil.copytree(inventory / "host_vars/sandbox", inventory / "host_vars/again")
    hosts = inventory / "hosts.yml"
    one = hosts.read_text()
    hosts.write_text("all: {hosts: {sandbox: {}, again: {}}}\n")
    try:
        _, by_hand = playbook(estate, "rollout")
    finally:
        hosts.write_text(one)
        shutil.rmtree(inventory / "host_vars/again")
    assert sorted(cluster["exit_code"] for cluster in by_hand["data"]["clusters"]) == [0, 7]
    assert [error["code"] for error in by_hand["errors"]] == ["locked"]
    assert "under another name" in by_hand["errors"][0]["message"]
