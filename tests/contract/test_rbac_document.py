"""docs/reference/rbac.md grants what meshroll checks for, watches and locks with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.adapters.kube import facts, journal, lock, mirror
from meshroll.core import changes
from meshroll.core.certificate_dates import WEBHOOKS
from meshroll.core.checks.namespaces import NEEDED, NEEDED_TO_PROBE
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS
from meshroll.core.issuer_update import DEPLOYMENT

PAGE = (Path(__file__).parents[2] / "docs/reference/rbac.md").read_text()
OBJECTS: list[dict[str, Any]] = [
    document
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for document in yaml.safe_load_all(block)
]
ROLES = {
    (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): each["rules"]
    for each in OBJECTS
    if each["kind"] in ("Role", "ClusterRole")
}
IN_NAMESPACE = [
    *ROLES["ClusterRole", None, "meshroll-look-namespace"],
    *ROLES["ClusterRole", None, "meshroll-change-namespace"],
]
OWN = [
    *ROLES["Role", journal.NAMESPACE, "meshroll-look"],
    *ROLES["Role", journal.NAMESPACE, "meshroll-change"],
]


def allowed(rules: list[dict[str, Any]], group: str, resource: str, verb: str) -> bool:
    return any(
        group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
        for rule in rules
    )


def resource_of(path: str) -> tuple[str, str]:
    """("apps", "deployments") of ``/apis/apps/v1/namespaces/{namespace}/deployments``."""
    parts = path.split("/")
    return (parts[2] if parts[1] == "apis" else ""), parts[-1]


@pytest.mark.parametrize(("group", "resource", "verb"), NEEDED)
def test_what_a_run_is_checked_for_is_granted_without_names(group: str, resource: str, verb: str) -> None:
    assert allowed([rule for rule in IN_NAMESPACE if "resourceNames" not in rule], group, resource, verb)


def test_what_a_probe_is_checked_for_is_granted_by_a_role_of_its_own() -> None:
    for permission in NEEDED_TO_PROBE:
        assert allowed(ROLES["ClusterRole", None, "meshroll-probe-namespace"], *permission)


@pytest.mark.parametrize("path", mirror.PATHS.values())
def test_what_is_watched_may_be_listed_and_watched(path: str) -> None:
    assert all(allowed(IN_NAMESPACE, *resource_of(path), verb) for verb in ("list", "watch"))


def test_what_is_changed_may_be_read_again_after_a_conflict() -> None:
    for kind, path in changes.API_PATHS.items():
        if kind != "Pod":
            assert allowed(IN_NAMESPACE, *resource_of(path), "get"), kind


def test_journal_and_lock_may_be_written() -> None:
    for verb in ("get", "list", "create", "patch", "delete"):
        assert allowed(OWN, *resource_of(journal.PATH), verb)
    for verb in ("get", "create", "update", "delete"):
        assert allowed(OWN, *resource_of(lock.PATH), verb)


def test_certificates_may_be_looked_at_but_for_the_one_beside_its_key() -> None:
    for kind in WEBHOOKS.values():
        assert allowed(
            ROLES["ClusterRole", None, "meshroll-look"], "admissionregistration.k8s.io", kind, "get"
        )
    named = {
        name
        for rule in ROLES["ClusterRole", None, "meshroll-look"] + ROLES["Role", "linkerd", "meshroll-look"]
        for name in rule.get("resourceNames", [])
    }
    assert {*WEBHOOKS, TRUST_ROOTS} <= named
    looking = [rule for (_, _, name), rules in ROLES.items() if "look" in name for rule in rules]
    assert not any("secrets" in rule["resources"] for rule in looking)


def test_who_renews_the_issuer_may_touch_its_secret_and_identity_and_nothing_else() -> None:
    rules = ROLES["Role", "linkerd", "meshroll-renew"]
    named = {name for rule in rules for name in rule.get("resourceNames", [])}
    assert named == {ISSUER_SECRET, TRUST_ROOTS, DEPLOYMENT, "linkerd-config"}
    for group, resource, verb in (
        ("", "secrets", "get"),
        ("", "secrets", "update"),
        ("", "configmaps", "get"),
        ("", "events", "list"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "patch"),
    ):
        assert allowed(rules, group, resource, verb), (resource, verb)
    assert not any(allowed(rules, "", "secrets", verb) for verb in ("create", "delete", "list", "patch"))
    assert ROLES["ClusterRole", None, "meshroll-renew"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    ]


@pytest.mark.parametrize(
    "path",
    [
        facts.PODS,
        facts.CONFIG_MAPS,
        *(path for kind, path in facts.EVERYWHERE.items() if kind in facts.SCANNED),
        *facts.ONLY_METADATA.values(),
        *facts.OTHER_POLICIES.values(),
    ],
)
def test_what_is_scanned_may_be_listed(path: str) -> None:
    assert allowed(ROLES["ClusterRole", None, "meshroll-scan"], *resource_of(path), "list")


def test_the_crds_that_are_scanned_may_be_read_by_name_and_nothing_more_may_be_done() -> None:
    rules = ROLES["ClusterRole", None, "meshroll-scan"]
    named = {name for rule in rules for name in rule.get("resourceNames", [])}
    assert named == {path.rpartition("/")[2] for path in facts.GATEWAY_CRDS}
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "get"}
    assert not any("secrets" in rule["resources"] for rule in rules)


def test_every_binding_binds_a_role_of_the_page() -> None:
    for each in OBJECTS:
        if each["kind"].endswith("Binding"):
            kind, name = each["roleRef"]["kind"], each["roleRef"]["name"]
            home = each["metadata"].get("namespace") if kind == "Role" else None
            assert (kind, home, name) in ROLES
