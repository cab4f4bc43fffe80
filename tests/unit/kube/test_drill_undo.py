"""A drill's fault is taken back from what is there, as far as the API server lets it."""

from __future__ import annotations

from typing import Any

import pytest
from unit.kube.conftest import Answer, Asked, Connect, Server

from meshroll.adapters import drill_undo
from meshroll.adapters.kube.journal import PATH, Journal
from meshroll.core.changes import Change, Field, Guard
from meshroll.core.errors import Drift, RollbackFailed
from meshroll.core.journal import Entry, Record
from meshroll.core.journal_objects import HEAD, objects_of, records_of

POD = "/api/v1/namespaces/charging/pods/sessions-0"
POLICY = "/apis/networking.k8s.io/v1/namespaces/charging/networkpolicies/shut"
DEPLOYMENT = "/apis/apps/v1/namespaces/charging/deployments/sessions"
BODY: dict[str, Any] = {"metadata": {"name": "shut"}, "spec": {}}


def patched(scenario: str, kind: str, name: str, field: Field) -> Entry:
    return Entry(scenario, Change(kind, "charging", name, "patch", "-", [field]))


LABELLED = patched("partition", "Pod", "sessions-0", Field("/metadata/labels/meshroll.io~1drill", None, "1"))
SHUT = Entry("partition", Change("NetworkPolicy", "charging", "shut", "apply", "-", body=BODY))
SCALED = patched("scale-up", "Deployment", "sessions", Field("/spec/replicas", 3, 4))
STARVED = patched(
    "degraded-pod",
    "Pod",
    "sessions-0",
    Field(
        "/spec/containers/0/resources/limits/cpu",
        "200m",
        "20m",
        [Guard("/spec/containers/0/name", "sessions")],
    ),
)


class Cluster:
    """Objects by path, the journal's among them; ``refused`` are paths that nobody may write."""

    def __init__(self, server: Server, connect: Connect, *entries: Entry) -> None:
        record = Record(
            run_id="run-1",
            command="drill",
            holder="ann",
            namespaces=["charging"],
            started_at="2026-01-01T00:00:00Z",
            pending=sorted({entry.step for entry in entries}),
            entries=list(entries),
        )
        self.record = record
        self.there: dict[str, Any] = {
            f"{PATH}/{item['metadata']['name']}": item for item in objects_of(record)
        }
        self.refused: set[str] = set()
        self.said: list[str] = []
        server.script = self.answer
        self.server = server
        self.kube = connect(0.0).kube
        self.journal = Journal(self.kube, None, lambda _: None)

    def answer(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if asked.method != "GET" and path in self.refused:
            return Answer(403, {"message": "not you"})
        if path not in self.there:
            return Answer(404, {"message": "not there"})
        if asked.method == "DELETE":
            self.there.pop(path)
            return Answer(200, {})
        if asked.method == "PATCH" and path.startswith(PATH):
            self.there[path] = asked.body
        return Answer(200, self.there[path])

    def take_back(self) -> Record:
        return drill_undo.take_back(self.kube, self.journal, self.record, self.said.append)

    @property
    def pending(self) -> list[str]:
        (record,) = records_of([item for path, item in self.there.items() if HEAD in item.get("data", {})])
        return record.pending

    @property
    def written(self) -> list[tuple[str, str]]:
        """What was written but for the journal."""
        paths = [(asked.method, asked.path.partition("?")[0]) for asked in self.server.asked]
        return [(method, path) for method, path in paths if method != "GET" and not path.startswith(PATH)]


def sized(spec: str, given: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "sessions-0", "uid": "uid-0"},
        "spec": {"containers": [{"name": "sessions", "resources": {"limits": {"cpu": spec}}}]},
        "status": {
            "containerStatuses": [{"name": "sessions", "resources": {"limits": {"cpu": given}}}],
        },
    }


def labelled(**labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "sessions-0", "labels": {"app": "sessions", **labels}}}


def replicas(count: int) -> dict[str, Any]:
    return {"metadata": {"name": "sessions"}, "spec": {"replicas": count}}


def test_the_last_change_goes_back_first_and_the_journal_says_that_nothing_is_left(
    server: Server, connect: Connect
) -> None:
    here = Cluster(server, connect, SCALED, LABELLED, SHUT)
    here.there |= {POD: labelled(**{"meshroll.io/drill": "1"}), POLICY: BODY, DEPLOYMENT: replicas(4)}
    assert here.take_back().pending == here.pending == []
    assert here.written == [("DELETE", POLICY), ("PATCH", POD), ("PATCH", DEPLOYMENT)]
    assert here.take_back() is here.record
    assert len(here.written) == 3


def test_what_was_intended_and_never_made_or_is_gone_is_left_alone(server: Server, connect: Connect) -> None:
    here = Cluster(server, connect, SCALED, LABELLED, SHUT)
    here.there[DEPLOYMENT] = replicas(3)
    assert here.take_back().pending == []
    assert here.written == []


def test_somebody_elses_value_stays_and_is_told_once(server: Server, connect: Connect) -> None:
    here = Cluster(server, connect, SCALED)
    here.there[DEPLOYMENT] = replicas(7)
    with pytest.raises(Drift, match="sessions"):
        here.take_back()
    assert here.pending == []
    assert here.written == []


def test_what_changes_at_the_very_moment_stays_open(server: Server, connect: Connect) -> None:
    here = Cluster(server, connect, SCALED)
    here.there[DEPLOYMENT] = replicas(4)
    server_answer = here.answer

    def tested(asked: Asked) -> Answer:
        if asked.method == "PATCH" and asked.path.startswith(DEPLOYMENT):
            here.there[DEPLOYMENT] = replicas(7)
            return Answer(422, {"message": "testing value /spec/replicas failed"})
        return server_answer(asked)

    server.script = tested
    with pytest.raises(RollbackFailed, match="sessions"):
        here.take_back()
    assert here.pending == ["scale-up"]


@pytest.mark.parametrize("given", ["200m", "20m"])
def test_a_pod_that_does_not_get_its_cpu_back_is_replaced(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Its node may have given it away; the journal may say that the patch was made by a run that was killed then."""
    monkeypatch.setattr(drill_undo, "RESIZE_SECONDS", 0.0)
    here = Cluster(server, connect, STARVED)
    here.there[POD] = sized("200m", given)
    assert here.take_back().pending == []
    replaced = given == "20m"
    assert here.written == ([("DELETE", POD)] if replaced else [])
    assert bool(here.said) == replaced


def test_what_is_refused_keeps_nothing_else_from_going_back_and_stays_open(
    server: Server, connect: Connect
) -> None:
    here = Cluster(server, connect, LABELLED, SHUT)
    here.there |= {POD: labelled(**{"meshroll.io/drill": "1"}), POLICY: BODY}
    here.refused.add(POLICY)
    with pytest.raises(RollbackFailed, match="not you"):
        here.take_back()
    assert here.pending == ["partition"]
    assert ("PATCH", POD) in here.written
