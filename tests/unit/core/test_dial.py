"""A client's dial mode: where it is read, and what brings it to the other one."""

from __future__ import annotations

import pytest
from unit.core.factories import Json, config_map, space, workload

from meshroll.core.dial import current_mode, dial_changes, dial_problems
from meshroll.core.model import NamespaceView, Workload
from meshroll.core.settings import Client, Switch

ENV = Switch(env="DIAL", pooled="pooled", per_request="per_request")
KEY = Switch(config_map="omni", key="DIAL", pooled="pooled", per_request="per_request")


def client(*switches: Switch) -> Client:
    return Client(workload="Deployment/omni", service="points", dial=list(switches))


def seen(owner: Workload, **data: str) -> NamespaceView:
    return space(owner, config_maps=(config_map("omni", **data),))


def by_env(value: str) -> Workload:
    return workload(env={"OTHER": "x", "DIAL": value})


def by_key() -> Workload:
    reference = {"name": "DIAL", "valueFrom": {"configMapKeyRef": {"name": "omni", "key": "DIAL"}}}
    return workload(containers=[{"name": "omni", "env": [reference]}])


@pytest.mark.parametrize(
    ("env", "key", "mode"),
    [
        ("pooled", "pooled", "pooled"),
        ("per_request", "per_request", "per_request"),
        ("pooled", "per_request", None),
        ("else", "else", None),
    ],
)
def test_the_mode_is_what_every_switch_says(env: str, key: str, mode: str | None) -> None:
    owner = by_env(env)
    assert current_mode(client(ENV, KEY), owner, seen(owner, DIAL=key)) == mode


def test_a_client_without_switches_has_no_known_mode() -> None:
    owner = by_env("pooled")
    assert (
        current_mode(Client(workload=owner.id, service="points", manual="throw it"), owner, seen(owner))
        is None
    )


def test_a_variable_is_one_change_of_the_template() -> None:
    owner = by_env("per_request")
    (change,) = dial_changes(client(ENV), owner, seen(owner), "pooled", "run")
    assert [(f.path, f.before, f.after) for f in change.fields] == [
        ("/spec/template/spec/containers/0/env/1/value", "per_request", "pooled")
    ]
    assert change.pods == 2


def test_a_config_map_key_restarts_the_pods_that_read_it() -> None:
    owner = by_key()
    data, template = dial_changes(client(KEY), owner, seen(owner, DIAL="per_request"), "pooled", "run-7")
    assert data.path == "/api/v1/namespaces/charging/configmaps/omni"
    assert [(f.path, f.after) for f in data.fields] == [("/data/DIAL", "pooled")]
    assert template.fields[-1].after == "run-7"


def test_a_client_in_the_wanted_mode_is_left_alone() -> None:
    owner = by_env("pooled")
    assert dial_changes(client(ENV, KEY), owner, seen(owner, DIAL="pooled"), "pooled", "run") == []


def test_the_named_container_is_the_one_that_is_changed() -> None:
    twins = [{"name": n, "env": [{"name": "DIAL", "value": "per_request"}]} for n in ("sidecar", "app")]
    owner = workload(containers=twins)
    switch = Switch(env="DIAL", container="app", pooled="pooled", per_request="per_request")
    (change,) = dial_changes(client(switch), owner, seen(owner), "pooled", "run")
    assert change.fields[0].path == "/spec/template/spec/containers/1/env/0/value"


def problem_codes(
    owner: Workload, *switches: Switch, others: tuple[Workload, ...] = (), **cm: object
) -> list[str]:
    item: Json = {**config_map("omni", DIAL="pooled"), **cm}
    return [p.code for p in dial_problems(client(*switches), space(owner, *others, config_maps=(item,)))]


def test_switches_that_can_be_thrown_are_no_problem() -> None:
    assert problem_codes(by_env("pooled"), ENV) == []
    assert problem_codes(by_key(), KEY) == []


@pytest.mark.parametrize(
    ("owner", "switch", "code"),
    [
        (workload(name="pricing"), ENV, "client-unknown"),
        (workload(), ENV, "dial-variable-missing"),
        (by_key(), ENV, "dial-variable-missing"),
        (
            by_key(),
            Switch(config_map="no", key="DIAL", pooled="a", per_request="b"),
            "dial-config-map-missing",
        ),
    ],
)
def test_switches_that_cannot_be_thrown_are_refused(owner: Workload, switch: Switch, code: str) -> None:
    assert problem_codes(owner, switch) == [code]


def test_an_immutable_config_map_is_refused() -> None:
    assert problem_codes(by_key(), KEY, immutable=True) == ["dial-config-map-immutable"]


def test_a_config_map_that_others_read_is_refused() -> None:
    sharer = workload(name="pricing", pod_spec={"volumes": [{"name": "v", "configMap": {"name": "omni"}}]})
    assert problem_codes(by_key(), KEY, others=(sharer,)) == ["dial-config-map-shared"]
