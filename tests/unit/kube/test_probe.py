"""A probe's Job is removed with its pods, however the probe ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from unit.core.factories import Json, pod, workload
from unit.kube.conftest import Answer, Asked, Connect, Server

from meshroll.adapters.kube import probe
from meshroll.core.errors import Interrupted, MeshrollError, Problem, Refused
from meshroll.core.model import Pod
from meshroll.core.probe.job import Ended
from meshroll.core.probe.target import Aim

AIM = Aim("charging", "tariffs", 80, True, ("tariffs-0", "tariffs-1"))
JOBS = "/apis/batch/v1/namespaces/charging/jobs"
RUN = "20261124t200539z-6f2330"


def ended_pod() -> Pod:
    found = pod(workload(name="probe"), proxy="native")
    state = {"terminated": {"exitCode": 0, "message": "connections 1\n"}}
    return Pod(
        {
            **found.manifest,
            "status": {"phase": "Running", "containerStatuses": [{"name": "probe", "state": state}]},
        }
    )


def plays(
    server: Server, *pods: list[Pod], create: int = 201, delete: int = 200, events: Sequence[Json] = ()
) -> None:
    """The Job can be made and removed; its pods are listed as given, the last list for good."""
    left = list(pods)

    def script(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(create, asked.body if create < 300 else {"message": "no"})
        if asked.method == "DELETE":
            return Answer(delete, {"message": "no"})
        if "/events?" in asked.path:
            return Answer(200, {"items": list(events), "metadata": {"resourceVersion": "7"}})
        items = [dict(each.manifest) for each in (left.pop(0) if len(left) > 1 else left[0])]
        return Answer(200, {"items": items, "metadata": {"resourceVersion": "7"}})

    server.script = script


def run(connect: Connect, between: Callable[[], None] = lambda: None) -> tuple[Ended, list[str]]:
    warned: list[str] = []
    return probe.run_probe(connect(1.0).kube, AIM, "curl", RUN, between, warned.append), warned


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "POLL_SECONDS", 0.0)


def removed(server: Server) -> bool:
    """Whether the last thing asked for was to remove the Job, and its pods with it."""
    last = server.asked[-1]
    return (
        last.method == "DELETE"
        and last.path.startswith(f"{JOBS}/meshroll-probe-{RUN}?")
        and "propagationPolicy=Background" in last.path
    )


def test_its_pod_is_waited_for_and_the_job_removed(server: Server, connect: Connect) -> None:
    plays(server, [], [pod(workload(name="probe"), proxy="native")], [ended_pod()])
    assert run(connect) == (Ended("connections 1"), [])
    assert removed(server)
    assert "labelSelector=batch.kubernetes.io%2Fjob-name%3Dmeshroll-probe" in server.asked[1].path


def test_a_wish_to_stop_removes_it_too(server: Server, connect: Connect) -> None:
    plays(server, [])

    def stop() -> None:
        raise Interrupted(Problem("interrupted", "Stopped."))

    with pytest.raises(Interrupted):
        run(connect, stop)
    assert removed(server)


def test_a_pod_that_never_comes_ends_in_a_reason_and_the_job_is_removed(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "WAIT_SECONDS", 0.0)
    plays(server, [])
    end, _ = run(connect)
    assert end.message is None
    assert "its Job has no pod" in end.why
    assert removed(server)


def test_a_pod_that_is_refused_is_not_waited_for(server: Server, connect: Connect) -> None:
    quota = {"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota: pods"}
    plays(server, [], events=[quota])
    end, _ = run(connect)
    assert "exceeded quota" in end.why
    assert f"involvedObject.name%3Dmeshroll-probe-{RUN}" in server.asked[2].path
    assert removed(server)


def test_a_job_that_may_not_be_made_is_refused(server: Server, connect: Connect) -> None:
    plays(server, [], create=403)
    with pytest.raises(Refused, match="403"):
        run(connect)


def test_an_api_server_that_fails_while_it_waits_still_gets_the_removal(
    server: Server, connect: Connect
) -> None:
    plays(server, [])
    before = server.script
    server.script = lambda asked: Answer(403, {"message": "no"}) if asked.method == "GET" else before(asked)
    with pytest.raises(MeshrollError):
        run(connect)
    assert removed(server)


def test_a_job_that_cannot_be_removed_is_said_and_changes_no_result(server: Server, connect: Connect) -> None:
    plays(server, [ended_pod()], delete=403)
    end, (warning,) = run(connect)
    assert end == Ended("connections 1")
    assert f"meshroll-probe-{RUN}" in warning
    assert "goes by itself" in warning
