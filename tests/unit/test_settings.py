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
        ({"meshroll_release": "stable-2.14"}, "meshroll_release"),
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
