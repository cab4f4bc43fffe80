"""What AWS answers, what each of its refusals means, and for how long it is asked."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import boto3
import pytest
from unit.eks.conftest import (
    KEY,
    REGION,
    ROLE,
    RUN,
    SECRET,
    Answer,
    Asking,
    Scripted,
    create,
    guarded,
    refused,
    sts_refused,
)

from meshroll.adapters.eks import clusters, described, token
from meshroll.core.errors import ExitCode, Problem, Refused


def told(asking: Asking, role_arn: str | None = None, region: str = REGION) -> Problem:
    """What a look at a cluster is refused with."""
    aws = asking.aws(role_arn, region)
    with pytest.raises(Refused) as raised:
        described(aws, aws.session(), "prod")
    assert raised.value.exit_code == ExitCode.REFUSED
    (problem,) = raised.value.problems
    assert problem.hint
    return problem


def test_a_cluster_is_described(moto: str, asking: Asking) -> None:
    create("prod", env="production")
    aws = asking.aws()
    found = described(aws, aws.session(), "prod")
    assert (found["name"], found["status"], found["tags"]) == (
        "prod",
        "ACTIVE",
        {"env": "production"},
    )


def test_a_cluster_of_another_account_is_described_with_its_role(moto: str, asking: Asking) -> None:
    create("prod", role_arn=ROLE)
    aws = asking.aws(ROLE)
    assert ":222222222222:" in described(aws, aws.session(), "prod")["arn"]
    assert told(asking).code == "eks-cluster-unknown"


def test_the_assumed_roles_session_names_the_run(moto: str, asking: Asking) -> None:
    session = asking.aws(ROLE).session()
    assert session.client("sts").get_caller_identity()["Arn"].endswith(f"assumed-role/mesh/meshroll-{RUN}")


def test_a_cluster_that_was_deleted_or_is_elsewhere_is_unknown(moto: str, asking: Asking) -> None:
    create("prod")
    boto3.client("eks", REGION).delete_cluster(name="prod")
    create("prod", region="us-east-1")
    problem = told(asking)
    assert problem.code == "eks-cluster-unknown"
    assert "prod in eu-central-1" in problem.message


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("AccessDeniedException", 403, "aws-access-denied"),
        ("ExpiredTokenException", 403, "aws-credentials-expired"),
        ("UnrecognizedClientException", 403, "aws-credentials-invalid"),
        ("InvalidSignatureException", 403, "aws-credentials-invalid"),
        ("ResourceNotFoundException", 404, "eks-cluster-unknown"),
        ("SomethingNew", 400, "aws-error"),
    ],
)
def test_each_refusal_has_a_code_of_its_own_and_is_not_repeated(
    scripted: Scripted, asking: Asking, error: str, status: int, code: str
) -> None:
    scripted.plays(refused(error, "User arn:x is not allowed to do this", status))
    problem = told(asking)
    assert problem.code == code
    assert "User arn:x is not allowed to do this" in problem.message
    assert len(scripted.asked) == 1


def test_an_account_without_the_permission_is_told_which_one_it_lacks(
    moto: str, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = boto3.client("iam", REGION)
    iam.create_user(UserName="ci")
    key = iam.create_access_key(UserName="ci")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    with guarded(moto):
        problem = told(asking, ROLE)
    assert problem.code == "aws-role-denied"
    assert ":user/ci is not authorized to perform: sts:AssumeRole" in problem.message


def test_keys_that_aws_does_not_know_are_invalid(moto: str, asking: Asking) -> None:
    with guarded(moto):
        problem = told(asking, ROLE)
    assert problem.code == "aws-credentials-invalid"
    assert KEY not in str(problem)


def test_no_two_refusals_are_told_alike(scripted: Scripted, asking: Asking) -> None:
    said = []
    for error, status in (
        ("AccessDeniedException", 403),
        ("ThrottlingException", 429),
        ("ExpiredTokenException", 403),
        ("ResourceNotFoundException", 404),
    ):
        scripted.plays(refused(error, "No", status))
        said.append(told(asking))
    assert [problem.message for problem in said] == [
        "AWS denies eks:DescribeCluster in eu-central-1: No.",
        "AWS turns eks:DescribeCluster in eu-central-1 away, because the account asks for too much: No.",
        "The AWS credentials have expired (eks:DescribeCluster): No.",
        "There is no EKS cluster prod in eu-central-1: No.",
    ]
    assert len({problem.code for problem in said}) == len({problem.hint for problem in said}) == len(said)


def test_a_role_that_may_not_be_assumed_is_told_apart_from_what_it_may_not_do(
    scripted: Scripted, asking: Asking
) -> None:
    scripted.plays(sts_refused("AccessDenied", "User arn:x is not authorized to perform: sts:AssumeRole"))
    problem = told(asking, ROLE)
    assert problem.code == "aws-role-denied"
    assert ROLE in problem.message


def by_profile(profile: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Credentials come by this AWS profile alone, beside which there is one with keys, ``base``."""
    keys = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    (folder / "aws").write_text(f"[profile base]\n{keys}\n[profile odd]\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "aws"))
    monkeypatch.setenv("AWS_PROFILE", "odd")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


def test_a_role_of_the_profile_that_may_not_be_assumed_is_not_called_a_permission_of_eks(
    scripted: Scripted, asking: Asking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    by_profile(f"source_profile = base\nrole_arn = {ROLE}", monkeypatch, tmp_path)
    scripted.plays(
        sts_refused("AccessDenied", f"Not authorized to perform: sts:AssumeRole on resource: {ROLE}")
    )
    problem = told(asking)
    assert problem.code == "aws-role-denied"
    assert ROLE in problem.message
    assert "DescribeCluster" not in problem.message


def test_throttling_is_waited_for_and_said(scripted: Scripted, asking: Asking) -> None:
    slow = refused("ThrottlingException", "Rate exceeded", 429)
    scripted.plays(slow, slow, Answer(200, {"cluster": {"name": "prod", "status": "ACTIVE"}}))
    aws = asking.aws()
    assert described(aws, aws.session(), "prod")["status"] == "ACTIVE"
    assert len(scripted.asked) == 3
    assert [line.partition(";")[0] for line in asking.said] == [
        "eks:DescribeCluster: ThrottlingException"
    ] * 2


def test_throttling_that_does_not_end_is_left_with_its_words(scripted: Scripted, asking: Asking) -> None:
    scripted.plays(refused("TooManyRequestsException", "Rate exceeded", 429))
    problem = told(asking)
    assert problem.code == "aws-throttled"
    assert "Rate exceeded" in problem.message
    assert sum(asking.time.slept) == pytest.approx(15.0)


@pytest.mark.parametrize("status", [500, 503])
def test_an_aws_that_fails_is_asked_again(scripted: Scripted, asking: Asking, status: int) -> None:
    scripted.plays(refused("ServerException", "oh", status), Answer(200, {"cluster": {"name": "prod"}}))
    aws = asking.aws()
    described(aws, aws.session(), "prod")
    assert len(asking.time.slept) == 1


def test_an_aws_that_is_not_reached_is_not_a_wrong_region(asking: Asking) -> None:
    assert told(asking).code == "aws-unreachable"
    assert asking.time.slept


def test_what_answers_in_the_place_of_aws_is_not_taken_for_it(scripted: Scripted, asking: Asking) -> None:
    scripted.plays(Answer(403, f"<html>Log in first<p>{SECRET}"))
    problem = told(asking, ROLE)
    assert problem.code == "aws-unreachable"
    assert SECRET not in str(problem)


def test_a_region_that_nobody_knows_is_named_at_once(asking: Asking) -> None:
    problem = told(asking, region="eu-middle-1")
    assert problem.code == "aws-region-unknown"
    assert "eu-middle-1" in problem.message
    assert not asking.time.slept


def test_no_credentials_are_named_before_anything_is_asked(
    scripted: Scripted, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert told(asking).code == "aws-credentials-missing"
    aws = asking.aws()
    with pytest.raises(Refused, match="No AWS credentials"):
        token(aws, aws.session(), "prod")
    assert not scripted.asked


def test_a_profile_that_is_not_there_is_named(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    problem = told(asking)
    assert problem.code == "aws-credentials-missing"
    assert "nobody" in problem.message


PROFILES = {
    "no helper": "credential_process = /nowhere/helper",
    "no JSON": "credential_process = echo words",
    "over": """credential_process = echo '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", """
    """"SessionToken": "t", "Expiration": "2020-01-01T00:00:00Z"}'""",
    "mfa": "source_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/ann\nrole_arn = " + ROLE,
    "no identity": "web_identity_token_file = /nowhere/token\nrole_arn = " + ROLE,
}


@pytest.mark.parametrize(
    ("profile", "code", "named"),
    [
        ("no helper", "aws-credentials-missing", "/nowhere/helper"),
        ("no JSON", "aws-credentials-missing", "Expecting value"),
        ("over", "aws-credentials-expired", "expired"),
        ("mfa", "aws-credentials-missing", "MFA code"),
        ("no identity", "aws-credentials-missing", "/nowhere/token"),
    ],
)
def test_credentials_that_cannot_be_had_are_named_whatever_python_calls_it(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, code: str, named: str
) -> None:
    by_profile(PROFILES[profile], monkeypatch, tmp_path)
    problem = told(asking)
    assert problem.code == code
    assert named in problem.message
    aws = asking.aws()
    with pytest.raises(Refused) as raised:
        token(aws, aws.session(), "prod")
    assert raised.value.problems[0].code == code
    assert SECRET not in f"{problem}{raised.value.problems}"


def test_what_is_said_never_repeats_the_signed_request(scripted: Scripted, asking: Asking) -> None:
    repeated = f"The signature does not match.\n\nThe Canonical String was\nx-amz-security-token:{SECRET}"
    scripted.plays(refused("InvalidSignatureException", repeated, 403))
    problem = told(asking)
    assert "The signature does not match" in problem.message
    assert SECRET not in f"{problem}{asking.said}"
    assert KEY not in f"{problem}{asking.said}"


def test_without_boto3_the_command_that_installs_it_is_named(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_import = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] in ("boto3", "botocore"):
            raise ImportError(name)
        return true_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refused) as raised:
        asking.aws().session()
    assert raised.value.problems[0].code == "boto3-missing"
    assert "pip install 'boto3>=1.40'" in raised.value.problems[0].hint


def test_more_clusters_than_one_page_are_all_found(scripted: Scripted, asking: Asking) -> None:
    def script(asked: str) -> Answer:
        if asked.startswith("/clusters/"):
            name = asked.removeprefix("/clusters/")
            return Answer(200, {"cluster": {"name": name, "arn": f"arn:aws:eks:{REGION}:1:cluster/{name}"}})
        last = "nextToken=more" in asked
        return Answer(200, {"clusters": ["b"]} if last else {"clusters": ["c", "a"], "nextToken": "more"})

    scripted.script = script
    assert [found.name for found in clusters(asking.aws())] == ["a", "b", "c"]


def test_a_cluster_that_goes_away_between_list_and_look_is_left_out(
    scripted: Scripted, asking: Asking
) -> None:
    there = {"name": "a", "arn": f"arn:aws:eks:{REGION}:1:cluster/a", "status": "ACTIVE"}
    scripted.script = lambda asked: {
        "/clusters": Answer(200, {"clusters": ["gone", "a"]}),
        "/clusters/a": Answer(200, {"cluster": there}),
    }.get(asked.partition("?")[0], refused("ResourceNotFoundException", "No cluster found", 404))
    assert [found.name for found in clusters(asking.aws())] == ["a"]


def test_one_cluster_that_may_not_be_looked_at_makes_no_shorter_list(
    scripted: Scripted, asking: Asking
) -> None:
    scripted.script = lambda asked: (
        Answer(200, {"clusters": ["a"]})
        if asked.partition("?")[0] == "/clusters"
        else refused("AccessDeniedException", "no", 403)
    )
    with pytest.raises(Refused, match="eks:DescribeCluster"):
        clusters(asking.aws())
