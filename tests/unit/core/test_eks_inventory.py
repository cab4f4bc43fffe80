"""Hosts and groups of EKS clusters, whatever tags and names they have."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.eks_inventory import FORMS, Found, groups, hosts, picked, told_apart, variables
from meshroll.core.errors import UsageError
from meshroll.core.settings import parse

NAMES = st.from_regex(r"\A[0-9A-Za-z][0-9A-Za-z_-]{0,20}\Z")
FOUND = st.builds(
    lambda name, region, account, tags, role: Found(
        name, region, account, f"arn:aws:eks:{region}:{account}:cluster/{name}", "1.33", "ACTIVE", tags, role
    ),
    NAMES,
    st.sampled_from(["eu-central-1", "us-east-1"]),
    st.sampled_from(["111111111111", "222222222222"]),
    st.dictionaries(st.text(min_size=1), st.text(), max_size=4),
    st.none() | st.just("arn:aws:iam::111111111111:role/mesh"),
)


@given(FOUND)
def test_any_cluster_is_one_that_settings_take_and_its_groups_are_names(found: Found) -> None:
    settings = parse(variables(found))
    assert settings.cluster.eks is not None
    assert settings.cluster.eks.name == found.name
    assert all(re.fullmatch(r"tag\w*", group, re.ASCII) for group in groups(found))


@given(st.lists(FOUND, max_size=6))
def test_the_longest_form_tells_all_clusters_apart_and_each_is_one_host(found: list[Found]) -> None:
    named = hosts(found, "name-region-account")
    assert {each.arn for each in named.values()} == {each.arn for each in found}
    assert len(named) == len({each.arn for each in found})


@given(st.lists(FOUND, max_size=6))
def test_the_form_that_is_chosen_is_the_shortest_that_works(found: list[Found]) -> None:
    form, named = told_apart(found)
    assert named == hosts(found, form)
    for shorter in FORMS[: FORMS.index(form)]:
        with pytest.raises(UsageError):
            hosts(found, shorter)


@given(st.lists(FOUND, max_size=6))
def test_a_name_does_not_depend_on_what_else_there_is(found: list[Found]) -> None:
    try:
        named = hosts(found, "name")
    except UsageError as error:
        assert error.problems[0].code == "inventory-duplicate"
        return
    for name, each in named.items():
        assert list(hosts([each], "name")) == [name]


@pytest.mark.parametrize(
    ("wanted", "has"),
    [
        ({}, True),
        ({"env": "prod"}, True),
        ({"env": ["dev", "prod"]}, True),
        ({"env": "prod", "team": "mesh"}, False),
        ({"env": "dev"}, False),
        ({"env": []}, False),
        ({"tier": 1}, True),
        ({"mesh": True}, True),
        ({"mesh": [False, "x"]}, False),
    ],
)
def test_every_wanted_tag_has_to_be_there_with_one_of_its_values(
    wanted: dict[str, object], has: bool
) -> None:
    found = Found(
        "a", "eu-central-1", "1", "arn", "1.33", "ACTIVE", {"env": "prod", "tier": "1", "mesh": "true"}
    )
    assert found.has(wanted) == has


def test_who_is_left_out_unexpectedly_is_told() -> None:
    def cluster(name: str, status: str, **tags: str) -> Found:
        return Found(name, "eu-central-1", "1", name, "1.33", status, tags)

    there = [cluster("a", "ACTIVE", env="prod"), cluster("b", "CREATING", env="prod"), cluster("c", "FAILED")]
    kept, (told,) = picked(there, {"env": "prod"}, ["ACTIVE"])
    assert [each.name for each in kept] == ["a"]
    assert told.endswith("b in eu-central-1 (CREATING).")
    kept, (told,) = picked(there, {"env": "staging"}, ["ACTIVE"])
    assert (kept, "None of the 3 clusters" in told, "env: staging" in told) == ([], True, True)
    assert picked(there[:1], {}, ["ACTIVE"]) == (there[:1], [])
    assert picked([], {"env": "prod"}, ["ACTIVE"]) == ([], [])
