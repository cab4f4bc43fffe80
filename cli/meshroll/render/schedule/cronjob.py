"""A CronJob that upgrades by itself: the least rights, secrets by reference, never two at a time."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath
from typing import Any

from meshroll.core.errors import Problem, UsageError
from meshroll.core.schedule import Job, Start, files_of, starts_of
from meshroll.core.settings import WEEKDAYS
from meshroll.playbook.invocation import FORKS
from meshroll.render.roles import yaml_lines
from meshroll.render.schedule import DEADLINE_SECONDS, OF_THE_ENVIRONMENT, STOP_SECONDS, VAULT_VARIABLE, Asked

HOME, INVENTORY = "/run/meshroll", "/etc/meshroll/inventory"
NAME = "meshroll-upgrade"
INVENTORY_SECRET, FILES_SECRET = "meshroll-inventory", "meshroll-files"
USER_ID = 65532
# Where a module's own folder is: by default it is looked for as ~USER, and no file of the image knows this user.
WITHOUT_AN_ACCOUNT = {"ANSIBLE_REMOTE_TMP": "/tmp/.ansible"}  # noqa: S108 - the container's own
# Each cluster is worked on by a process of its own, so many at a time.
MEMORY_MIB, MEMORY_A_CLUSTER_MIB = 512, 192
VAULT_SECRET, VAULT_FILE = "meshroll-vault", "/run/vault/password"


def cronjob(jobs: Sequence[Job], asked: Asked) -> list[str]:
    """Objects for kubectl, after what has to be made beside them.

    Raises UsageError where a pod's own account would have to reach several clusters.
    """
    own = [job.cluster for job in jobs if job.reached == "pod"]
    if len(own) > 1:
        raise UsageError(
            Problem(
                "schedule-several",
                f"{', '.join(own)} name no kubeconfig and no `eks`, and a pod's own account reaches one cluster.",
                "Name one of them with --limit, and print a job for each.",
            )
        )
    starts = starts_of(jobs)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": asked.account, "namespace": asked.namespace},
    }
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": asked.namespace}}
    granted = [each for job in jobs for each in job.roles if each != space]
    objects = [space, account, *granted, *(_one(when, number, jobs, asked) for number, when in _when(starts))]
    return [*(f"# {line}".rstrip() for line in _head(jobs, asked)), *yaml_lines(objects)]


def _head(jobs: Sequence[Job], asked: Asked) -> list[str]:
    lines = [
        f"meshroll upgrade --scheduled of {', '.join(job.cluster for job in jobs)}.",
        "Reports: `meshroll runs` and `meshroll report` read them from each cluster's journal; the job's log has the",
        "result.",
        "Make these first, and again whenever one of the files changes:",
        f"kubectl create namespace {asked.namespace} --dry-run=client -o yaml | kubectl apply -f -",
        *_secret(INVENTORY_SECRET, asked, {_key(file): f"{asked.folder}/{file}" for file in asked.files}),
    ]
    if files := files_of(jobs):
        lines += _secret(FILES_SECRET, asked, {_key(file): file for file in files})
    if asked.vaulted:
        lines += _secret(VAULT_SECRET, asked, {"password": "THE-FILE-WITH-THE-VAULT-PASSWORD"})
    if {job.reached for job in jobs} & {"aws"}:
        lines.append(
            f"AWS credentials: give the account {asked.account} an IAM role (EKS Pod Identity, or IRSA's annotation)."
        )
    return [*lines, *OF_THE_ENVIRONMENT]


def _secret(name: str, asked: Asked, files: dict[str, str]) -> list[str]:
    """One that is there already is written anew."""
    given = [f"  --from-file={key}={_in_shell(path)} \\" for key, path in files.items()]
    return [
        f"kubectl -n {asked.namespace} create secret generic {name} \\",
        *given,
        "  --dry-run=client -o yaml | kubectl apply --server-side -f -",
    ]


def _in_shell(path: str) -> str:
    """A shell expands no ~ within a word."""
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)


def _key(path: str) -> str:
    """A key of a Secret: letters, digits, "-", "_" and "."; another one for each path."""
    told = path.replace("~/", "HOME/", 1) if path.startswith("~/") else path.removeprefix("/")
    return "".join(
        each if each.isalnum() or each in "._-" else f"_{ord(each):02x}_" for each in told.replace("/", "--")
    )


def _when(starts: Sequence[Start]) -> list[tuple[str, tuple[str, str]]]:
    """(suffix of the name, (cron line, timezone)): a CronJob has one line, so days with one clock share it."""
    found = []
    for (timezone, clock), same in groupby(starts, lambda start: (start.timezone, start.clock)):
        days = [start.days for start in same]
        hour, minute = clock.split(":")
        on = "*" if () in days else ",".join(day for day in WEEKDAYS if any(day in each for each in days))
        found.append((f"{int(minute)} {int(hour)} * * {on}", timezone))
    return [("" if not number else f"-{number + 1}", when) for number, when in enumerate(found)]


def _one(when: tuple[str, str], suffix: str, jobs: Sequence[Job], asked: Asked) -> dict[str, Any]:
    line, timezone = when
    pod = {
        "metadata": {
            "annotations": {
                "linkerd.io/inject": "disabled",
                # A node that is emptied at night would stop an upgrade half way.
                "karpenter.sh/do-not-disrupt": "true",
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            }
        },
        "spec": _pod(jobs, asked),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": f"{NAME}{suffix}", "namespace": asked.namespace},
        "spec": {
            "schedule": line,
            "timeZone": timezone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 4,
            "failedJobsHistoryLimit": 4,
            "jobTemplate": {
                "spec": {
                    # The next one goes on where this one stopped.
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": DEADLINE_SECONDS,
                    "template": pod,
                }
            },
        },
    }


def _pod(jobs: Sequence[Job], asked: Asked) -> dict[str, Any]:
    files = files_of(jobs)
    items = [{"key": _key(file), "path": file} for file in asked.files]
    volumes: list[dict[str, Any]] = [
        {"name": "inventory", "secret": {"secretName": INVENTORY_SECRET, "items": items}},
        {"name": "home", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "inventory", "mountPath": INVENTORY, "readOnly": True},
        {"name": "home", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
    ]
    if files:
        volumes.append({"name": "files", "secret": {"secretName": FILES_SECRET}})
        mounts += [
            {
                "name": "files",
                "mountPath": f"{HOME}/{file[2:]}" if file.startswith("~/") else file,
                "subPath": _key(file),
                "readOnly": True,
            }
            for file in files
        ]
    if asked.vaulted:
        volumes.append({"name": "vault", "secret": {"secretName": VAULT_SECRET}})
        mounts.append({"name": "vault", "mountPath": str(PurePath(VAULT_FILE).parent), "readOnly": True})
    limit = ["--limit", asked.limit] if asked.limit else []
    environment = {"HOME": HOME, "USER": asked.account, **WITHOUT_AN_ACCOUNT}
    if asked.vaulted:
        environment[VAULT_VARIABLE] = VAULT_FILE
    memory_mib = MEMORY_MIB + MEMORY_A_CLUSTER_MIB * min(len(jobs), int(FORKS))
    container = {
        "name": "meshroll",
        "image": asked.image,
        "command": ["meshroll"],
        "args": ["upgrade", "--scheduled", "-i", str(PurePath(INVENTORY, asked.named)), *limit],
        # The lock names who holds it.
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "resources": {
            "requests": {"cpu": "250m", "memory": f"{memory_mib // 2}Mi"},
            "limits": {"memory": f"{memory_mib}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return {
        "serviceAccountName": asked.account,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": STOP_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
