"""The client against an API server that is busy, away, restarting, or loses its answers."""

from __future__ import annotations

import json
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from unit.kube.conftest import RESET, Answer, Asked, Connect, Server

from meshroll.adapters.kube.client import ApiError
from meshroll.core.errors import Interrupted, Problem, Refused, UsageError

OBJECT = {"metadata": {"name": "a", "resourceVersion": "1"}, "data": {"x": "1"}}
CONFIG_MAPS = "/api/v1/namespaces/n/configmaps"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, None])
@pytest.mark.parametrize("method", ["get", "json_patch", "merge_patch", "apply", "delete", "create"])
def test_what_passes_is_waited_for_and_said(
    server: Server, connect: Connect, status: int, method: str
) -> None:
    server.plays(Answer(status=status), Answer(status=status), Answer(body=OBJECT))
    client = connect()
    arguments = {"get": (), "delete": (), "json_patch": ([],)}.get(method, ({"metadata": {"name": "a"}},))
    getattr(client.kube, method)("/a", *arguments)
    assert len(server.asked) == 3
    assert len(client.said) == 2
    why = str(status) if status else "ProtocolError"
    assert f"/a: {why}; again in" in client.said[0]


def test_a_server_that_stays_away_is_unreachable_once_the_patience_is_over(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = connect(patience_seconds=20.0, url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Refused, match=r"tried for 20 s") as raised:
            client.kube.get("/a")
    assert raised.value.problems[0].code == "api-unreachable"
    assert sum(client.time.slept) == pytest.approx(20.0)


def test_a_server_that_stays_busy_is_left_with_its_own_words(server: Server, connect: Connect) -> None:
    server.plays(Answer(503, {"message": "apiserver is shutting down"}))
    client = connect(patience_seconds=20.0)
    with pytest.raises(ApiError, match="shutting down") as raised:
        client.kube.get("/a")
    assert raised.value.status == 503
    assert sum(client.time.slept) == pytest.approx(20.0)


def test_a_hurried_client_tries_once(server: Server, connect: Connect) -> None:
    server.plays(Answer(503))
    client = connect(patience_seconds=20.0)
    with pytest.raises(ApiError):
        client.kube.hurried().apply("/a", OBJECT)
    assert len(server.asked) == 1
    assert client.time.slept == []


def test_a_server_that_says_when_is_taken_at_its_word(server: Server, connect: Connect) -> None:
    server.plays(Answer(429, headers={"Retry-After": "17"}), Answer(body=OBJECT))
    client = connect()
    client.kube.get("/a")
    assert client.time.slept == [17.0]


def test_what_stays_refused_is_not_tried_again(server: Server, connect: Connect) -> None:
    for status in (400, 403, 404, 410, 422):
        server.asked.clear()
        server.plays(Answer(status))
        with pytest.raises(ApiError):
            connect().kube.json_patch("/a", [])
        assert len(server.asked) == 1


def test_the_api_servers_own_race_is_repeated_and_a_planned_version_is_not(
    server: Server, connect: Connect
) -> None:
    server.plays(Answer(409), Answer(body=OBJECT))
    connect().kube.json_patch("/a", [{"op": "test", "path": "/data/x", "value": "1"}])
    assert len(server.asked) == 2
    server.plays(Answer(409))
    with pytest.raises(ApiError):
        connect().kube.replace("/a", OBJECT)
    assert len(server.asked) == 3


# -- answers that were lost -----------------------------------------------------------------------------------------


def losing(server: Server, method: str, there: dict[str, object]) -> None:
    """The first write is carried out and its answer lost; the second finds the object there."""

    def script(asked: Asked) -> Answer:
        if asked.method != method:
            return Answer(body=there)
        return RESET if len(server.asked) == 1 else Answer(409, {"reason": "AlreadyExists"})

    server.script = script


def test_an_object_whose_creation_was_not_answered_is_our_own(server: Server, connect: Connect) -> None:
    made = {**OBJECT, "metadata": {"name": "a", "uid": "u", "resourceVersion": "5"}}
    losing(server, "POST", made)
    assert connect().kube.create(CONFIG_MAPS, OBJECT) == made
    assert server.asked[-1].path == f"{CONFIG_MAPS}/a"


def test_an_object_that_somebody_else_created_meanwhile_is_not(server: Server, connect: Connect) -> None:
    losing(server, "POST", {**OBJECT, "data": {"x": "2"}})
    with pytest.raises(ApiError) as raised:
        connect().kube.create(CONFIG_MAPS, OBJECT)
    assert raised.value.status == 409


def test_an_object_that_was_there_before_is_never_taken_for_ours(server: Server, connect: Connect) -> None:
    server.script = lambda asked: Answer(409) if asked.method == "POST" else Answer(body=OBJECT)
    with pytest.raises(ApiError):
        connect().kube.create(CONFIG_MAPS, OBJECT)


def test_an_object_that_was_there_while_the_server_was_only_busy_is_not_ours(
    server: Server, connect: Connect
) -> None:
    def script(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(body=OBJECT)
        return Answer(429 if len(server.asked) == 1 else 409)

    server.script = script
    with pytest.raises(ApiError):
        connect().kube.create(CONFIG_MAPS, OBJECT)


def test_a_replacement_that_was_not_answered_is_our_own(server: Server, connect: Connect) -> None:
    made = {**OBJECT, "metadata": {"name": "a", "resourceVersion": "2"}}
    losing(server, "PUT", made)
    assert connect().kube.replace(f"{CONFIG_MAPS}/a", OBJECT) == made


def test_a_deletion_that_was_not_answered_leaves_a_namesake_alone(server: Server, connect: Connect) -> None:
    losing(server, "DELETE", {"metadata": {"name": "a", "uid": "new"}})
    connect().kube.delete("/a", uid="old")
    server.asked.clear()
    losing(server, "DELETE", {"metadata": {"name": "a", "uid": "old"}})
    with pytest.raises(ApiError):
        connect().kube.delete("/a", uid="old")


# -- credentials ----------------------------------------------------------------------------------------------------


def exec_plugin(folder: Path) -> tuple[dict[str, object], Path]:
    """As `aws eks get-token`: prints the token that the file holds, and counts how often it was asked."""
    token = folder / "token"
    program = (
        "import json, pathlib\n"
        f"token = pathlib.Path({str(token)!r})\n"
        f"with open({str(folder / 'calls')!r}, 'a') as calls: calls.write('.')\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',"
        " 'status': {'token': token.read_text()}}))\n"
    )
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program],
        "interactiveMode": "Never",
    }
    return {"exec": spec}, token


def knowing(server: Server, token: str) -> None:
    server.script = lambda asked: Answer(body=OBJECT) if asked.token == f"Bearer {token}" else Answer(401)


def test_a_token_that_expired_is_asked_for_anew(server: Server, connect: Connect, tmp_path: Path) -> None:
    user, token = exec_plugin(tmp_path)
    token.write_text("first")
    client = connect(user=user)
    token.write_text("second")
    knowing(server, "second")
    assert client.kube.get("/a") == OBJECT
    assert client.kube.get("/a") == OBJECT
    assert [asked.token for asked in server.asked] == ["Bearer first", "Bearer second", "Bearer second"]
    assert (tmp_path / "calls").read_text() == ".."
    assert client.said == ["GET /a: 401; again with credentials loaded anew"]


def test_a_token_that_rotates_in_its_file_is_read_anew(
    server: Server, connect: Connect, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    client = connect(user={"tokenFile": str(token)})
    token.write_text("second")
    knowing(server, "second")
    assert client.kube.get("/a") == OBJECT


def test_credentials_that_are_refused_twice_are_refused(server: Server, connect: Connect) -> None:
    knowing(server, "another")
    client = connect()
    with pytest.raises(ApiError) as raised:
        client.kube.get("/a")
    assert (raised.value.status, len(server.asked), client.time.slept) == (401, 2, [])


def test_credentials_that_are_gone_leave_the_refusal(
    server: Server, connect: Connect, tmp_path: Path
) -> None:
    knowing(server, "another")
    client = connect()
    (tmp_path / "kubeconfig").write_text("{broken")
    with pytest.raises(ApiError) as raised:
        client.kube.get("/a")
    assert (raised.value.status, len(server.asked)) == (401, 1)
    with pytest.raises(UsageError):
        type(client.kube).connect(str(tmp_path / "kubeconfig"), None)


# -- fence and clock ------------------------------------------------------------------------------------------------


def test_the_fence_stands_before_every_try_of_every_write(server: Server, connect: Connect) -> None:
    client = connect()
    writes: list[int] = []
    fenced = client.kube.fenced(lambda: writes.append(len(server.asked)))
    server.plays(Answer(503), RESET, Answer(body=OBJECT))
    fenced.json_patch("/a", [])
    assert writes == [0, 1, 2]
    fenced.get("/a")
    client.kube.delete("/a")
    assert len(writes) == 3


def test_a_fence_that_falls_keeps_the_write_back(server: Server, connect: Connect) -> None:
    client = connect()
    tries: list[int] = []

    def fall() -> None:
        tries.append(1)
        if len(tries) == 2:
            raise Interrupted(Problem("lock-lost", "gone"))

    server.plays(Answer(503))
    with pytest.raises(Interrupted):
        client.kube.fenced(fall).json_patch("/a", [])
    assert len(server.asked) == 1


def test_a_write_ends_on_the_server_no_later_than_here(server: Server, connect: Connect) -> None:
    server.plays(Answer(body=OBJECT))
    kube = connect().kube
    kube.json_patch("/a", [])
    kube.delete("/a", "u")
    kube.get("/a")
    assert [asked.path.count("timeout=30s") for asked in server.asked] == [1, 1, 0]


def test_the_servers_clock_is_that_of_its_own_last_answer(server: Server, connect: Connect) -> None:
    kube = connect().kube
    told = datetime(2026, 1, 6, 10, 20, 30, tzinfo=UTC)
    server.plays(Answer(403))
    assert abs((kube.server_now() - told).total_seconds()) < 60
    kube.server_now()
    assert [asked.path for asked in server.asked] == ["/version"]
    server.plays(Answer(body=OBJECT, headers={"Date": "Tue, 06 Jan 2027 00:00:00 GMT"}))
    kube.read_text("/proxied", {"query": "up"})
    assert kube.server_now().year == 2026
    kube.get("/a")
    assert kube.server_now().year == 2027


def test_what_is_behind_the_api_server_is_not_waited_for_as_it_is(server: Server, connect: Connect) -> None:
    server.plays(Answer(503, {"message": "no endpoints available"}))
    client = connect()
    with pytest.raises(ApiError):
        client.kube.read_text("/proxied", {})
    assert sum(client.time.slept) == pytest.approx(8.0)


def test_a_list_that_expires_between_two_pages_begins_anew(server: Server, connect: Connect) -> None:
    def page(name: str, token: str) -> Answer:
        return Answer(
            body={
                "items": [{"metadata": {"name": name}}],
                "metadata": {"resourceVersion": "9", "continue": token},
            }
        )

    server.plays(page("a", "more"), Answer(410), page("b", "more"), page("c", ""))
    items, version = connect().kube.list_all("/a")
    assert ([item["metadata"]["name"] for item in items], version) == (["b", "c"], "9")
    server.plays(Answer(410))
    with pytest.raises(ApiError):
        connect().kube.list_all("/a")


def test_a_body_is_what_the_caller_gave(server: Server, connect: Connect) -> None:
    server.plays(Answer(body=OBJECT))
    connect().kube.apply("/a", OBJECT)
    assert json.dumps(server.asked[0].body) == json.dumps(OBJECT)
