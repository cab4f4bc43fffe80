"""What is read out of Linkerd's own lists, and what is not."""

from __future__ import annotations

import contextlib
import datetime
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.release_sources import of_index, of_milestones, of_notes
from meshroll.core.releases import Release

TODAY = datetime.date(2026, 11, 25)
CHART = "linkerd-control-plane"
ROUNDUP = """\
---
title: A roundup
---

## Recommendations

Many of the releases in this roundup are not recommended for everyone.

### [edge-26.9.3] (September 20, 2026)

_This release is recommended for all users, and is probably the one you want if you read this._

It is not recommended to run the proxy as root, and edge-26.9.1 mends nothing of that.

### edge-26.9.2 (September 10, 2026)

_This release is **not recommended** since it drops
connections. We recommend using [edge-26.9.3] instead._

### edge-26.9.1 (September 3, 2026)

_edge-26.9.1 is **NOT RECOMMENDED**; it has been superseded by [edge-26.9.2]._

### edge-26.8.9 (August 30, 2026)

This release is recommended for all users, except those with native sidecars.

## Installing

This is not recommended for the faint of heart.

[edge-26.9.3]: https://releases.example/edge-26.9.3
"""


def marks(text: str) -> dict[str, tuple[str, str | None]]:
    return {
        each.edge: (each.mark, each.replacement) for each in of_notes(text, TODAY) if each.mark != "unmarked"
    }


def test_a_roundup_gives_the_marks_of_its_releases_and_of_nothing_else() -> None:
    assert marks(ROUNDUP) == {
        "edge-26.9.3": ("recommended", None),
        "edge-26.9.2": ("not_recommended", "edge-26.9.3"),
        "edge-26.9.1": ("not_recommended", "edge-26.9.2"),
    }
    by_edge = {each.edge: each for each in of_notes(ROUNDUP, TODAY)}
    assert by_edge["edge-26.9.2"].reason == "This release is not recommended since it drops connections."
    assert by_edge["edge-26.9.2"].marked_on == TODAY


def test_a_newer_releases_notes_can_withdraw_an_older_one() -> None:
    body = (
        "This mends a leak. edge-26.9.1 is not recommended any more, use this one.\r\n\r\n* Bump hyper (#1)"
    )
    rows = [
        {"tag_name": "edge-26.9.2", "body": body, "published_at": "2026-09-10T12:00:00Z"},
        {"tag_name": "edge-26.9.3", "body": None, "published_at": None, "draft": True},
        {"tag_name": "version-2.21", "body": "This release is not recommended."},
    ]
    found = of_notes(json.dumps(rows), TODAY)
    assert [(each.edge, each.mark, each.date) for each in found] == [
        ("edge-26.9.2", "unmarked", datetime.date(2026, 9, 10)),
        ("edge-26.9.1", "not_recommended", None),
    ]


@pytest.mark.parametrize(
    ("sentence", "withdrawn"),
    [
        ("### Caution\n* This release is not recommended.", True),
        ("NOT RECOMMENDED: use edge-26.9.3.", True),
        ("It is not recommended to use this release.", True),
        ("We found a leak, so this release is **not recommended**.", True),
        ("Note that edge-26.9.2 is not recommended.", True),
        ("Upgrading from edge-26.9.2 is not recommended.", False),
        ("It is not recommended to run the proxy as root.", False),
        ("Running Linkerd without HA is not recommended.", False),
        ("Upgrading from edge-25.3.1 with --reset-values is not recommended.", False),
        ("Recommended reading: what is new. Not for everyone.", False),
    ],
)
def test_what_is_not_recommended_has_to_be_the_release(sentence: str, withdrawn: bool) -> None:
    assert marks(f"## edge-26.9.2\n\n{sentence}") == (
        {"edge-26.9.2": ("not_recommended", "edge-26.9.3" if "26.9.3" in sentence else None)}
        if withdrawn
        else {}
    )


@given(
    st.text(alphabet="abc ,[]*_`#\n", max_size=60),
    st.sampled_from(["NOT RECOMMENDED", "**not recommended**"]),
)
def test_whatever_stands_around_it_a_release_that_calls_itself_not_recommended_is_withdrawn(
    around: str, words: str
) -> None:
    body = f"{around}\n\nThis release is {words} as it leaks.\n\n{around}"
    found = of_notes(json.dumps({"tag_name": "edge-26.9.2", "body": body}), TODAY)
    assert ("edge-26.9.2", "not_recommended") in [(each.edge, each.mark) for each in found]


@given(st.text(max_size=200) | st.text(alphabet='#edg-26.9.1 notrecmd\n{["', max_size=200))
def test_any_text_is_notes_or_none(text: str) -> None:
    with contextlib.suppress(ValueError, msgspec.MsgspecError):
        assert all(isinstance(each, Release) for each in of_notes(text, TODAY))


def test_an_index_gives_days_that_can_be_and_the_kubernetes_that_charts_demand() -> None:
    rows = [
        {"version": "2026.9.1", "kubeVersion": ">=1.31.0-0", "created": "2026-09-03T10:00:00Z"},
        {
            "version": "2026.8.3",
            "kubeVersion": ">=1.31.0-0",
            "created": datetime.datetime(2026, 11, 3, tzinfo=datetime.UTC),
        },
        {"version": "2026.8.2"},
        {"version": "1.18.10-edge", "kubeVersion": ">=1.22.0-0"},
    ]
    found = of_index({"apiVersion": "v1", "entries": {CHART: rows}})
    assert [(each.edge, str(each.date), each.kubernetes_min) for each in found] == [
        ("edge-26.9.1", "2026-09-03", "1.31"),
        ("edge-26.8.3", "None", "1.31"),
        ("edge-26.8.2", "None", None),
    ]


def test_an_index_gives_the_digests_of_a_releases_charts_where_it_has_any() -> None:
    one, other = "a" * 64, "b" * 64
    planes = [{"version": "2026.9.1", "digest": one}, {"version": "2026.8.3", "digest": f"sha256:{one}"}]
    crds = [{"version": "2026.9.1", "digest": other}, {"version": "2026.8.3", "digest": "md5:1"}]
    found = of_index({"entries": {CHART: planes, "linkerd-crds": crds}})
    assert [each.charts for each in found] == [
        {"linkerd-crds": f"sha256:{other}", CHART: f"sha256:{one}"},
        {CHART: f"sha256:{one}"},
    ]
    assert of_index({"entries": {CHART: [{"version": "2026.9.1"}]}})[0].charts is None


def test_milestones_are_recommended_from_their_day_on() -> None:
    (found,) = of_milestones([{"version": "2.21", "edge": "edge-26.12.1", "releaseDate": "December 3, 2026"}])
    assert (found.milestone, found.mark, str(found.marked_on)) == ("2.21", "recommended", "2026-12-03")


@pytest.mark.parametrize(
    "data", [None, [], "<html>", {"entries": {}}, {"entries": {CHART: [{"version": "1.0"}]}}]
)
def test_what_is_no_index_is_said_to_be_none(data: object) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        of_index(data)
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        of_milestones(data or [{"version": "2.21", "edge": "2.21", "releaseDate": "soon"}])
