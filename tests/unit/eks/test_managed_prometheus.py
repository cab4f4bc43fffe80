"""Amazon Managed Prometheus: each request is signed as AWS works it out itself, and its refusals are told by cause."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.eks.conftest import KEY, REGION, ROLE, SECRET, Answer, Scripted, Time, sts_refused

from meshroll.adapters.prometheus import PrometheusClient, PrometheusError, UrlTransport
from meshroll.adapters.prometheus_sigv4 import Signer
from meshroll.core.errors import Problem
from meshroll.core.settings import Prometheus, Sigv4

EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}
OWN = Sigv4(region=REGION)
OF_ROLE = Sigv4(region=REGION, role_arn=ROLE)
PROMQL = 'sum by (pod) (rate(x{a=~"b c+d|é*~/", e!="%"}[2m]))'


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def signature(url: str, headers: Mapping[str, str], secret: str) -> str:
    """Signature Version 4 of a GET without a body, by AWS' description, from what the server decodes."""
    parts = urlsplit(url)
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    _, _, given = headers["Authorization"].partition(" ")
    said = dict(part.strip().split("=", 1) for part in given.split(","))
    names = said["SignedHeaders"].split(";")
    lower = {name.lower(): value for name, value in headers.items()}
    canonical = "\n".join(
        [
            "GET",
            quote(parts.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{lower[name].strip()}" for name in names),
            "",
            said["SignedHeaders"],
            sha256(""),
        ]
    )
    scope = said["Credential"].partition("/")[2]
    text = "\n".join(["AWS4-HMAC-SHA256", lower["x-amz-date"], scope, sha256(canonical)])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Workspace:
    """A workspace that lets in what is signed by one of ``keys`` (secrets by key), and answers with ``answer``."""

    url: str = ""
    keys: dict[str, str] = field(default_factory=lambda: {KEY: SECRET})
    answer: Answer = field(default_factory=lambda: Answer(200, EMPTY))
    seen: list[Mapping[str, str]] = field(default_factory=list)

    def answered(self, url: str, headers: Mapping[str, str]) -> Answer:
        self.seen.append(headers)
        given = headers["Authorization"]
        key, _, scope = given.partition("Credential=")[2].partition(",")[0].partition("/")
        if (
            key not in self.keys
            or not scope.endswith(f"/{REGION}/aps/aws4_request")
            or given.rpartition("Signature=")[2] != signature(url, headers, self.keys[key])
        ):
            return Answer(403, {"message": "The signature does not match."}, "InvalidSignatureException")
        return self.answer


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = made.answered(self.path, dict(self.headers.items()))
            data = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            if answer.status == 302:
                self.send_header("Location", answer.error)
            elif answer.error:
                self.send_header("x-amzn-ErrorType", f"{answer.error}:http://internal.amazon.com/coral/")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    made.url = f"http://127.0.0.1:{listening.server_port}/workspaces/ws-1/"
    yield made
    listening.shutdown()
    listening.server_close()


def client(workspace: Workspace, sigv4: Sigv4 = OWN, time: Time | None = None) -> PrometheusClient:
    time = time or Time()
    access = Prometheus(url=workspace.url, sigv4=sigv4)
    return PrometheusClient(
        UrlTransport(workspace.url, sleep=time.sleep, seconds=time.seconds, access=access)
    )


def told(asked: Callable[[], Any]) -> Problem:
    with pytest.raises(PrometheusError) as raised:
        asked()
    (problem,) = raised.value.problems
    assert problem.hint
    assert SECRET not in str(problem)
    assert raised.value.__cause__ is None
    return problem


def assumed(number: int) -> Answer:
    """STS gives the credentials of a role."""
    return Answer(
        200,
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        f"<AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret {number}</SecretAccessKey>"
        f"<SessionToken>token/{number}=</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
    )


def test_each_request_is_signed_as_aws_works_it_out_from_what_it_decodes(workspace: Workspace) -> None:
    asking = client(workspace)
    assert asking.query(PROMQL, 1.0) == ()
    workspace.answer = Answer(200, {**EMPTY, "data": {"resultType": "matrix", "result": []}})
    assert asking.range(PROMQL, 0.0, 60.0, 30.0) == ()
    assert {*workspace.seen[0]} >= {"Authorization", "X-Amz-Date", "User-Agent"}
    assert "X-Amz-Security-Token" not in workspace.seen[0]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_query_is_signed_so(promql: str, other: str) -> None:
    url = f"http://localhost/w/api/v1/query?{urlencode({'query': promql, 'o': other}, quote_via=quote, safe='')}"
    signed = Signer(OWN, print, Time().sleep, Time().seconds).headers(url)
    assert signed["Authorization"].rpartition("Signature=")[2] == signature(
        url, {**signed, "Host": "localhost"}, SECRET
    )


def test_a_wrong_key_is_told_as_one(workspace: Workspace) -> None:
    workspace.keys = {KEY: "another secret"}
    problem = told(lambda: client(workspace).query("up", 1.0))
    assert problem.code == "aws-credentials-invalid"
    assert "aps:QueryMetrics" in problem.message


def test_a_role_is_assumed_once_and_anew_after_half_an_hour(workspace: Workspace, scripted: Scripted) -> None:
    scripted.plays(assumed(1), assumed(2))
    time = Time()
    asking = client(workspace, OF_ROLE, time)
    workspace.keys = {"ASIA1": "secret 1"}
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: asking.query("up", 1.0), range(16))) == {()}
    time.now += 1799
    asking.query("up", 1.0)
    assert len(scripted.asked) == 1
    assert f"RoleArn={quote(ROLE, safe='')}" in scripted.asked[0]
    assert {headers["X-Amz-Security-Token"] for headers in workspace.seen} == {"token/1="}
    workspace.keys = {"ASIA2": "secret 2"}
    time.now += 1
    asking.query("up", 1.0)
    assert len(scripted.asked) == 2


def test_credentials_that_still_count_are_used_while_aws_is_away_and_told_once_they_do_not(
    workspace: Workspace, scripted: Scripted
) -> None:
    scripted.plays(assumed(1), Answer(503, ""))
    time = Time()
    asking = client(workspace, OF_ROLE, time)
    workspace.keys = {"ASIA1": "secret 1"}
    asking.query("up", 1.0)
    time.now += 3000
    asking.query("up", 1.0)
    time.now += 600
    assert told(lambda: asking.query("up", 1.0)).code == "aws-unreachable"


def test_a_role_that_may_not_be_assumed_ends_no_gate_but_is_an_error_of_prometheus(
    workspace: Workspace, scripted: Scripted
) -> None:
    scripted.plays(sts_refused("AccessDenied", "User arn:x is not authorized to perform: sts:AssumeRole"))
    assert told(lambda: client(workspace, OF_ROLE).query("up", 1.0)).code == "aws-role-denied"


def test_no_credentials_are_told_before_anything_is_asked(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert told(lambda: client(workspace).query("up", 1.0)).code == "aws-credentials-missing"
    assert workspace.seen == []


@pytest.mark.parametrize(
    ("error", "message", "code", "says"),
    [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/ci is not authorized to perform: aps:QueryMetrics on resource: ws-1",
            "prometheus-aws-denied",
            "refuses access: User: arn:aws:iam::1:user/ci is not authorized to perform: aps:QueryMetrics",
        ),
        ("", "Missing Authentication Token", "prometheus-aws-denied", "Missing Authentication Token"),
        ("", "", "prometheus-aws-denied", "status 403"),
        ("ExpiredTokenException", "The security token is expired", "aws-credentials-expired", "is expired"),
        ("UnrecognizedClientException", "The token is invalid.", "aws-credentials-invalid", "is invalid"),
    ],
)
def test_a_403_says_who_may_not_what_and_is_not_repeated(
    workspace: Workspace, error: str, message: str, code: str, says: str
) -> None:
    workspace.answer = Answer(403, {"message": message} if message else [], error)
    problem = told(lambda: client(workspace).query("up", 1.0))
    assert problem.code == code
    assert says in problem.message
    assert len(workspace.seen) == 1


def test_a_denial_names_the_role_the_permission_and_where_the_policy_is(
    workspace: Workspace, scripted: Scripted
) -> None:
    scripted.plays(assumed(1))
    workspace.keys = {"ASIA1": "secret 1"}
    workspace.answer = Answer(403, {"Message": "no"}, "AccessDeniedException")
    problem = told(lambda: client(workspace, OF_ROLE).query("up", 1.0))
    assert f"refuses access as {ROLE}: no." in problem.message
    assert "aps:QueryMetrics" in problem.hint
    assert "docs/how-to/prometheus.md" in problem.hint


def test_what_aws_repeats_of_the_request_is_not_told(workspace: Workspace) -> None:
    said = f"The signature does not match.\n\nThe Canonical String was\nx-amz-security-token:{SECRET}"
    workspace.answer = Answer(403, {"message": said}, "InvalidSignatureException")
    assert "does not match" in told(lambda: client(workspace).query("up", 1.0)).message


def test_what_prometheus_itself_refuses_stays_its_own(workspace: Workspace) -> None:
    workspace.answer = Answer(400, {"status": "error", "errorType": "bad_data", "error": "parse error"})
    assert told(lambda: client(workspace).query("up", 1.0)).code == "prometheus-query-failed"
    workspace.answer = Answer(400, {"message": "expired"}, "ExpiredTokenException")
    assert told(lambda: client(workspace).query("up", 1.0)).code == "aws-credentials-expired"


def test_a_signature_and_its_session_token_follow_to_no_other_address(
    workspace: Workspace, scripted: Scripted
) -> None:
    scripted.plays(assumed(1))
    workspace.keys = {"ASIA1": "secret 1"}
    elsewhere = Workspace()
    elsewhere.url = workspace.url.replace("127.0.0.1", "localhost")
    workspace.answer = Answer(302, {}, f"{elsewhere.url}login")
    assert told(lambda: client(workspace, OF_ROLE).query("up", 1.0)).code == "prometheus-unreachable"
    assert len(workspace.seen) == 1
