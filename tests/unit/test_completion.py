"""Words that a shell completes come from files of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meshroll.adapters.inventory_files import files_of

MESHROLL = Path(sys.executable).parent / "meshroll"
HOSTS = """
all:
  children:
    production: {hosts: {prod-eu: {}, prod-us: {}}}
    staging:
      children: {inner: {hosts: {stage-eu: }}}
ungrouped: {hosts: {lone: {}}}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    folder = tmp_path / "inventory"
    (folder / "group_vars/all").mkdir(parents=True)
    (folder / "hosts.yml").write_text(HOSTS)
    (folder / "aws.yml").write_text("plugin: meshroll.linkerd.eks\nregions: [eu-west-1]\n")
    (folder / "broken.yml").write_text("a: [")
    (folder / "group_vars/all/mesh.yml").write_text(
        "meshroll_namespaces: [{name: charging}, {name: parking}, '{{ more }}']\n"
    )
    return folder


def completed(line: str, state: Path | None = None) -> list[str]:
    """What bash would offer for the last word of ``line``."""
    words = line.split(" ")
    done = subprocess.run(
        [MESHROLL],
        env={
            **os.environ,
            "_MESHROLL_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "XDG_STATE_HOME": str(state or "/nowhere"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [offered.partition(",")[2] for offered in done.stdout.splitlines() if offered]


def test_clusters_and_groups_are_those_of_the_inventorys_files(inventory: Path) -> None:
    found = completed(f"meshroll rollout -i {inventory} --limit ")
    assert found == ["inner", "lone", "prod-eu", "prod-us", "production", "stage-eu", "staging"]
    assert completed(f"meshroll rollout -i {inventory} --limit prod-u") == ["prod-us"]


def test_an_inventory_is_its_files_or_one_file_and_the_variables_beside_it(inventory: Path) -> None:
    (inventory / ".git").mkdir()
    (inventory / ".git/config").touch()
    (inventory / "README.md").touch()
    every = ["aws.yml", "broken.yml", "group_vars/all/mesh.yml", "hosts.yml"]
    assert files_of(str(inventory)) == (str(inventory), ".", every)
    (inventory / "common").mkdir()
    (inventory / "common/more.yml").touch()
    (inventory / "group_vars/eu").symlink_to("../common")
    (inventory / "group_vars/all/loop").symlink_to("..")
    linked = files_of(str(inventory))[2]
    assert [file for file in linked if file not in every] == ["common/more.yml", "group_vars/eu/more.yml"]
    shutil.rmtree(inventory / "common")
    (inventory / "group_vars/eu").unlink()
    (inventory / "group_vars/all/loop").unlink()
    one = ["group_vars/all/mesh.yml", "hosts.yml"]
    assert files_of(str(inventory / "hosts.yml")) == (str(inventory), "hosts.yml", one)


def test_namespaces_are_those_that_the_inventory_lists(inventory: Path) -> None:
    assert completed(f"meshroll status -i {inventory} -n ") == ["charging", "parking"]


def test_an_inventory_that_is_not_there_or_not_named_offers_nothing(tmp_path: Path) -> None:
    assert completed(f"meshroll rollout -i {tmp_path}/none --limit ") == []
    assert completed("meshroll rollout --limit ") == []


@pytest.mark.parametrize("command", ["report", "bundle", "runs show"])
def test_runs_are_those_of_which_this_machine_has_copies_newest_first(command: str, tmp_path: Path) -> None:
    for name in ("prod-eu/20260101t000000z-aaaaaa", "prod-us/20260301t000000z-bbbbbb"):
        file = tmp_path / "meshroll/runs" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    assert completed(f"meshroll {command} 2026", tmp_path) == [
        "20260301t000000z-bbbbbb",
        "20260101t000000z-aaaaaa",
    ]


def test_a_way_back_is_one_of_two_words_or_a_run(tmp_path: Path) -> None:
    assert completed("meshroll rollback --to ", tmp_path) == ["fallback", "previous"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_for_the_shell(shell: str) -> None:
    done = subprocess.run([MESHROLL, "completion", shell], capture_output=True, text=True, check=True)
    assert "_MESHROLL_COMPLETE" in done.stdout and f"{shell}_complete" in done.stdout
