"""A worker that dies fails its own cluster's task, and nothing waits for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshroll.playbook.invocation import RunFolder, environment

PLAYBOOK = """
- hosts: all
  connection: local
  gather_facts: false
  strategy: {strategy}
  tasks:
    - block:
        - name: Work
          ansible.builtin.raw: "{{{{ work }}}}"
        - name: Go on
          ansible.builtin.raw: touch '{{{{ playbook_dir }}}}/{{{{ inventory_hostname }}}}-went-on'
      rescue:
        - name: Take back
          ansible.builtin.raw: touch '{{{{ playbook_dir }}}}/{{{{ inventory_hostname }}}}-taken-back'
"""
KILLED = "sleep 60 & echo $! > {folder}/program; kill -9 $PPID; wait"
INVENTORY = {"all": {"hosts": {"a": {"work": "sleep 0.5"}, "b": {"work": KILLED}}}}


# Ends with 7 once its result is sent.
LATE = """
import os
from multiprocessing import util
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        util.Finalize(None, os._exit, args=(7,), exitpriority=100)
        return {"changed": True}
"""


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def play(folder: RunFolder) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "ansible.cli.playbook", folder.path / "playbook.yml"),
            *("-i", folder.path / "inventory.json"),
        ],
        env=environment(folder, os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("strategy", ["free", "linear"])
def test_a_killed_worker_is_a_failed_task_and_the_other_clusters_go_on(tmp_path: Path, strategy: str) -> None:
    folder = RunFolder(tmp_path)
    folder.temporary.mkdir()
    (tmp_path / "playbook.yml").write_text(PLAYBOOK.format(strategy=strategy))
    (tmp_path / "inventory.json").write_text(json.dumps(INVENTORY).replace("{folder}", str(tmp_path)))
    ended = play(folder)
    done = {path.name for path in tmp_path.iterdir()}
    assert {"a-went-on", "b-taken-back"} <= done, ended.stdout + ended.stderr
    assert not {"a-taken-back", "b-went-on"} & done
    failure = next(
        event
        for event in map(json.loads, folder.events.read_text().splitlines())
        if event["kind"] == "failure"
    )
    assert (failure["cluster"], failure["exit_code"], failure["problems"][0]["code"]) == (
        "b",
        4,
        "worker-died",
    )
    assert "was killed by SIGKILL in the task 'Work'" in failure["message"]
    assert ended.returncode == 0, "rescued"
    assert not is_running(int((tmp_path / "program").read_text())), "what it had started goes on writing"


@pytest.mark.parametrize("strategy", ["free", "linear"])
def test_a_worker_that_dies_with_its_result_sent_has_done_its_task(tmp_path: Path, strategy: str) -> None:
    folder = RunFolder(tmp_path)
    folder.temporary.mkdir()
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins" / "late.py").write_text(LATE)
    playbook = PLAYBOOK.format(strategy=strategy).replace('ansible.builtin.raw: "{{ work }}"', "late:")
    (tmp_path / "playbook.yml").write_text(playbook)
    (tmp_path / "inventory.json").write_text(json.dumps(INVENTORY))
    ended = play(folder)
    assert (ended.returncode, "late" in playbook) == (0, True), ended.stdout + ended.stderr
    done = {path.name for path in tmp_path.iterdir()}
    assert {"a-went-on", "b-went-on"} <= done
    assert not {"a-taken-back", "b-taken-back"} & done
