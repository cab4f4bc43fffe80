"""The slices of a job answer for their own clusters alone, and all of them together for every cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from meshroll.paths import playbook_file
from meshroll.playbook.invocation import RunFolder, environment

CLUSTERS = [f"cluster-{number}" for number in range(1, 6)]
SLICES = 2


def written_by_awx(inventory: Path, number: int, folder: Path) -> Path:
    """As AWX hands an inventory to slice ``number`` (from 1): a program that prints the groups and variables of all,
    and every SLICES-th host (awx/main/models/inventory.py, get_script_data and get_sliced_hosts).
    """
    listed = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(inventory), "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    all_of_it: dict[str, Any] = json.loads(listed.stdout)
    mine = sorted(all_of_it["_meta"]["hostvars"])[number - 1 :: SLICES]
    all_of_it["_meta"]["hostvars"] = {name: all_of_it["_meta"]["hostvars"][name] for name in mine}
    for group in all_of_it.values():
        if "hosts" in group:
            group["hosts"] = [name for name in group["hosts"] if name in mine]
    program = folder / f"hosts-{number}"
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(all_of_it)!r})\n")
    program.chmod(0o700)
    return program


def begun(inventory: Path, folder: RunFolder) -> subprocess.Popen[str]:
    """`meshroll.linkerd.status` as a job runs it: without the CLI."""
    folder.temporary.mkdir(parents=True)
    said = {"meshroll_result_file": str(folder.result)}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "ansible.cli.playbook", str(playbook_file("status"))),
            *("-i", str(inventory), "-e", json.dumps(said)),
        ],
        env=environment(folder, os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_each_cluster_is_in_the_result_of_one_slice_and_of_no_other(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory" / "hosts.yml"
    inventory.parent.mkdir()
    inventory.write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(CLUSTERS)}}))
    (inventory.parent / "group_vars").mkdir()
    # Which is not there, so each cluster answers at once that it cannot be asked.
    connection = {"meshroll_cluster": {"kubeconfig": str(tmp_path / "kubeconfig")}}
    (inventory.parent / "group_vars/all.yml").write_text(yaml.safe_dump(connection))
    folders = [RunFolder(tmp_path / f"slice-{number}") for number in range(1, SLICES + 1)]
    jobs = [
        begun(written_by_awx(inventory.parent, number, tmp_path), folder)
        for number, folder in enumerate(folders, 1)
    ]
    said = [job.communicate(timeout=120)[0] for job in jobs]
    assert all(folder.result.exists() for folder in folders), said
    results = [json.loads(folder.result.read_text()) for folder in folders]
    answered = [sorted(cluster["name"] for cluster in result["data"]["clusters"]) for result in results]
    assert answered == [CLUSTERS[0::SLICES], CLUSTERS[1::SLICES]], results
