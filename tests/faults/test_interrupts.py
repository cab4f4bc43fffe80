"""A wish to stop, in whichever form it comes, stops between two steps; the run can be resumed or taken back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from faults.conftest import Figure
from faults.ends import end_of
from faults.estate import Estate, ended
from faults.fault import BeforeWrite, Forward, Kill, Once, Request, Undisturbed, path_has
from faults.tree import descendants, runs
from sandbox.support import Ran

from meshroll.adapters.prometheus import queries

EXHAUSTIVE = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("wish", "goes_on", "end"),
    [
        (signal.SIGTERM, "resume", "new"),
        pytest.param(signal.SIGINT, "rollback", "fallback", marks=EXHAUSTIVE),
        pytest.param(signal.SIGHUP, "resume", "new", marks=EXHAUSTIVE),
    ],
)
def test_a_wish_to_stop_keeps_what_was_done_and_frees_the_lock(
    estate: Estate, figure: Figure, wish: signal.Signals, goes_on: str, end: str
) -> None:
    figure.row("SIGINT, SIGTERM or SIGHUP in the middle, then resume or rollback")
    ran = told_to_stop(estate, wish)
    assert ran.code == 130 and ran.codes == ["interrupted"], ran.result["errors"]
    assert "meshroll resume" in ran.cluster["next"]
    state = estate.state()
    assert state.lease is None
    assert all("linkerd.io/inject" in str(each["spec"]["template"]) for each in state.deployments.values()), (
        "the step in hand was finished"
    )
    after = estate.run_to_end(goes_on)
    assert after.code == 0, after.result["errors"]
    figure.end(end_of(estate, (end,), after))  # type: ignore[arg-type]


def test_a_run_whose_worker_is_killed_takes_its_changes_back_itself(estate: Estate, figure: Figure) -> None:
    """As a machine does that has no memory left: Ansible lives on, and would wait for it."""
    figure.row("the worker of a task is killed (SIGKILL); Ansible lives on")
    processes: list[subprocess.Popen[str]] = []
    fault = Once(
        path_has(f"/namespaces/{estate.name}/deployments/"),
        Kill("after", lambda: os.kill(worker_of(processes[0].pid), signal.SIGKILL)),
    )
    with estate.through.api.disturbed(fault), estate.started("rollout") as process:
        processes.append(process)
        ran = ended(process)
    assert (ran.code, ran.codes) == (4, ["worker-died"]), ran.result["errors"]
    assert estate.state().lease is None
    figure.end(end_of(estate, ("fallback",), ran))


def worker_of(command: int) -> int:
    """The one process that came of the command's ansible-playbook and works."""
    ansible = descendants(command)[1]
    (worker,) = (pid for pid in descendants(ansible)[1:] if runs(pid))
    return worker


@EXHAUSTIVE
def test_a_gate_that_is_stopped_keeps_what_it_measured_and_is_looked_at_anew(estate: Estate) -> None:
    api, prometheus = estate.through.api, estate.through.prometheus
    processes: list[subprocess.Popen[str]] = []
    # In the second look after the change; each look asks every query once.
    fault = AtRequest(
        len(queries()) + 1,
        lambda: processes[0].send_signal(signal.SIGTERM),
        counting=lambda: any(path_has("/deployments/")(write) for write in api.writes),
    )
    with api.disturbed(Undisturbed()), prometheus.disturbed(fault), estate.started("rollout") as process:
        processes.append(process)
        ran = ended(process)
    assert ran.code == 130 and ran.codes == ["interrupted"], ran.result["errors"]
    shown = estate.run("runs", "show", ran.result["run_id"]).cluster["run"]
    (gate,) = shown["verdicts"]
    assert gate["outcome"] == "Inconclusive"
    assert "it was stopped after" in gate["summary"]
    assert gate["recorded"] == 1
    after = estate.run_to_end("resume")
    assert after.code == 0, after.result["errors"]
    end_of(estate, ("new",), after)


@dataclass
class AtRequest:
    """``act`` runs once, at request ``number`` of those that come while ``counting`` says so."""

    number: int
    act: Callable[[], None]
    counting: Callable[[], bool]
    seen: int = 0

    def decide(self, request: Request) -> Forward:
        self.seen += self.counting()
        if self.seen == self.number:
            self.act()
            self.number = -1
        return Forward()


def told_to_stop(estate: Estate, wish: signal.Signals) -> Ran:
    """A rollout that is told to stop before its first change of a Deployment reaches the API server."""
    processes: list[subprocess.Popen[str]] = []
    fault = BeforeWrite(
        path_has(f"/namespaces/{estate.name}/deployments/"), lambda: processes[0].send_signal(wish)
    )
    with estate.through.api.disturbed(fault), estate.started("rollout") as process:
        processes.append(process)
        return ended(process)
