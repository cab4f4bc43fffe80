"""When a request is tried again, decided without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.retry import (
    CONFLICTS_MAX,
    LONGEST_WAIT_SECONDS,
    Patience,
    holds,
    may_help,
    retry_after_seconds,
)

VERSIONED = {"metadata": {"name": "a", "resourceVersion": "7"}}


@given(
    patience=st.floats(0, 1000),
    tries=st.integers(1, 2000),
    elapsed=st.floats(0, 2000),
    chance=st.floats(0, 0.999),
)
def test_waits_grow_are_bounded_and_end_with_the_patience(
    patience: float, tries: int, elapsed: float, chance: float
) -> None:
    wait = Patience(patience).wait_seconds(tries, elapsed, chance)
    assert (wait is None) == (elapsed >= patience)
    assert wait is None or 0 < wait <= min(LONGEST_WAIT_SECONDS, patience - elapsed)


def test_each_wait_is_longer_than_the_one_before_until_the_longest() -> None:
    waits = [Patience(1000).wait_seconds(tries, 0, 0.5) for tries in range(1, 8)]
    assert waits == [0.375, 0.75, 1.5, 3.0, 6.0, 6.0, 6.0]


def test_a_pause_that_the_server_asks_for_is_kept_or_there_is_no_next_try() -> None:
    assert Patience(60).wait_seconds(1, 10, 0.0, asked_seconds=30) == 30
    assert Patience(60).wait_seconds(1, 31, 0.0, asked_seconds=30) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "wanted"),
    [
        *(("GET", "/a", None, status, True) for status in (429, 500, 502, 503, 504)),
        *(("POST", "/a", {}, status, True) for status in (429, 500, 502, 503, 504)),
        *(("GET", "/a", None, status, False) for status in (400, 401, 403, 404, 410, 422)),
        ("POST", "/a?dryRun=All", {}, 500, False),
        ("POST", "/a?dryRun=All", {}, 503, True),
        ("PATCH", "/a", [{"op": "test", "path": "/spec/x", "value": 1}], 409, True),
        ("PATCH", "/a", [{"op": "test", "path": "/metadata/resourceVersion", "value": "7"}], 409, False),
        ("PATCH", "/a", {"metadata": {}}, 409, True),
        ("PATCH", "/a", VERSIONED, 409, False),
        ("PUT", "/a", VERSIONED, 409, False),
        ("PUT", "/a", {"metadata": {"name": "a"}}, 409, True),
        ("POST", "/a", {"metadata": {"name": "a"}}, 409, False),
        ("DELETE", "/a", {"preconditions": {"uid": "x"}}, 409, False),
    ],
)
def test_what_may_be_answered_otherwise(method: str, path: str, body: Any, status: int, wanted: bool) -> None:
    assert may_help(method, path, body, status, 1) == wanted


def test_a_conflict_that_stays_is_not_repeated_for_ever() -> None:
    assert may_help("PATCH", "/a", [], 409, CONFLICTS_MAX - 1)
    assert not may_help("PATCH", "/a", [], 409, CONFLICTS_MAX)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("", 0),
        ("7", 7),
        ("-7", 0),
        ("soon", 0),
        ("²", 0),
        ("Tue, 06 Jan 2026 10:21:00 GMT", 30),
        ("Tue, 06 Jan 2026 10:20:00 GMT", 0),
    ],
)
def test_retry_after_in_both_of_its_forms(retry_after: str, seconds: float) -> None:
    assert retry_after_seconds(retry_after, "Tue, 06 Jan 2026 10:20:30 GMT") == seconds
    assert retry_after_seconds("Tue, 06 Jan 2026 10:21:00 GMT", "") == 0


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ({"a": 1, "b": {"c": [1, {"d": 2, "e": 3}]}}, {"b": {"c": [1, {"d": 2}]}}),
        ({"metadata": {"resourceVersion": "8"}}, {"metadata": {"resourceVersion": "7"}}),
    ],
)
def test_what_was_written_is_found_in_what_is_there(present: Any, wanted: Any) -> None:
    assert holds(present, wanted)


@pytest.mark.parametrize(
    ("present", "wanted"),
    [({}, {"a": None}), ({"a": [1, 2]}, {"a": [1]}), ({"a": 1}, {"a": {"b": 1}}), ({"a": "x"}, {"a": "y"})],
)
def test_what_somebody_else_wrote_is_not_taken_for_ours(present: Any, wanted: Any) -> None:
    assert not holds(present, wanted)
