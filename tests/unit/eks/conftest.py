"""AWS on loopback: moto's server, or one that answers as it is told; and nothing of this machine's own account."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from meshroll.adapters.aws import Aws
from meshroll.core.retry import Patience

REGION = "eu-central-1"
ROLE = "arn:aws:iam::222222222222:role/mesh"
KEY, SECRET = "AKIAEXAMPLE", "s3cret-of-the-key"
RUN = "20260101t000000z-abcdef"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of nobody, and no network beyond this machine (an address that is not answered)."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _moto_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def ask_moto(moto: str, path: str, data: bytes = b"") -> None:
    """One of moto's own calls."""
    import urllib.request

    asked = urllib.request.Request(  # noqa: S310 - loopback
        f"{moto}/moto-api/{path}", data=data, headers={"Content-Type": "text/plain"}, method="POST"
    )
    urllib.request.urlopen(asked).close()  # noqa: S310 - loopback


@pytest.fixture
def moto(_moto_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an AWS that is empty."""
    ask_moto(_moto_server, "reset")
    monkeypatch.setenv("AWS_ENDPOINT_URL", _moto_server)
    return _moto_server


def create(name: str, region: str = REGION, role_arn: str | None = None, **tags: str) -> None:
    """A cluster in moto, of the own account (123456789012) or of the role's."""
    credentials = {}
    if role_arn:
        sts = boto3.client("sts", region)
        given = sts.assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        credentials = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
    boto3.client("eks", region, **credentials).create_cluster(
        name=name,
        version="1.33",
        roleArn="arn:aws:iam::123456789012:role/eks",
        resourcesVpcConfig={"subnetIds": []},
        tags=tags,
    )


class Time:
    """Passes only while somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def seconds(self) -> float:
        return self.now


@contextmanager
def guarded(moto: str) -> Iterator[None]:
    """moto asks IAM whether each call is allowed."""
    ask_moto(moto, "reset-auth", b"0")
    try:
        yield
    finally:
        ask_moto(moto, "reset-auth", b"inf")


@dataclass
class Asking:
    """An Aws whose patience passes in no time."""

    time: Time = field(default_factory=Time)
    said: list[str] = field(default_factory=list)

    def aws(self, role_arn: str | None = None, region: str = REGION, patience_seconds: float = 15.0) -> Aws:
        return Aws(
            region,
            role_arn,
            RUN,
            self.said.append,
            Patience(patience_seconds),
            self.time.sleep,
            self.time.seconds,
        )


@pytest.fixture
def asking() -> Asking:
    return Asking()


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    error: str = ""


@dataclass
class Scripted:
    """An AWS that answers with ``script``, told the path that was asked for."""

    script: Callable[[str], Answer] = lambda _: Answer(200, {})
    asked: list[str] = field(default_factory=list)

    def plays(self, *answers: Answer) -> None:
        """One answer after the other; the last one for good."""
        left = list(answers)
        self.script = lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    played = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            played.asked.append(f"{self.path} {sent}".strip())
            answer = played.script(played.asked[-1])
            data = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            self.send_header("Content-Length", str(len(data)))
            if answer.error:
                self.send_header("x-amzn-ErrorType", answer.error)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listening.server_port}")
    yield played
    listening.shutdown()
    listening.server_close()


def refused(error: str, message: str, status: int = 400) -> Answer:
    """As EKS says no."""
    return Answer(status, {"message": message}, error)


def ec2_refused(error: str, message: str, status: int = 403) -> Answer:
    """As EC2 says no."""
    return Answer(
        status,
        f"<Response><Errors><Error><Code>{error}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>r</RequestID></Response>",
    )


def sts_refused(error: str, message: str, status: int = 403) -> Answer:
    """As STS says no."""
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{error}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
    return Answer(status, body)
