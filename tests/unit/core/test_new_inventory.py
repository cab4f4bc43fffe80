"""An inventory that is written once: it reads back as what was meant, and is never written over."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from meshroll.core.new_inventory import (
    CLUSTERS,
    HOSTS,
    SETTINGS,
    additions,
    commented,
    eks_additions,
    from_contexts,
    from_eks,
    host_file,
    host_names,
)
from meshroll.core.settings import parse

SAMPLE = Path(__file__).parents[3] / "inventories/sample/group_vars/all"
FILES = {file.name: file.read_text() for file in sorted(SAMPLE.iterdir())}
EU = "arn:aws:eks:eu-central-1:123456789012:cluster/prod"
US = "arn:aws:eks:us-east-1:123456789012:cluster/prod"
CONTEXTS = st.sets(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1) | st.sampled_from([EU, US]),
    max_size=8,
)


def test_a_context_of_eks_is_called_as_its_cluster_and_two_of_one_name_are_told_apart() -> None:
    assert host_names([US]) == {US: "prod"}
    assert host_names([US, EU]) == {EU: "prod", US: "prod-us-east-1"}
    assert host_names(["me@prod.eksctl.io", "me prod.eksctl.io"]) == {
        "me prod.eksctl.io": "me-prod.eksctl.io",
        "me@prod.eksctl.io": "me-prod.eksctl.io-2",
    }


@given(CONTEXTS)
@example({"true", "12", "1.5", "null", "~", "a: b", "#", "- x", '"', "é", "/"})
def test_whatever_contexts_are_called_the_files_read_back_as_meant(contexts: set[str]) -> None:
    names = host_names(contexts)
    files = from_contexts(names, "~/k: #1", FILES)
    hosts = yaml.safe_load(files[HOSTS])["all"]["hosts"] or {}
    assert set(hosts) == set(names.values())
    assert len(hosts) == len(contexts)
    for context, name in names.items():
        assert "/" not in name
        cluster = parse(yaml.safe_load(files[host_file(name)])).cluster
        assert (cluster.context, cluster.kubeconfig) == (context, "~/k: #1")


@pytest.mark.parametrize("name", FILES)
def test_settings_are_all_comments_until_their_mark_is_taken_away(name: str) -> None:
    text = commented(FILES[name])
    assert yaml.safe_load(text) is None
    live = "\n".join(line.removeprefix("# ") for line in text.splitlines())
    assert yaml.safe_load(live) == yaml.safe_load(FILES[name])


def test_the_file_of_the_plugin_says_what_was_asked_for_and_no_more() -> None:
    role = "arn:aws:iam::123456789012:role/mesh"
    assert yaml.safe_load(from_eks(["eu-central-1"], [role], "name", {})[CLUSTERS]) == {
        "plugin": "meshroll.linkerd.eks",
        "regions": ["eu-central-1"],
        "role_arns": [role],
    }
    assert set(yaml.safe_load(from_eks(["eu-central-1"], [], "name", {})[CLUSTERS])) == {"plugin", "regions"}


@given(CONTEXTS)
def test_a_second_look_at_what_was_written_misses_nothing(contexts: set[str]) -> None:
    names = host_names(contexts)
    wanted = from_contexts(names, None, FILES)
    assert additions(wanted, wanted, contexts, names) == []


def test_a_new_context_is_a_line_and_a_file_and_one_that_was_renamed_is_none() -> None:
    names = host_names(["a", "b", "c"])
    wanted = from_contexts(names, None, FILES)
    present = [file for file in wanted if file not in ("host_vars/b.yml", "host_vars/c.yml")]
    found = additions(wanted, present, ["a", "c"], names)
    assert [each.file for each in found] == [HOSTS, "host_vars/b.yml"]
    assert found[0].text.strip() == "b: {}"


def test_a_file_that_was_taken_out_is_said() -> None:
    wanted = from_contexts({}, None, FILES)
    assert [each.file for each in additions(wanted, [HOSTS], [], {})] == [
        f"{SETTINGS}/{name}" for name in FILES
    ]


def test_regions_and_roles_that_the_plugins_file_lacks_are_said() -> None:
    asked = {"regions": ["eu-central-1", "us-east-1"], "role_arns": []}
    assert [each.text for each in eks_additions(asked, "name", {"regions": ["eu-central-1"]})] == [
        "regions:\n  - us-east-1\n"
    ]
    assert eks_additions(asked, "name", {"regions": ["us-east-1", "eu-central-1"]}) == []
    assert len(eks_additions(asked, "name", {"regions": "not a list"})) == 1


def test_no_file_names_a_schema_that_is_not_beside_it() -> None:
    sample = "# yaml-language-server: $schema=../../../docs/inventory.schema.json\n---\n# Why.\nname: value\n"
    lines = commented(sample).splitlines()
    assert not any("schema" in line for line in lines)
    assert lines[-2:] == ["## Why.", "# name: value"]
