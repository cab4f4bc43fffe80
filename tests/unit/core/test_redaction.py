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
    "kubeconfig": "    client-key-data: LS0tLS1CRUdJTiBFQyBQPLANTED==",
    "base64": "tls: LS0tLS1CRUdJTiBFQyBQUklWPLANTED",
    "Secret": "tls.key: UExBTlRFRDpQTEFOVEVE",
    "service account": "eyJhbGciOiJSUzI1NiJ9.eyJQTEFOVEVEIjoxfQ.PLANTED-signature",
    "EKS": "k8s-aws-v1.aHR0cHM6PLANTED",
    "AWS": "AKIAPLANTED123456789",
    "header": "Authorization: Bearer PLANTED.123456",
    "basic": "header basic UExBTlRFRDpQTEFOVEVE= sent",
    "login": "https://eva:PLANTED@prometheus.example/api",
    "login without a scheme": "dialling eva:PLANTED@db.example:5432",
    "query": "https://hooks.example/x?sig=PLANTED",
    "Slack": "https://hooks.slack.com/services/T0/B0/PLANTED",
    "path of Slack": "Retrying: /services/T00/B00/PLANTED",
    "Teams": "https://acme.webhook.office.com/webhookb2/PLANTED",
    "PagerDuty": "https://events.pagerduty.com/integration/PLANTED/enqueue",
    "variable": "export DB_PASSWORD=PLANTED,too",
    "YAML": "clientSecret: 'PLANTED with spaces'",
    "YAML without quotes": "\ndb-password: PLANTED with PLANTED",
    "JSON": '{"api_key": "PLANTED \\" still", "n": 1}',
    "option": "--token=PLANTED",
    "option apart": "helm --password PLANTED upgrade",
    "option in a list": "['--password', 'PLANTED']",
    "pair": '{"name":"DB_PASSWORD","value":"PLANTED"}',
    "pair in YAML": "- name: DB_PASSWORD\n  value: PLANTED",
    "header of an API": "X-Api-Key: PLANTED",
    "GitHub": "ghp_PLANTEDPLANTEDPLANTED",
}
PLANTED = ("PLANTED", "UExBTlRFRDpQTEFOVEVE", "eyJQTEFOVEVEIjoxfQ")


def bare(text: str) -> bool:
    return not any(each in text for each in PLANTED)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@given(before=st.sampled_from(["", "a b\n", "\n  ", "{", "[1, "]), after=st.text(" \n}]", max_size=6))
def test_no_secret_is_left_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert bare(text_without_secrets(f"{before}{secret}{after}"))
    assert bare(json.dumps(without_secrets({"a": [{"told": f"{before}{secret}{after}"}]})))


@pytest.mark.parametrize(
    "name",
    ["password", "DB_PASSWD", "clientSecret", "aws_access_key_id", "token", "Authorization", "tls.key"],
)
@pytest.mark.parametrize("value", ["xyz", 12345, ["u", "p"], {"admin": "x"}], ids=str)
def test_what_is_called_like_a_secret_goes_as_a_whole(name: str, value: object) -> None:
    assert without_secrets({name: value, "other": "xyz"}) == {name: "***", "other": "xyz"}
    assert without_secrets([{"name": name, "value": value}]) == [{"name": name, "value": "***"}]


@pytest.mark.parametrize("value", [None, "", False, True, []])
def test_that_there_is_none_stays_said(value: object) -> None:
    assert without_secrets({"token": value}) == {"token": value}


def test_of_a_key_that_is_cut_off_the_lines_after_it_stay() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIPLANTED\nfatal: [sandbox] failed\nnext line"
    assert text_without_secrets(text).endswith(": [sandbox] failed\nnext line")


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
        "bearer_token_file: /etc/token",
        "secretName: meshroll-files",
        "AuthorizationPolicy: only-ledger",
        "aws-credentials-expired: they ended at noon",
        "image registry.example/meshroll:0.1.0@sha256:abc",
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


def test_the_rest_of_a_line_with_an_address_stays() -> None:
    text = 'https://h.example/x?sig=1 said: no\nthe next {"u":"https://h.example/y#z"}'
    assert (
        text_without_secrets(text)
        == 'https://h.example/x?*** said: no\nthe next {"u":"https://h.example/y?***"}'
    )
