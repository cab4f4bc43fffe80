"""Tasks that make the job in AWX or the Automation Platform: a template in slices, and its schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshroll.core.schedule import Job, Start, files_of, starts_of
from meshroll.playbook.invocation import FORKS
from meshroll.render.roles import yaml_lines
from meshroll.render.schedule import DEADLINE_SECONDS, Asked

NAME = "Upgrade Linkerd where it is due"
DAYS = {"mon": "MO", "tue": "TU", "wed": "WE", "thu": "TH", "fri": "FR", "sat": "SA", "sun": "SU"}
# Each slice is a pod of the execution environment: more clusters than that share one.
SLICES_MAX = 10


def tasks(jobs: Sequence[Job], asked: Asked) -> list[str]:
    """A playbook to run once, and again after the inventory's calendar has changed."""
    environment: dict[str, Any] = {
        "name": "Register the execution environment",
        "awx.awx.execution_environment": {"name": "meshroll", "image": asked.image},
    }
    template = {
        "name": NAME,
        "job_type": "run",
        "organization": "{{ awx_organization }}",
        "project": "{{ awx_project }}",
        "playbook": "playbooks/upgrade.yml",
        "inventory": "{{ awx_inventory }}",
        "credentials": "{{ awx_credentials }}",
        "execution_environment": "meshroll",
        "extra_vars": {"upgrade_scheduled": True},
        "limit": asked.limit or "",
        "job_slice_count": min(len(jobs), SLICES_MAX),
        "forks": int(FORKS),
        "timeout": DEADLINE_SECONDS,
        "become_enabled": False,
    }
    schedules = [
        {
            "name": f"Schedule it{'' if not number else f' ({number + 1})'}",
            "awx.awx.schedule": {
                "name": f"{NAME}{'' if not number else f' ({number + 1})'}",
                "unified_job_template": NAME,
                "rrule": _rrule(start),
            },
        }
        for number, start in enumerate(starts_of(jobs))
    ]
    play = {
        "name": "Make the job for scheduled upgrades",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            environment,
            {"name": "Make the job template", "awx.awx.job_template": template},
            *schedules,
        ],
    }
    return [*(f"# {line}" for line in _head(jobs, asked)), *yaml_lines([[play]])]


def _head(jobs: Sequence[Job], asked: Asked) -> list[str]:
    files = files_of(jobs)
    return [
        f"meshroll upgrade --scheduled of {', '.join(job.cluster for job in jobs)}.",
        "Run it with -e awx_organization=..., awx_project=... (the Git project with the inventory, in which",
        "playbooks/upgrade.yml is `- import_playbook: meshroll.linkerd.upgrade`), awx_inventory=... and",
        "awx_credentials=[...] (what reaches the clusters, by name; never a secret itself).",
        *(
            [f"A credential type has to put there what the inventory names: {', '.join(files)}."]
            if files
            else []
        ),
        *(["A Vault credential has to be among them."] if asked.vaulted else []),
        "Slices run side by side, one for each cluster; the lock in each cluster keeps two runs apart.",
        "Reports: `meshroll runs` and `meshroll report` read them from each cluster's journal.",
    ]


def _rrule(start: Start) -> str:
    """RFC 5545, from a day in the past on: the first time is the next one."""
    clock = start.clock.replace(":", "")
    days = f";BYDAY={','.join(DAYS[day] for day in start.days)}" if start.days else ""
    frequency = "WEEKLY" if start.days else "DAILY"
    return f"DTSTART;TZID={start.timezone}:20260101T{clock}00 RRULE:FREQ={frequency};INTERVAL=1{days}"
