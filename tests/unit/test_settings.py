"""Inventories: what is accepted, and that everything else is refused with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshroll.core.errors import ExitCode, UsageError
from meshroll.core.settings import PREFIX, RUN_VARIABLES, Settings, parse, with_namespace

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(sorted({*Settings.__struct_fields__, *RUN_VARIABLES})) | st.text(max_size=15)


@given(st.dictionaries(KEYS.map(lambda key: f"{PREFIX}{key}"), JSON, max_size=4))
@example({"meshroll_namespaces": [{"name": "a", "clients": [{"workload": "Deployment/x", "service": "y"}]}]})
@example({"meshroll_namespaces": [{"name": "a"}, {"name": "a"}]})
def test_any_inventory_is_settings_or_a_usage_error(variables: dict[str, Any]) -> None:
    try:
        settings = parse(variables)
    except UsageError as error:
        assert error.exit_code == ExitCode.USAGE
        assert all(problem.message and problem.hint and problem.code for problem in error.problems)
    else:
        assert isinstance(settings, Settings)


@given(st.text(max_size=30))
def test_any_namespace_name_is_one_namespace_or_a_usage_error(name: str) -> None:
    try:
        settings, notes = with_namespace(Settings(), name)
    except UsageError as error:
        assert error.problems[0].code == "namespace-name"
    else:
        assert [namespace.name for namespace in settings.namespaces] == [name]
        assert notes


def test_nothing_set_is_all_defaults_and_other_variables_are_none_of_ours() -> None:
    assert parse({"ansible_host": "x", "other": 1}) == Settings()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"meshroll_prometeus": {}}, "meshroll_prometheus"),
        ({"meshroll_gate": {"window_second": 5}}, "window_seconds"),
        ({"meshroll_gate": {"limits": {"success_ratio": 0.9}}}, "success_ratio_min"),
        ({"meshroll_namespaces": [{"name": "a", "sidecars": "auto"}]}, "sidecar"),
    ],
)
def test_an_unknown_key_gets_the_nearest_known_one(variables: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(variables)
    assert any(
        problem.code == "inventory-unknown-key" and said in problem.hint for problem in caught.value.problems
    )


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"meshroll_gate": {"window_seconds": "long"}}, "meshroll_gate.window_seconds"),
        ({"meshroll_gate": {"window_seconds": 0}}, "meshroll_gate.window_seconds"),
        ({"meshroll_gate": {"limits": {"success_ratio_min": 99}}}, "success_ratio_min"),
        ({"meshroll_release": "recommended"}, "meshroll_release"),
        ({"meshroll_release": {"channel": "stable-2.14"}}, "meshroll_release.channel"),
        ({"meshroll_release": {"channel": "edge-26.06.3"}}, "meshroll_release.channel"),
        ({"meshroll_release": {"minimum_age_days": -1}}, "meshroll_release.minimum_age_days"),
        ({"meshroll_release": {"kubernetes_min": "1.35", "kubernetes_max": "1.31"}}, "meshroll_release"),
        ({"meshroll_release": {"channel": "edge-26.6.3", "deny": ["edge-26.6.3"]}}, "meshroll_release"),
        ({"meshroll_release": {"deny": ["26.6.3"]}}, "meshroll_release.deny"),
        ({"meshroll_catalogue": "http://mirror.example/releases.yml"}, "meshroll_catalogue"),
        ({"meshroll_catalogue": "s3://mirror/releases.yml"}, "meshroll_catalogue"),
        ({"meshroll_max_restarting_pods": "a lot"}, "meshroll_max_restarting_pods"),
        ({"meshroll_namespaces": [{"name": "Not A Name"}]}, "meshroll_namespaces"),
    ],
)
def test_a_wrong_value_says_where(variables: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(variables)
    assert where in caught.value.problems[0].message


def test_a_namespace_of_the_inventory_keeps_its_settings() -> None:
    listed = parse({"meshroll_namespaces": [{"name": "a", "sidecar": "wait"}, {"name": "b"}]})
    settings, notes = with_namespace(listed, "a")
    assert ([namespace.sidecar for namespace in settings.namespaces], notes) == (["wait"], ())
    assert with_namespace(listed, None) == (listed, ())


@pytest.mark.parametrize(
    ("prometheus", "said"),
    [
        ({"url": "https://a", "service": {"namespace": "m", "name": "p"}}, "either `url` or `service`"),
        ({"service": {"namespace": "m", "name": "p"}, "bearer_token_file": "t"}, "go with `url`"),
        ({"ca_file": "ca.pem"}, "go with `url`"),
        (
            {
                "url": "https://a",
                "bearer_token_file": "t",
                "basic_auth": {"username": "u", "password_file": "p"},
            },
            "give one of",
        ),
        ({"url": "https://u:s3cret@a", "bearer_token_file": "t"}, "give one of"),
        ({"url": "http://a", "bearer_token_file": "t"}, "https://"),
        ({"url": "http://a", "basic_auth": {"username": "u", "password_file": "p"}}, "https://"),
        ({"url": "https://u:s3#cret@a"}, "%23"),
        ({"url": "https://a", "sigv4": {"region": "eu-west-1"}, "bearer_token_file": "t"}, "give one of"),
        ({"url": "http://a", "sigv4": {"region": "eu-west-1"}}, "https://"),
        ({"service": {"namespace": "m", "name": "p"}, "sigv4": {"region": "eu-west-1"}}, "go with `url`"),
        ({"url": "https://a", "sigv4": {}}, "region"),
        (
            {
                "url": "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1",
                "sigv4": {"region": "eu-west-2"},
            },
            "`url` is of eu-west-1, and `sigv4.region` says eu-west-2",
        ),
        ({"url": "https://a", "basic_auth": {"username": "u", "password": "s3cret"}}, "password_file"),
        ({"url": "https://a", "tenant": "a\nb"}, "tenant"),
    ],
)
def test_ways_in_to_prometheus_that_contradict_each_other_are_refused_without_a_secret(
    prometheus: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse({"meshroll_prometheus": prometheus})
    problem = caught.value.problems[0]
    assert "meshroll_prometheus" in problem.message
    assert said in f"{problem.message} {problem.hint}"
    assert "s3" not in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize(
    "url", ["https://prometheus.example", "http://127.0.0.1:9090", "http://localhost:9090"]
)
def test_a_token_goes_over_tls_or_stays_on_this_machine(url: str) -> None:
    settings = parse({"meshroll_prometheus": {"url": url, "bearer_token_file": "token"}})
    assert settings.prometheus.bearer_token_file == "token"


@pytest.mark.parametrize(
    "host",
    [
        "aps-workspaces.eu-west-1.amazonaws.com",
        "aps-workspaces-fips.eu-west-1.amazonaws.com",
        "vpce-0f.aps-workspaces.eu-west-1.vpce.amazonaws.com",
        "metrics.example",
    ],
)
def test_a_workspace_is_reached_by_any_of_its_names(host: str) -> None:
    given = {"url": f"https://{host}/workspaces/ws-1", "sigv4": {"region": "eu-west-1"}}
    assert parse({"meshroll_prometheus": given}).prometheus.sigv4


def test_credentials_in_the_url_need_no_tls() -> None:
    assert parse({"meshroll_prometheus": {"url": "http://gate:s3cret@prometheus"}}).prometheus.url


def test_an_acceptance_is_one_with_a_reason_and_given_once() -> None:
    accepted = {"id": "transport-header", "reason": "Calico lets it through."}
    found = parse({"meshroll_upgrade": {"accept": [accepted]}}).upgrade.accept
    assert [(each.id, each.reason) for each in found] == [("transport-header", "Calico lets it through.")]
    for wrong in (
        [{"id": "transport-header"}],
        [{**accepted, "reason": " "}],
        [{**accepted, "id": "Transport header"}],
        [{**accepted, "until": "2026-01-01"}],
        [accepted, accepted],
    ):
        with pytest.raises(UsageError) as raised:
            parse({"meshroll_upgrade": {"accept": wrong}})
        assert "meshroll_upgrade" in raised.value.problems[0].message
