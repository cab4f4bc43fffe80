"""The Roles that `meshroll rbac` prints grant what the data has, once, where it is needed, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import Json, settings

from meshroll.core.errors import UsageError
from meshroll.core.permissions import COMMANDS, Permission
from meshroll.core.roles import NAME_CHARACTERS_MAX, notes, role_name, roles, subject_of

TEAM = subject_of(None, "mesh-team", None)
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
    found = list(granted(roles(command, WANTED, TEAM)))
    assert len(found) == len(set(found))
    assert set(found) <= wanted
    for home, permission, name in wanted - set(found):
        held = {(home, permission, ""), (None, permission, name), (None, permission, "")} - {
            (home, permission, name)
        }
        assert held & set(found), "something wider grants it"


def test_each_role_is_bound_where_it_stands_and_namespaces_come_first() -> None:
    objects = roles("install", WANTED, subject_of("ci/mesh", None, None))
    assert [(each["kind"], each["metadata"]["name"]) for each in objects[:2]] == [
        ("Namespace", "meshroll"),
        ("Namespace", "linkerd"),
    ]
    for made, binding in zip(objects[2::2], objects[3::2], strict=True):
        assert binding["metadata"] == made["metadata"]
        assert binding["roleRef"]["kind"] == made["kind"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "ci", "name": "mesh"}]


def test_resources_with_the_same_verbs_share_a_rule() -> None:
    rules = role(roles("status", WANTED, TEAM), "charging")
    assert {"apiGroups": [""], "resources": ["configmaps", "pods", "services"], "verbs": ["list"]} in rules
    rules = role(roles("status", WANTED, TEAM), "linkerd")
    names = ["linkerd-config", "linkerd-identity-trust-roots"]
    assert {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["get"]} in rules


def test_names_are_those_of_the_inventory() -> None:
    elsewhere = settings({"name": "charging"}, control_plane={"namespace": "mesh"}, prometheus=PROMETHEUS)
    names = {name for _, _, name in granted(roles("upgrade", elsewhere, TEAM))}
    assert {"linkerd-mesh-destination", "prometheus:9090"} <= names
    assert not any("linkerd-linkerd" in name for name in names)


def test_prometheus_by_its_address_needs_no_role() -> None:
    objects = roles("verify", settings({"name": "charging"}, prometheus={"url": "https://p.example"}), TEAM)
    assert not any(each["metadata"].get("namespace") == "monitoring" for each in objects)


@pytest.mark.parametrize("command", ["rollout", "rollback", "resume", "install", "verify --probe"])
def test_what_is_about_namespaces_wants_one(command: str) -> None:
    with pytest.raises(UsageError, match="No namespace"):
        roles(command, settings().__class__(), TEAM)


@pytest.mark.parametrize("wrong", ["mesh", "/mesh", "ci/", "ci/mesh/x"])
def test_a_service_account_has_a_namespace_and_a_name(wrong: str) -> None:
    with pytest.raises(UsageError, match="NAMESPACE/NAME"):
        subject_of(wrong, None, None)


def test_it_is_said_what_comes_near_cluster_admin() -> None:
    assert {command for command in COMMANDS if any("cluster-admin" in line for line in notes(command))} == {
        "install",
        "upgrade",
    }
    assert notes("status") == []


SUBJECTS = st.one_of(
    st.builds(lambda name: subject_of(None, name, None), st.text(min_size=1)),
    st.builds(lambda name: subject_of(None, None, name), st.text(min_size=1, max_size=400)),
    st.builds(
        lambda namespace, name: subject_of(f"{namespace}/{name}", None, None),
        st.from_regex(r"\A[a-z]{1,3}(-[a-z]{1,3})?\Z"),
        st.from_regex(r"\A[a-z]{1,3}(-[a-z]{1,3})?\Z"),
    ),
)


@given(SUBJECTS, SUBJECTS, st.sampled_from(sorted(COMMANDS)))
def test_what_is_granted_to_one_is_not_called_like_what_is_granted_to_another(
    one: Json, other: Json, command: str
) -> None:
    name = role_name(command, one)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= NAME_CHARACTERS_MAX
    assert (name == role_name(command, other)) == (one == other)


@pytest.mark.parametrize(
    "whom", [(None, None, None), ("ci/mesh", "team", None), (None, "team", "ann"), ("", "", "")]
)
def test_it_is_said_whom_they_are_for_and_once(whom: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(UsageError, match="whom they are for"):
        subject_of(*whom)


def test_a_name_tells_the_command_and_whom_it_is_for() -> None:
    assert role_name("verify --probe", subject_of("ci/mesh", None, None)).startswith(
        "meshroll-verify-probe-ci-mesh-"
    )
    objects = roles("rollout", WANTED, TEAM)
    assert {each["metadata"]["name"] for each in objects[1:]} == {role_name("rollout", TEAM)}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_crd_but_linkerds_may_be_deleted_and_only_where_they_are_to_go(command: str) -> None:
    may = {
        name
        for _, permission, name in granted(roles(command, WANTED, TEAM))
        if (permission.resource, permission.verb) == ("customresourcedefinitions", "delete")
    }
    assert all(name.endswith((".linkerd.io", ".gateway.networking.k8s.io")) for name in may)
    assert bool(may) == (command in ("upgrade", "uninstall --crds"))
