"""A complete job for scheduled upgrades, in the form of whatever is to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from meshroll.core.schedule import Job

Form = Literal["cronjob", "systemd", "awx"]
# One that takes longer waits for something: the next one goes on with it.
DEADLINE_SECONDS = 6 * 3600
# A run that is to end does so between two steps: the slowest workload's restart is waited for.
STOP_SECONDS = 15 * 60
VAULT_VARIABLE = "ANSIBLE_VAULT_PASSWORD_FILE"
# Of whoever prints the job; whoever runs it has an environment of its own.
OF_THE_ENVIRONMENT = (
    "Not carried along: ansible.cfg, and what the environment says (AWS_PROFILE, KUBECONFIG, HTTPS_PROXY,",
    "REQUESTS_CA_BUNDLE). Give the job what the inventory counts on, with the programs that a kubeconfig calls.",
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of the job: the ``files`` of the inventory, in ``folder`` (absolute). ``named`` is
    what the command is told of them: one of the files, or ``.`` for all. ``vaulted``: a password has to be there.
    """

    folder: str
    named: str
    files: Sequence[str]
    vaulted: bool
    limit: str | None
    image: str
    namespace: str
    account: str


def jobs_in(result: Mapping[str, Any]) -> list[Job]:
    """What each cluster's inventory says, from a result (docs/reference/result.md)."""
    return [msgspec.convert(cluster["schedule"], Job) for cluster in result["data"]["clusters"]]


def written(form: Form, jobs: Sequence[Job], asked: Asked) -> list[str]:
    """The job as lines of text, with what has to be done beside it as comments at the head."""
    if form == "cronjob":
        from meshroll.render.schedule.cronjob import cronjob

        return cronjob(jobs, asked)
    if form == "systemd":
        from meshroll.render.schedule.systemd import units

        return units(jobs, asked)
    from meshroll.render.schedule.awx import tasks

    return tasks(jobs, asked)
