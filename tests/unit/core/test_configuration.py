"""Each setting is told with its value and with where it was said, and no secret is."""

from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.configuration import HIDDEN, Origin, Path, Told, picked, told
from meshroll.core.settings import PREFIX, Settings, parse, with_namespace

GATE, HOST = Origin("group_vars", "group_vars/all/gate.yml:3"), Origin("host_vars", "host_vars/eu-1.yml:2")
OPTION = Origin("option", "-n")


def rows(given: dict[str, Any], origins: dict[Path, Origin], **environment: str) -> dict[str, Told]:
    settings = parse({f"{PREFIX}{name}": value for name, value in given.items()})
    return {each.key.removeprefix(PREFIX): each for each in told(settings, given, origins, environment)}


def where(row: Told) -> Origin:
    return Origin(row.source, row.where)


def test_what_nobody_said_is_a_default() -> None:
    found = rows({}, {})
    assert {row.source for row in found.values()} == {"default"}
    assert (found["gate.window_seconds"].value, found["release.channel"].value) == (120.0, "recommended")
    assert [found[f"waves[{number}].name"].value for number in range(3)] == [
        "first client",
        "quarter",
        "rest",
    ]
    assert {key.partition(".")[0].partition("[")[0] for key in found} == set(Settings.__struct_fields__) - {
        "namespaces"
    } | {"namespaces"}


def test_a_key_of_a_mapping_has_its_own_line_and_the_others_are_defaults() -> None:
    found = rows({"gate": {"window_seconds": 60}}, {("gate",): HOST, ("gate", "window_seconds"): GATE})
    assert (found["gate.window_seconds"].value, where(found["gate.window_seconds"])) == (60.0, GATE)
    assert found["gate.settle_seconds"].source == "default"


def test_what_a_template_gave_is_from_where_the_template_stands() -> None:
    found = rows({"gate": {"limits": {"success_ratio_min": 0.9}}}, {("gate",): HOST})
    assert where(found["gate.limits.success_ratio_min"]) == HOST


def test_what_ansible_marks_nowhere_is_not_called_a_default() -> None:
    assert rows({"gate": {"dry_run": True}}, {})["gate.dry_run"].source == "elsewhere"


def test_items_of_lists_are_numbered_as_they_stand() -> None:
    given = {"namespaces": [{"name": "charging"}, {"name": "billing", "sidecar": "wait"}]}
    origins: dict[Path, Origin] = {("namespaces", 0): GATE, ("namespaces", 1, "sidecar"): HOST}
    found = rows(given, origins)
    assert where(found["namespaces[0].name"]) == GATE
    assert (found["namespaces[1].sidecar"].value, where(found["namespaces[1].sidecar"])) == ("wait", HOST)
    assert found["namespaces[0].sidecar"].source == "default"


@pytest.mark.parametrize(
    ("name", "source"),
    [("billing", GATE), ("elsewhere", OPTION)],
    ids=["listed", "named by the option alone"],
)
def test_one_namespace_that_was_named_is_told_as_the_run_has_it(name: str, source: Origin) -> None:
    given: dict[str, Any] = {"namespaces": [{"name": "charging", "sidecar": "wait"}, {"name": "billing"}]}
    origins: dict[Path, Origin] = {
        ("namespaces",): HOST,
        ("namespaces", 0, "sidecar"): HOST,
        ("namespaces", 1, "name"): GATE,
        ("waves",): HOST,
    }
    settings, _ = with_namespace(parse({f"{PREFIX}namespaces": given["namespaces"]}), name)
    kept, left = picked(given, origins, name, OPTION)
    found = {each.key: each for each in told(settings, kept, left, {})}
    assert (found["meshroll_namespaces[0].name"].value, where(found["meshroll_namespaces[0].name"])) == (
        name,
        source,
    )
    assert found["meshroll_namespaces[0].sidecar"].source == "default"
    assert left["waves",] == HOST


def test_a_kubeconfig_that_only_the_environment_names_is_told_so() -> None:
    found = rows({}, {}, KUBECONFIG="/srv/ann/kubeconfig")["cluster.kubeconfig"]
    assert (found.value, found.source, found.where) == ("/srv/ann/kubeconfig", "environment", "$KUBECONFIG")
    given = {"cluster": {"kubeconfig": "/etc/kubeconfig"}}
    found = rows(given, {("cluster", "kubeconfig"): HOST}, KUBECONFIG="/srv/ann/kubeconfig")[
        "cluster.kubeconfig"
    ]
    assert (found.value, where(found)) == ("/etc/kubeconfig", HOST)


def test_of_a_cluster_of_eks_the_profile_is_told_and_no_kubeconfig() -> None:
    given = {"cluster": {"eks": {"name": "prod", "region": "eu-central-1"}}}
    found = rows(given, {}, KUBECONFIG="/srv/ann/kubeconfig", AWS_PROFILE="ann")
    assert (found["cluster.kubeconfig"].value, found["cluster.kubeconfig"].source) == (None, "default")
    assert (found["AWS_PROFILE"].value, found["AWS_PROFILE"].where) == ("ann", "$AWS_PROFILE")
    assert "AWS_PROFILE" not in rows({}, {}, AWS_PROFILE="ann")


def test_no_secret_is_told() -> None:
    values = {
        "identity": {"issuer": {"tls": {"crtPEM": "c-e-r-t"}}},
        "apiToken": "t-o-k-e-n",
        "registry": "https://ann:s-e-c-r-e-t@registry.example",
        "extra": ["-----BEGIN PRIVATE KEY-----k-e-y"],
        "proxy": {"logLevel": "debug"},
        "secret": {"value": "v-a-l-u-e"},
        "tokens": ["l-i-s-t"],
        "env": [{"name": "API_TOKEN", "value": "e-n-v"}, {"name": "LEVEL", "value": "debug"}],
        "db": {"passwd": "p-w-d", "auth": "a-u-t-h"},
        "command": "curl https://ann:c-u-r-l@registry.example/x",
    }
    given = {
        "prometheus": {"url": "https://ann:p-a-s-s@prometheus.example"},
        "control_plane": {"values": values, "chart_source": "https://ann:s-r-c@charts.example/edge"},
        "certificates": {"anchor_key_file": "~/anchor.key"},
    }
    found = rows(given, {})
    more = ("v-a-l-u-e", "l-i-s-t", "e-n-v", "p-w-d", "a-u-t-h", "c-u-r-l")
    for secret in ("c-e-r-t", "t-o-k-e-n", "s-e-c-r-e-t", "k-e-y", "p-a-s-s", "s-r-c", *more):
        assert secret not in repr(found)
    assert found["control_plane.values.apiToken"].value == HIDDEN
    assert found["control_plane.values.proxy.logLevel"].value == "debug"
    assert found["control_plane.values.env"].value[1] == {"name": "LEVEL", "value": "debug"}
    assert found["certificates.anchor_key_file"].value == "~/anchor.key", "a path is none"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("control_plane", "values", "level"), "control_plane.values.level"),
        (("control_plane", "values", "listed", 1), "control_plane.values.listed"),
        (("control_plane", "values"), "control_plane.values.level"),
        (("catalogue",), "catalogue"),
    ],
    ids=["a value", "in a list", "all of a mapping", "any setting"],
)
def test_what_is_kept_in_a_vault_is_not_told(path: Path, key: str) -> None:
    given = {"control_plane": {"values": {"level": "v-a-u-l-t", "listed": ["a", "b"]}}, "catalogue": "c"}
    found = rows(given, {path: Origin("group_vars", "group_vars/all/vault.yml:3", vaulted=True)})
    assert found[key].value == HIDDEN
    assert "v-a-u-l-t" not in repr(found[key])
    assert found["gate.window_seconds"].value == 120.0
