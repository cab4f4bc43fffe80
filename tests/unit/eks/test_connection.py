"""An API server over TLS, of which AWS says where it is and by which authority; and what Helm is given of it."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.authority import Authority
from unit.eks.conftest import REGION, ROLE, Answer, Asking, Scripted, refused, sts_refused

from meshroll.adapters import cluster_access, eks
from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.core.errors import Refused
from meshroll.core.settings import Cluster, Eks

PROD = Eks(name="prod", region=REGION)
ASSUMED = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


@dataclass
class ApiServer:
    """Answers every request; ``refuses`` tokens that it is told to, and remembers all."""

    authority: bytes
    url: str = ""
    tokens: list[str] = field(default_factory=list)
    refuses: int = 0

    def described(self, **other: Any) -> Answer:
        cluster = {
            "name": "prod",
            "status": "ACTIVE",
            "endpoint": self.url,
            "certificateAuthority": {"data": base64.b64encode(self.authority).decode()},
        }
        return Answer(200, {"cluster": {**cluster, **other}})


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServer]:
    authority = Authority.make(tmp_path)
    served = ApiServer(authority.file.read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.tokens.append((self.headers.get("Authorization") or "").removeprefix("Bearer "))
            served.refuses -= 1
            status = 401 if served.refuses >= 0 else 200
            data = json.dumps({"gitVersion": "v1.33.1-eks-a1b2c3d"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.socket = authority.context().wrap_socket(listening.socket, server_side=True)
    served.url = f"https://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield served
    listening.shutdown()
    listening.server_close()


def kube(asking: Asking, wanted: Eks = PROD) -> Kube:
    return Kube.over(eks.connection(wanted, asking.aws(wanted.role_arn)), asking.said.append, 0.0)


def test_the_api_server_is_reached_with_a_token_and_its_own_authority(
    scripted: Scripted, api_server: ApiServer, asking: Asking
) -> None:
    scripted.plays(api_server.described())
    assert kube(asking).get("/version") == {"gitVersion": "v1.33.1-eks-a1b2c3d"}
    assert [token.partition(".")[0] for token in api_server.tokens] == ["k8s-aws-v1"]


def test_an_api_server_of_another_authority_is_not_trusted(
    scripted: Scripted, api_server: ApiServer, asking: Asking, tmp_path: Path
) -> None:
    other = Authority.make(tmp_path, "other").file.read_bytes()
    data = base64.b64encode(other).decode()
    scripted.plays(api_server.described(certificateAuthority={"data": data}))
    with pytest.raises(Refused) as raised:
        kube(asking).get("/version")
    assert raised.value.problems[0].code == "api-unreachable"
    assert not api_server.tokens


def test_one_client_goes_on_with_new_tokens_while_hours_pass(
    scripted: Scripted, api_server: ApiServer, asking: Asking
) -> None:
    scripted.script = lambda asked: Answer(200, ASSUMED) if "AssumeRole" in asked else api_server.described()
    client = kube(asking, Eks(name="prod", region=REGION, role_arn=ROLE))
    for _ in range(12):
        client.get("/version")
        asking.time.now += 300
    # Every ten minutes the role is assumed anew, whose credentials last for an hour; the endpoint is asked for once.
    assert len([asked for asked in scripted.asked if "AssumeRole" in asked]) == 6
    assert len([asked for asked in scripted.asked if asked.startswith("/clusters/")]) == 1


def test_a_token_that_is_refused_is_made_anew_from_the_beginning(
    scripted: Scripted, api_server: ApiServer, asking: Asking
) -> None:
    scripted.plays(api_server.described())
    client = kube(asking)
    api_server.refuses = 1
    client.get("/version")
    assert len(api_server.tokens) == 2
    assert len(scripted.asked) == 2


def test_who_has_no_access_entry_is_told_so_after_one_more_try(
    scripted: Scripted, api_server: ApiServer, asking: Asking
) -> None:
    scripted.plays(api_server.described())
    api_server.refuses = 99
    with pytest.raises(ApiError) as raised:
        kube(asking).get("/version")
    assert len(api_server.tokens) == 2
    assert "access entry" in raised.value.problems[0].hint


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused("ExpiredTokenException", "The security token is expired", 403), "aws-credentials-expired"),
        (refused("ResourceNotFoundException", "No cluster found", 404), "eks-cluster-unknown"),
    ],
)
def test_credentials_or_a_cluster_that_end_while_a_run_lasts_are_named(
    scripted: Scripted, api_server: ApiServer, asking: Asking, answer: Answer, code: str
) -> None:
    scripted.plays(api_server.described(), answer)
    client = kube(asking)
    api_server.refuses = 99
    with pytest.raises(Refused) as raised:
        client.get("/version")
    assert raised.value.problems[0].code == code


def test_a_role_that_ends_is_named_once_the_last_token_is_over(
    scripted: Scripted, api_server: ApiServer, asking: Asking
) -> None:
    scripted.plays(Answer(200, ASSUMED), api_server.described(), sts_refused("ExpiredToken", "It expired"))
    client = kube(asking, Eks(name="prod", region=REGION, role_arn=ROLE))
    asking.time.now += 800
    client.get("/version")
    asking.time.now += 100
    with pytest.raises(Refused) as raised:
        client.get("/version")
    assert raised.value.problems[0].code == "aws-credentials-expired"
    assert len(api_server.tokens) == 1


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "FAILED", "PENDING"])
def test_a_cluster_that_is_not_there_yet_or_any_more_is_not_worked_on(
    scripted: Scripted, api_server: ApiServer, asking: Asking, status: str
) -> None:
    scripted.plays(api_server.described(status=status))
    with pytest.raises(Refused) as raised:
        kube(asking)
    (problem,) = raised.value.problems
    assert problem.code == "eks-cluster-not-active"
    assert f"is {status}" in problem.message
    assert not api_server.tokens


def test_a_namesake_in_another_account_is_not_worked_on(
    scripted: Scripted, api_server: ApiServer, asking: Asking, tmp_path: Path
) -> None:
    pinned = Eks(name="prod", region=REGION, account="123456789012")
    scripted.plays(api_server.described(arn=f"arn:aws:eks:{REGION}:222222222222:cluster/prod"))
    for reach in (
        lambda: kube(asking, pinned),
        lambda: eks.kubeconfig_file(pinned, asking.aws(), tmp_path),
    ):
        with pytest.raises(Refused) as raised:
            reach()
        (problem,) = raised.value.problems
        assert problem.code == "eks-account-differs"
        assert "222222222222" in problem.message
    assert not api_server.tokens
    scripted.plays(api_server.described(arn=f"arn:aws:eks:{REGION}:123456789012:cluster/prod"))
    assert kube(asking, pinned).get("/version")


def test_a_cluster_that_is_being_changed_answers(
    scripted: Scripted, api_server: ApiServer, asking: Asking
) -> None:
    scripted.plays(api_server.described(status="UPDATING"))
    assert kube(asking).get("/version")


def test_a_program_gets_a_file_that_only_its_owner_reads_and_a_token_that_has_just_begun(
    scripted: Scripted, api_server: ApiServer, asking: Asking, tmp_path: Path
) -> None:
    scripted.plays(api_server.described())
    folder = tmp_path / "run"
    folder.mkdir()
    cluster = cluster_access.for_child(Cluster(eks=PROD), "run", asking.said.append, 15.0, folder)
    assert cluster == Cluster(kubeconfig=str(folder / "kubeconfig"), context="prod")
    file = folder / "kubeconfig"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (user,) = yaml.safe_load(file.read_text())["users"]
    assert user["user"]["token"].startswith("k8s-aws-v1.")
    Kube.connect(cluster.kubeconfig, cluster.context).get("/version")
    assert api_server.tokens == [user["user"]["token"]]


def test_a_program_gets_the_context_and_a_file_that_no_shell_has_to_expand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/users/ann")
    for named, given in (("/k", "/k"), ("~/.kube/config", "/users/ann/.kube/config"), (None, None)):
        cluster = Cluster(kubeconfig=named, context="prod")
        reached = cluster_access.for_child(cluster, "run", lambda _: None, 15.0, tmp_path)
        assert reached == Cluster(kubeconfig=given, context="prod")
    assert not list(tmp_path.iterdir())


def test_no_token_is_ever_said(scripted: Scripted, api_server: ApiServer, asking: Asking) -> None:
    scripted.plays(api_server.described())
    api_server.refuses = 99
    with pytest.raises(ApiError) as raised:
        kube(asking).get("/version")
    assert "k8s-aws" not in f"{raised.value.problems} {asking.said}"
