"""A timer and its service, for a machine that has meshroll installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from meshroll.core.schedule import Job, Start, files_of, starts_of
from meshroll.render.schedule import DEADLINE_SECONDS, OF_THE_ENVIRONMENT, STOP_SECONDS, VAULT_VARIABLE, Asked


def units(jobs: Sequence[Job], asked: Asked) -> list[str]:
    """Both files, each after its name."""
    limit = f" --limit {_quoted(asked.limit)}" if asked.limit else ""
    clusters = ", ".join(job.cluster for job in jobs)
    program = Path(sys.executable).parent / "meshroll"
    inventory = _quoted(str(Path(asked.folder, asked.named)))
    files = files_of(jobs)
    return [
        f"# meshroll upgrade --scheduled of {clusters}, by the user {asked.account}.",
        *([f"# That user has to be able to read {', '.join(files)}."] if files else []),
        "# Reports: `meshroll runs` and `meshroll report` read them from each cluster's journal, and",
        "# `journalctl -u meshroll-upgrade` has the result. Then: systemctl enable --now meshroll-upgrade.timer",
        *(f"# {line}" for line in OF_THE_ENVIRONMENT),
        "",
        "# /etc/systemd/system/meshroll-upgrade.service",
        "[Unit]",
        f"Description=Upgrade Linkerd where it is due ({clusters})",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={asked.account}",
        *([f"Environment={VAULT_VARIABLE}=THE-FILE-WITH-THE-VAULT-PASSWORD"] if asked.vaulted else []),
        f"ExecStart={program} upgrade --scheduled -i {inventory}{limit}",
        f"TimeoutStartSec={DEADLINE_SECONDS}",
        # meshroll tells its children itself, and ends between two steps.
        "KillMode=mixed",
        f"TimeoutStopSec={STOP_SECONDS}",
        "NoNewPrivileges=yes",
        "ProtectSystem=full",
        "",
        "# /etc/systemd/system/meshroll-upgrade.timer",
        "[Unit]",
        "Description=When to look whether Linkerd is to be upgraded",
        "",
        "[Timer]",
        *(f"OnCalendar={_calendar(start)}" for start in starts_of(jobs)),
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]


def _quoted(path: str) -> str:
    """As systemd.service(5) reads a command line."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != path or {*" \t'"} & {*path} else path


def _calendar(start: Start) -> str:
    days = ",".join(day.capitalize() for day in start.days)
    return f"{f'{days} ' if days else ''}*-*-* {start.clock}:00 {start.timezone}"
