"""Jobs for scheduled upgrades, as those read them who are to run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.core.errors import UsageError
from meshroll.core.schedule import Job, Start
from meshroll.playbook.invocation import FORKS
from meshroll.render.schedule import Asked, written

BERLIN = (
    Start("Europe/Berlin", "02:00", ("tue", "wed")),
    Start("Europe/Berlin", "02:00", ("sat",)),
    Start("Europe/Berlin", "22:30"),
)
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "r"},
    "rules": [],
}
ONE = Job("prod-eu", BERLIN, "pod", ["~/slack", "/etc/ca.pem", "/etc/~x/hook"], [ROLE])
OTHER = Job("prod-us", (Start("UTC", "03:00"),), "kubeconfig", ["~/.kube/config"])


def asked(**more: Any) -> Asked:
    usual = {
        "folder": "/srv/mesh inventory/50%",
        "named": ".",
        "files": ["group_vars/all/mesh.yml", "hosts.yml"],
        "vaulted": False,
        "limit": None,
        "image": "registry.example/meshroll:1",
        "namespace": "jobs",
        "account": "mesh",
    }
    return Asked(**{**usual, **more})


def crons(*jobs: Job, **more: Any) -> list[dict[str, Any]]:
    objects = yaml.safe_load_all("\n".join(written("cronjob", jobs, asked(**more))))
    return [each for each in objects if each["kind"] == "CronJob"]


def test_a_cronjob_has_a_line_for_each_time_of_day_and_all_its_days() -> None:
    lines = {(each["spec"]["schedule"], each["spec"]["timeZone"]) for each in crons(ONE, OTHER)}
    assert lines == {
        ("0 2 * * tue,wed,sat", "Europe/Berlin"),
        ("30 22 * * *", "Europe/Berlin"),
        ("0 3 * * *", "UTC"),
    }
    assert len({each["metadata"]["name"] for each in crons(ONE, OTHER)}) == 3


def test_a_cronjob_never_runs_twice_at_once_nor_for_ever_nor_in_the_mesh() -> None:
    for each in crons(ONE):
        job = each["spec"]["jobTemplate"]["spec"]
        assert each["spec"]["concurrencyPolicy"] == "Forbid"
        assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")
        assert job["activeDeadlineSeconds"] > job["template"]["spec"]["terminationGracePeriodSeconds"]
        assert job["template"]["metadata"]["annotations"]["linkerd.io/inject"] == "disabled"


def test_a_cronjob_finds_each_file_where_the_inventory_names_it() -> None:
    pod = crons(ONE, limit="prod-eu")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == [
        "upgrade",
        "--scheduled",
        "-i",
        "/etc/meshroll/inventory",
        "--limit",
        "prod-eu",
    ]
    assert {each["name"]: each["value"] for each in container["env"]} == {
        "HOME": "/run/meshroll",
        "USER": "mesh",
        # ~mesh is nobody's home there.
        "ANSIBLE_REMOTE_TMP": "/tmp/.ansible",
    }
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert {"/run/meshroll/slack", "/etc/ca.pem", "/etc/~x/hook"} <= mounted
    (items,) = [each["secret"]["items"] for each in pod["volumes"] if each["name"] == "inventory"]
    assert [each["path"] for each in items] == ["group_vars/all/mesh.yml", "hosts.yml"]


@pytest.mark.parametrize("vaulted", [False, True])
def test_the_commands_at_the_head_make_every_secret_that_the_cronjob_names(vaulted: bool) -> None:
    lines = written("cronjob", [ONE], asked(vaulted=vaulted))
    made = {line.split("generic ")[1].split()[0] for line in lines if "create secret generic" in line}
    keys = {line.split("--from-file=")[1].split("=")[0] for line in lines if "--from-file=" in line}
    pod = crons(ONE, vaulted=vaulted)[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    secrets = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert made == {each["secretName"] for each in secrets}
    wanted = {item["key"] for each in secrets for item in each.get("items", [])}
    wanted |= {each["subPath"] for each in pod["containers"][0]["volumeMounts"] if "subPath" in each}
    assert keys == wanted | ({"password"} if vaulted else set())


def test_the_commands_at_the_head_are_a_shells_and_name_the_files_as_they_are(tmp_path: Path) -> None:
    """kubectl's place is taken by a program that prints what it was given."""
    (tmp_path / "kubectl").write_text('#!/bin/sh\nfor each; do echo "$each"; done >> told\ncat > /dev/null\n')
    (tmp_path / "kubectl").chmod(0o755)
    lines = written("cronjob", [ONE], asked())
    first = next(number for number, line in enumerate(lines) if line.startswith("# kubectl"))
    last = max(number for number, line in enumerate(lines) if line.endswith("apply --server-side -f -"))
    script = "\n".join(line.removeprefix("# ") for line in lines[first : last + 1])
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/users/ann b"}
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, check=True, stdin=subprocess.DEVNULL)
    given = (tmp_path / "told").read_text().splitlines()
    assert "--from-file=hosts.yml=/srv/mesh inventory/50%/hosts.yml" in given
    assert "--from-file=HOME--slack=/users/ann b/slack" in given


def test_an_inventory_of_one_file_is_named_in_the_job() -> None:
    pod = crons(ONE, named="hosts.yml", files=["hosts.yml"])[0]["spec"]["jobTemplate"]["spec"]["template"][
        "spec"
    ]
    assert pod["containers"][0]["args"][-1] == "/etc/meshroll/inventory/hosts.yml"


def test_one_account_does_not_reach_two_clusters() -> None:
    with pytest.raises(UsageError, match="prod-eu, prod-eu"):
        written("cronjob", [ONE, ONE], asked())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    files: dict[str, list[str]] = {}
    name = ""
    for line in written("systemd", [ONE, OTHER], asked(limit="prod:!staging $x", account="root")):
        if line.startswith("# /etc/systemd/system/"):
            name = line.rpartition("/")[2]
        files.setdefault(name, []).append(line)
    del files[""]
    assert set(files) == {"meshroll-upgrade.service", "meshroll-upgrade.timer"}
    for name, lines in files.items():
        # The program of this environment may be in a folder that is not there for root.
        text = "\n".join(lines).replace(str(Path(sys.executable).parent / "meshroll"), "/bin/true")
        (tmp_path / name).write_text(text + "\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line in files["meshroll-upgrade.timer"]:
        if line.startswith("OnCalendar="):
            subprocess.run(
                ["systemd-analyze", "calendar", line.partition("=")[2]], capture_output=True, check=True
            )
    assert '-i "/srv/mesh inventory/50%%" --limit "prod:!staging $$x"' in "\n".join(
        files["meshroll-upgrade.service"]
    )


def test_awx_knows_every_option_of_the_tasks_and_the_playbook_is_one(tmp_path: Path) -> None:
    text = "\n".join(written("awx", [ONE, OTHER], asked()))
    (play,) = yaml.safe_load(text)
    modules = {
        name: arguments for task in play["tasks"] for name, arguments in task.items() if name != "name"
    }
    assert set(modules) == {"awx.awx.execution_environment", "awx.awx.job_template", "awx.awx.schedule"}
    bin_folder = Path(sys.executable).parent
    told = subprocess.run(
        [bin_folder / "ansible-doc", "-t", "module", "--json", *modules], capture_output=True, check=True
    )
    documented = json.loads(told.stdout)
    for name, arguments in modules.items():
        assert set(arguments) <= set(documented[name]["doc"]["options"]), name
    (tmp_path / "job.yml").write_text(text)
    subprocess.run(
        [bin_folder / "ansible-playbook", "--syntax-check", tmp_path / "job.yml"],
        capture_output=True,
        check=True,
    )
    template = modules["awx.awx.job_template"]
    assert (template["job_slice_count"], template["extra_vars"]) == (2, {"upgrade_scheduled": True})
    assert template["forks"] == int(FORKS), "docs/explanation/scale.md counts rounds with it"
    rules = [task["awx.awx.schedule"]["rrule"] for task in play["tasks"] if "awx.awx.schedule" in task]
    assert rules == [
        "DTSTART;TZID=Europe/Berlin:20260101T020000 RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA",
        "DTSTART;TZID=Europe/Berlin:20260101T020000 RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU,WE",
        "DTSTART;TZID=Europe/Berlin:20260101T223000 RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART;TZID=UTC:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1",
    ]
