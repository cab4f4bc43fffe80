"""Secrets are taken out of whatever is given away; what is none stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.redaction import text_without_secrets, without_secrets

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIPLANTED\n-----END EC PRIVATE KEY-----"
SECRETS = {
    "key": KEY,
    "half a key": "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIPLANTED",
    "key in JSON": json.dumps(KEY),
    "service account": "eyJhbGciOiJSUzI1NiJ9.eyJQTEFOVEVEIjoxfQ.PLANTED-signature",
    "EKS": "k8s-aws-v1.aHR0cHM6PLANTED",
    "AWS": "AKIAPLANTED123456789",
    "header": "Authorization: Bearer PLANTED.123456",
    "basic": "header basic UExBTlRFRDpQTEFOVEVE= sent",
    "login": "https://eva:PLANTED@prometheus.example/api",
    "query": "https://hooks.example/x?sig=PLANTED",
    "Slack": "https://hooks.slack.com/services/T0/B0/PLANTED",
    "variable": "export DB_PASSWORD=PLANTED",
    "YAML": "  clientSecret: 'PLANTED with spaces'",
    "JSON": '{"api_key": "PLANTED \\" still", "n": 1}',
    "option": "--token=PLANTED",
}
PLANTED = ("PLANTED", "UExBTlRFRDpQTEFOVEVE", "eyJQTEFOVEVEIjoxfQ")


def bare(text: str) -> bool:
    return not any(each in text for each in PLANTED)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@given(before=st.text("ab \n,{[:", max_size=6), after=st.text(" \n,}]", max_size=6))
def test_no_secret_is_left_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert bare(text_without_secrets(f"{before} {secret}{after}"))
    assert bare(json.dumps(without_secrets({"a": [{"told": f"{before} {secret}{after}"}]})))


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWD", "clientSecret", "aws_access_key_id", "token", "Authorization"]
)
def test_what_is_called_like_a_secret_goes_as_a_whole(name: str) -> None:
    assert without_secrets({name: "xyz", "other": "xyz"}) == {name: "***", "other": "xyz"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Deployment/omni: success ratio 0.9921, wanted 0.995",
        "meshroll rollback -n charging takes it back",
        "http://prometheus.monitoring:9090/api/v1/query",
        "linkerd.io/inject: enabled",
        "basic auth is refused",
        "2026-11-24T20:05:39Z sandbox Looking at the cluster",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert text_without_secrets(text) == text
    assert without_secrets({"a": text, "n": 1, "b": None, "c": True}) == {
        "a": text,
        "n": 1,
        "b": None,
        "c": True,
    }
