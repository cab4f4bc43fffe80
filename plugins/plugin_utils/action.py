"""What every action plugin of the collection does alike: settings in, errors out."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed, refusal

with needed():
    import msgspec

    from meshroll.adapters import alive, cluster_access, notify
    from meshroll.adapters.events import Events, now
    from meshroll.adapters.kube import facts
    from meshroll.adapters.kube.client import LONG_PATIENCE_SECONDS, SHORT_PATIENCE_SECONDS, Kube
    from meshroll.adapters.kube.journal import Journal, local_folder
    from meshroll.adapters.kube.lock import Lock
    from meshroll.core import checks
    from meshroll.core import settings as inventory
    from meshroll.core.errors import MeshrollError
    from meshroll.core.facts import Facts, Need
    from meshroll.core.gate.verdict import Outcome as GateOutcome
    from meshroll.core.gate.verdict import Verdict
    from meshroll.core.history import has_changed
    from meshroll.core.journal import Record
    from meshroll.core.model import ClusterView
    from meshroll.core.notices import Notice
    from meshroll.core.outcome import Outcome, after_failure, unread
    from meshroll.core.run import Run, run_id_of

    # Ansible reads this before it forks, so all clusters' tasks know the same.
    STARTED_AT, TOKEN = now(), secrets.token_hex(3)

REFUSED = 3
"""ExitCode.REFUSED, for where the package that has it is the wrong one."""


@dataclass(frozen=True)
class Work:
    """What a task works with while its run holds the lock: ``kube`` writes only while it does.

    ``check`` raises Interrupted once the lock is lost. ``record`` is None in a run that only looks, or never began.
    """

    kube: Kube
    journal: Journal
    record: Record | None
    check: Callable[[], None]


class MeshrollAction(ActionBase):
    """Runs in the forked controller process: parses, calls core and adapters, returns. Decides nothing."""

    _requires_connection = False
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        # The kubernetes package puts keys into files and removes them at exit, which a forked worker never comes to.
        tempfile.tempdir = constants.DEFAULT_LOCAL_TMP
        if told := refusal():
            message, hint = told
            problem = {"code": "package-version", "message": message, "hint": hint}
            return _failed(f"{message} {hint}", REFUSED, [problem])
        variables = self.variables = self._own_variables(task_vars or {})
        self.events = Events(variables["inventory_hostname"], self._display.display)
        self.identity = self._identity(variables)
        self.run_context = Run.from_variables({**variables, **self.identity})
        args: dict[str, Any] = _plain(self._task.args)
        unknown = set(args) - self._VALID_ARGS
        if unknown:
            return {"failed": True, "msg": f"unknown arguments: {', '.join(sorted(unknown))}"}
        try:
            self.run_context.validate()
            settings, self.assumptions = inventory.with_namespace(
                inventory.parse(variables), variables.get("meshroll_namespace")
            )
            result = self.act(args, settings, self._task.check_mode)
        except inventory.UsageError as error:
            result = self.act_without_settings(args, error)
        except MeshrollError as error:
            result = failure(error)
        return {"changed": False, "ansible_facts": self.identity, **result}

    def act(self, args: dict[str, Any], settings: inventory.Settings, check_mode: bool) -> dict[str, Any]:
        """The task's own work; raises MeshrollError."""
        raise NotImplementedError

    def act_without_settings(self, args: dict[str, Any], error: inventory.UsageError) -> dict[str, Any]:
        """What is left to do where the inventory cannot be used: most tasks fail with what is wrong in it."""
        return failure(error)

    def connect(self, settings: inventory.Settings) -> Kube:
        return cluster_access.connect(
            settings.cluster, settings.api, self.run_context.id, self.warn, self.patience_seconds
        )

    def for_child(self, settings: inventory.Settings, folder: Path) -> inventory.Cluster:
        """The cluster as every program that is started reaches it."""
        return cluster_access.for_child(
            settings.cluster, self.run_context.id, self.warn, self.patience_seconds, folder
        )

    def seen(
        self, kube: Kube, view: ClusterView, settings: inventory.Settings, needs: Collection[Need]
    ) -> Facts:
        """What checks need beside ``view``, of AWS too."""
        found = facts.see(kube, view, needs)
        if "aws" not in needs:
            return found
        day = kube.server_now().date()
        aws = cluster_access.asked_of_aws(
            settings.cluster, self.run_context.id, self.warn, self.patience_seconds, day
        )
        return replace(found, eks=aws)

    @property
    def patience_seconds(self) -> float:
        return LONG_PATIENCE_SECONDS if self.run_context.begun else SHORT_PATIENCE_SECONDS

    def holder(self) -> str:
        """user@host, as lock and journal name who runs this."""
        return f"{getpass.getuser()}@{socket.gethostname()}"

    def stop_if_asked(self) -> None:
        self.events.stop_if_asked(self.run_context.begun)

    def warn(self, line: str) -> None:
        self.events.say("line", line, level="warning")

    def folder(self) -> Path:
        """A new one in Ansible's own of this run, which goes away with the run, also when that is cancelled."""
        return Path(tempfile.mkdtemp(prefix="meshroll-"))

    def accepted_checks(self, settings: inventory.Settings) -> dict[str, str]:
        """Reasons by the check's id, of the inventory and the command line. Raises UsageError."""
        return checks.acceptable(settings.checks, self.run_context.accept)

    def lock(self, kube: Kube) -> Lock:
        holder = f"{self.holder()} ({self.run_context.cluster})"
        return Lock(kube, holder, self.run_context.id, alive.path_of_this_run(os.environ))

    def journal(self, kube: Kube) -> Journal:
        return Journal(kube, local_folder(self.run_context.cluster, os.environ), self.warn)

    def history(self, journal: Journal, direction: str) -> list[Record]:
        """The runs that the cluster remembers, newest first.

        The way to the fallback needs none, so a journal that cannot be read does not stand in its way.
        """
        try:
            return journal.read()
        except MeshrollError as error:
            if direction != "fallback":
                raise
            self.warn(f"{error} Going on without it.")
            return []

    def known_end(self, failed: dict[str, Any], journal: Journal) -> Outcome:
        """What a failed task means for this run, which has begun.

        Raises nothing: where the journal cannot be read, the run may have changed something.
        """
        cluster = self.run_context.cluster
        try:
            record = journal.read_run(self.run_context.id)
            if record is None:
                return unread(failed, cluster)
            # Nothing of an uninstall is taken back, as of a way back.
            going_back = record.command in ("uninstall", "rollback")
            return after_failure(failed, has_changed(journal.read(), record), cluster, going_back)
        except MeshrollError:
            return unread(failed, cluster)

    @contextmanager
    def working(self, settings: inventory.Settings) -> Iterator[Work]:
        """The cluster to work on, with the run's lock kept for as long. Raises Interrupted where it is lost."""
        kube = self.connect(settings)
        if not self.run_context.begun:
            yield Work(kube, self.journal(kube), None, lambda: None)
            return
        lock = self.lock(kube)
        with lock.kept():
            fenced = kube.fenced(lock.fence)
            journal = self.journal(fenced)
            yield Work(fenced, journal, journal.read_run(self.run_context.id), lock.check)

    def notify(self, settings: inventory.Settings, notice: Notice) -> None:
        notify.send(settings.notifications, notice, self.warn)

    def say_verdict(self, verdict: Verdict) -> None:
        levels = {GateOutcome.SUCCESSFUL: "info", GateOutcome.FAILED: "error"}
        self.events.say(
            "verdict",
            verdict.summary,
            stage="gate",
            level=levels.get(verdict.outcome, "warning"),
            outcome=verdict.outcome,
            findings=[
                {"workload": each.workload, **msgspec.to_builtins(finding)}
                for each in verdict.workloads
                for finding in each.findings
            ],
        )

    def report(self, stage: str) -> Callable[[str, int, int], None]:
        return lambda message, done, total: self.events.say(
            "progress", message, stage=stage, done=done, total=total
        )

    def _identity(self, variables: dict[str, Any]) -> dict[str, str]:
        """The run's id and start; without those of the CLI (by hand, or AWX) all clusters have the same all the same,
        because they are one run, with one result.
        """
        started_at = variables.get("meshroll_started_at") or STARTED_AT
        identifier = variables.get("meshroll_run_id") or run_id_of(started_at, TOKEN)
        return {"meshroll_run_id": identifier, "meshroll_started_at": started_at}

    def _own_variables(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        # Facts are looked into beside the variables: ansible.cfg may say that they are not variables too.
        known = {**(task_vars.get("ansible_facts") or {}), **task_vars}
        wanted = {key: value for key, value in known.items() if key.startswith(inventory.PREFIX)}
        templated: dict[str, Any] = _plain(self._templar.template(wanted))
        return {**templated, "inventory_hostname": str(task_vars["inventory_hostname"])}


def _plain(value: Any) -> Any:
    """Without the tags that Ansible puts on strings: msgspec takes nothing but str for a str. Dates are text."""
    return json.loads(json.dumps(value, default=str))


def failure(error: MeshrollError) -> dict[str, Any]:
    """An error as a task's result; the playbook's rescue and the result file read ``meshroll``."""
    told = f"{error} {error.problems[-1].hint}".strip()
    return _failed(told, int(error.exit_code), [problem.as_dict() for problem in error.problems])


def _failed(told: str, exit_code: int, problems: list[dict[str, Any]]) -> dict[str, Any]:
    return {"failed": True, "msg": told, "meshroll": {"exit_code": exit_code, "problems": problems}}
