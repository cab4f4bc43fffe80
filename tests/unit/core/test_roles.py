"""The Roles that `meshroll rbac` prints grant what the data has, once, where it is needed, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import Json, settings

from meshroll.core.errors import UsageError
from meshroll.core.permissions import COMMANDS, Permission
from meshroll.core.roles import PLACEHOLDER, notes, roles, subject_of

CLIENT = {
    "workload": "Deployment/reports",
    "namespace": "reporting",
    "service": "tariffs",
    "dial": [{"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"}],
}
PROMETHEUS = {"service": {"namespace": "monitoring", "name": "prometheus"}}
WANTED = settings({"name": "charging", "clients": [CLIENT]}, {"name": "billing"}, prometheus=PROMETHEUS)


def granted(objects: Iterable[Json]) -> Iterator[tuple[str | None, Permission, str]]:
    """(namespace, permission, name or "") as a rule grants it."""
    for each in objects:
        for rule in each.get("rules", []):
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        permission = Permission(rule["apiGroups"][0], resource, verb)
                        yield each["metadata"].get("namespace"), permission, name


def role(objects: Iterable[Json], namespace: str) -> Any:
    return next(
        each["rules"]
        for each in objects
        if "rules" in each and each["metadata"].get("namespace") == namespace
    )


@given(command=st.sampled_from(sorted(COMMANDS)))
def test_every_grant_of_the_data_is_there_once_and_no_other(command: str) -> None:
    homes = {
        "cluster": [None],
        "namespaces": ["billing", "charging"],
        "clients": ["reporting"],
        "linkerd": ["linkerd"],
        "journal": ["meshroll"],
        "prometheus": ["monitoring"],
        "default": ["default"],
        "kube-system": ["kube-system"],
    }
    wanted = {
        (home, permission, name.format(linkerd="linkerd", prometheus="prometheus:9090"))
        for grant in COMMANDS[command]
        for home in homes[grant.place]
        for permission in grant.permissions()
        for name in grant.names or ("",)
    }
    found = list(granted(roles(command, WANTED, PLACEHOLDER)))
    assert len(found) == len(set(found))
    assert set(found) <= wanted
    for home, permission, name in wanted - set(found):
        held = {(home, permission, ""), (None, permission, name), (None, permission, "")} - {
            (home, permission, name)
        }
        assert held & set(found), "something wider grants it"


def test_each_role_is_bound_where_it_stands_and_namespaces_come_first() -> None:
    objects = roles("install", WANTED, subject_of("ci/mesh"))
    assert [(each["kind"], each["metadata"]["name"]) for each in objects[:2]] == [
        ("Namespace", "meshroll"),
        ("Namespace", "linkerd"),
    ]
    for made, binding in zip(objects[2::2], objects[3::2], strict=True):
        assert binding["metadata"] == made["metadata"]
        assert binding["roleRef"]["kind"] == made["kind"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "ci", "name": "mesh"}]


def test_resources_with_the_same_verbs_share_a_rule() -> None:
    rules = role(roles("status", WANTED, PLACEHOLDER), "charging")
    assert {"apiGroups": [""], "resources": ["configmaps", "pods", "services"], "verbs": ["list"]} in rules
    rules = role(roles("status", WANTED, PLACEHOLDER), "linkerd")
    names = ["linkerd-config", "linkerd-identity-trust-roots"]
    assert {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["get"]} in rules


def test_names_are_those_of_the_inventory() -> None:
    elsewhere = settings({"name": "charging"}, control_plane={"namespace": "mesh"}, prometheus=PROMETHEUS)
    names = {name for _, _, name in granted(roles("upgrade", elsewhere, PLACEHOLDER))}
    assert {"linkerd-mesh-destination", "prometheus:9090"} <= names
    assert not any("linkerd-linkerd" in name for name in names)


def test_prometheus_by_its_address_needs_no_role() -> None:
    objects = roles(
        "verify", settings({"name": "charging"}, prometheus={"url": "https://p.example"}), PLACEHOLDER
    )
    assert not any(each["metadata"].get("namespace") == "monitoring" for each in objects)


@pytest.mark.parametrize("command", ["rollout", "rollback", "resume", "install", "verify --probe"])
def test_what_is_about_namespaces_wants_one(command: str) -> None:
    with pytest.raises(UsageError, match="No namespace"):
        roles(command, settings().__class__(), PLACEHOLDER)


@pytest.mark.parametrize("wrong", ["mesh", "/mesh", "ci/", "ci/mesh/x"])
def test_a_service_account_has_a_namespace_and_a_name(wrong: str) -> None:
    with pytest.raises(UsageError, match="NAMESPACE/NAME"):
        subject_of(wrong)


def test_it_is_said_what_comes_near_cluster_admin() -> None:
    assert {
        command for command in COMMANDS if any("cluster-admin" in line for line in notes(command, "a/b"))
    } == {
        "install",
        "upgrade",
    }
    assert notes("status", "a/b") == []
