"""A token is what the cluster's authenticator takes, and is renewed before it ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.eks.conftest import KEY, REGION, SECRET, Asking, Time

from meshroll.adapters.aws import EARLY_PATIENCE, Renewed
from meshroll.adapters.eks import token
from meshroll.core import eks
from meshroll.core.aws import session_name
from meshroll.core.errors import Problem, Refused
from meshroll.core.retry import Patience


def url_of(token: str) -> str:
    assert token.startswith("k8s-aws-v1.")
    encoded = token.removeprefix("k8s-aws-v1.")
    assert "=" not in encoded
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def signature(url: str, cluster: str) -> str:
    """Signature Version 4 of a GET without a body, worked out anew from AWS' description of it."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items() if name != "X-Amz-Signature"}
    canonical = "&".join(
        f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query)
    )
    request = "\n".join(
        [
            "GET",
            "/",
            canonical,
            f"host:{parts.netloc}\nx-k8s-aws-id:{cluster}\n",
            "host;x-k8s-aws-id",
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    scope = query["X-Amz-Credential"].partition("/")[2]
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "sts.eu-central-1.amazonaws.com"),
        ("us-east-1", "sts.us-east-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_token_is_a_signed_question_to_the_regions_sts_who_one_is(
    asking: Asking, region: str, host: str
) -> None:
    aws = asking.aws(region=region)
    parts = urlsplit(url := url_of(token(aws, aws.session(), "prod")))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert (parts.scheme, parts.netloc, parts.path) == ("https", host, "/")
    assert (query["Action"], query["Version"]) == ("GetCallerIdentity", "2011-06-15")
    assert query["X-Amz-Expires"] == "60"
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"
    assert query["X-Amz-Credential"].startswith(f"{KEY}/")
    assert f"/{region}/sts/aws4_request" in query["X-Amz-Credential"]
    assert query["X-Amz-Signature"] == signature(url, "prod")
    assert query["X-Amz-Signature"] != signature(url, "another")


def test_an_old_habit_of_one_sts_for_all_regions_is_not_kept(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    aws = asking.aws()
    assert urlsplit(url_of(token(aws, aws.session(), "prod"))).netloc == f"sts.{REGION}.amazonaws.com"


def test_a_token_of_a_role_carries_the_roles_session(moto: str, asking: Asking) -> None:
    aws = asking.aws("arn:aws:iam::222222222222:role/mesh")
    query = parse_qs(urlsplit(url_of(token(aws, aws.session(), "prod"))).query)
    assert query["X-Amz-Security-Token"]
    assert not query["X-Amz-Credential"][0].startswith(KEY)


@given(st.text(min_size=1))
def test_any_url_can_be_read_back_from_its_token(url: str) -> None:
    assert url_of(eks.token(url)) == url


@given(st.text())
def test_a_sessions_name_is_one_that_sts_takes(run_id: str) -> None:
    name = session_name(run_id)
    assert 2 <= len(name) <= 64
    assert all(letter.isascii() and (letter.isalnum() or letter in "_+=,.@-") for letter in name)


# -- renewal ----------------------------------------------------------------------------------------------------------


class Making:
    """Makes tokens one, two, three ...; ``away`` for as long as AWS does not answer."""

    def __init__(self) -> None:
        self.time, self.asked, self.away = Time(), list[Patience | None](), False

    def __call__(self, patience: Patience | None) -> str:
        self.asked.append(patience)
        if self.away:
            raise Refused(Problem("aws-unreachable", "Away.", "Wait."))
        return f"token {len(self.asked)}"

    def renewed(self) -> Renewed[str]:
        return Renewed(self, eks.RENEW_AFTER_SECONDS, eks.TOKEN_SECONDS, self.time.seconds)


def test_a_token_is_used_for_ten_minutes_and_then_made_anew_with_five_to_spare() -> None:
    making = Making()
    made = making.renewed()
    making.time.now += 599
    assert made.current() == "token 1"
    making.time.now += 1
    assert made.current() == "token 2"
    assert made.current() == "token 2"
    assert making.asked == [None, EARLY_PATIENCE]


def test_a_token_that_still_counts_is_used_while_aws_is_away_and_aws_is_asked_once_a_minute() -> None:
    making = Making()
    made = making.renewed()
    making.away = True
    for _ in range(300):
        making.time.now += 1
        assert made.current() == "token 1"
    making.time.now += 299
    for _ in range(300):
        assert made.current() == "token 1"
        making.time.now += 1
    assert len(making.asked) == 1 + 5


def test_a_token_that_is_over_is_never_used_and_what_aws_says_is_told() -> None:
    making = Making()
    made = making.renewed()
    making.away = True
    making.time.now += eks.TOKEN_SECONDS
    with pytest.raises(Refused, match="Away"):
        made.current()
    assert making.asked[-1] is None
    making.away = False
    assert made.current() == "token 3"


def test_a_machine_that_slept_past_the_end_makes_one_at_once() -> None:
    making = Making()
    made = making.renewed()
    making.time.now += 8 * 3600
    assert made.current() == "token 2"
