"""A renewed catalogue: nothing that is known is lost, no mark gets looser, and hand-made marks stay."""

from __future__ import annotations

import datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from unit.core.release_cases import catalogues

from meshroll.core.refresh import CAREFUL, FACTS, renewed
from meshroll.core.releases import Catalogue, Release

TODAY = datetime.date(2026, 11, 25)
AUTOMATIC = {"release-notes", "milestones"}
SOURCES = ("release-notes", "milestones", "our-tests", "")


def sourced(catalogue: Catalogue, sources: list[str]) -> Catalogue:
    rows = [
        msgspec.structs.replace(row, source=source if row.reason else "")
        for row, source in zip(catalogue.releases, sources, strict=False)
    ]
    return Catalogue(catalogue.as_of, catalogue.sources, rows)


some_sources = st.lists(st.sampled_from(SOURCES), min_size=12, max_size=12)
locals_ = st.builds(sourced, catalogues, some_sources)
founds = st.builds(sourced, catalogues, st.lists(st.sampled_from(SOURCES[:2]), min_size=12, max_size=12)).map(
    lambda catalogue: catalogue.releases
)


@given(locals_, founds)
def test_refreshing_loses_nothing_loosens_nothing_and_leaves_hand_made_marks(
    local: Catalogue, found: list[Release]
) -> None:
    after, changes = renewed(local, found, AUTOMATIC)
    versions = [row.version for row in after.releases]
    assert versions == sorted({*(row.version for row in local.releases), *(row.version for row in found)})
    for row in local.releases:
        new = after.find(row.version)
        assert new is not None
        assert all(
            getattr(new, name) == getattr(row, name) for name in FACTS if getattr(row, name) is not None
        )
        assert (row.charts or {}).items() <= (new.charts or {}).items()
        assert CAREFUL[new.mark] >= CAREFUL[row.mark]
        if row.reason and row.source not in AUTOMATIC:
            assert (new.mark, new.reason, new.source, new.marked_on) == (
                (row.mark, row.reason, row.source, row.marked_on)
            )
    for row in found:
        new = after.find(row.version)
        assert new is not None
        before = local.find(row.version)
        if before is None or before.source in AUTOMATIC:
            assert CAREFUL[new.mark] >= CAREFUL[row.mark]
    assert {change.release for change in changes if not change.kept} == {
        row.edge for row in after.releases if row != local.find(row.version)
    }


@given(locals_, founds)
def test_the_same_again_changes_nothing(local: Catalogue, found: list[Release]) -> None:
    after, _ = renewed(local, found, AUTOMATIC)
    again, changes = renewed(after, found, AUTOMATIC)
    assert again == after
    assert [change for change in changes if not change.kept] == []


def test_a_digest_that_is_another_one_is_shown_and_the_first_stays() -> None:
    ours, theirs, new = (f"sha256:{letter * 64}" for letter in "abc")
    row = Release(edge="edge-26.6.3", charts={"linkerd-control-plane": ours})
    found = Release(edge="edge-26.6.3", charts={"linkerd-control-plane": theirs, "linkerd-crds": new})
    after, (filled, kept) = renewed(Catalogue(TODAY, {}, [row]), [found], AUTOMATIC)
    assert after.releases[0].charts == {"linkerd-control-plane": ours, "linkerd-crds": new}
    assert (filled.field, filled.before, filled.after, filled.kept) == (
        "charts.linkerd-crds",
        None,
        new,
        False,
    )
    assert (kept.field, kept.before, kept.after) == ("charts.linkerd-control-plane", ours, theirs)
    assert kept.kept and renewed(after, [found], AUTOMATIC)[1] == [kept]


def withdrawn(source: str = "release-notes") -> Release:
    return Release(
        edge="edge-26.6.3", mark="not_recommended", reason="It leaks.", source=source, marked_on=TODAY
    )


def test_a_withdrawn_milestone_stays_a_milestone() -> None:
    row = Release(edge="edge-26.6.3", milestone="2.20", mark="recommended", reason="x", source="milestones")
    after, (change,) = renewed(Catalogue(TODAY, {}, [row]), [withdrawn()], AUTOMATIC)
    assert (after.releases[0].mark, after.releases[0].milestone) == ("not_recommended", "2.20")
    assert (change.before, change.after, change.reason) == ("recommended", "not_recommended", "It leaks.")


def test_a_mark_made_by_hand_stays_and_what_is_said_against_it_is_told() -> None:
    row = Release(edge="edge-26.6.3", mark="recommended", reason="Soaked.", source="our-tests")
    after, (change,) = renewed(Catalogue(TODAY, {}, [row]), [withdrawn(), withdrawn()], AUTOMATIC)
    assert after.releases == [row]
    assert (change.kept, change.before, change.after) == (True, "recommended", "not_recommended")


def test_a_reservation_stands_against_a_recommendation() -> None:
    row = Release(edge="edge-26.6.3", reason="IPv6 does not work right.", source="milestones")
    good = Release(edge="edge-26.6.3", mark="recommended", reason="x", source="release-notes")
    assert renewed(Catalogue(TODAY, {}, [row]), [good], AUTOMATIC) == (
        Catalogue(TODAY, {}, [row]),
        [],
    )
