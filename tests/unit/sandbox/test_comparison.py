"""The drills of each approach, as the traffic model plays them: what sets the four apart, and that chance does not."""

from __future__ import annotations

from dataclasses import fields

import pytest

from meshroll_sandbox.comparison import (
    APPROACHES,
    REQUESTS_PER_SECOND,
    SCENARIOS,
    WATCH_SECONDS,
    Row,
    compare,
)

SEEDS = (1, 2, 3)


def rows(scenario: str, approach: str) -> list[Row]:
    return [row for seed in SEEDS for _, _, row in compare((scenario,), (approach,), seed)]


def test_the_same_seed_gives_the_same_table_and_every_call_is_counted() -> None:
    table = list(compare(tuple(SCENARIOS), tuple(APPROACHES)))
    assert table == list(compare(tuple(SCENARIOS), tuple(APPROACHES)))
    assert [(scenario, approach) for scenario, approach, _ in table] == [
        (scenario, approach) for scenario in SCENARIOS for approach in APPROACHES
    ]
    assert {row.requests for *_, row in table} == {REQUESTS_PER_SECOND * WATCH_SECONDS}


@pytest.mark.parametrize("approach", APPROACHES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_does_not_apply_is_not_measured(scenario: str, approach: str) -> None:
    (row,) = [row for _, _, row in compare((scenario,), (approach,))]
    asked = {each.name for each in fields(Row) if getattr(row, each.name) not in (None, 0)}
    assert (row.slow_pod_share is None) == (scenario not in ("degraded-pod", "partition"))
    assert ("new_pods" in asked) == (scenario in ("rolling-deploy", "pod-crash", "scale-up"))
    assert (row.gone_pod_seconds is None) == (scenario in ("scale-up", "degraded-pod"))


def test_a_held_connection_never_finds_a_new_pod_and_the_others_do() -> None:
    assert all(row.idle_new_pods == 1 for row in rows("scale-up", "pinned"))
    waits = {approach: [row.new_pod_seconds for row in rows("scale-up", approach)] for approach in APPROACHES}
    assert all(wait is not None and wait < 1 for wait in waits["dial-per-request"])
    # Until DNS is asked again, which grpc-go does every 30 s at most.
    assert all(wait is not None and wait <= 30 for wait in waits["headless"])
    # Until the 30 ms that it begins with have decayed.
    assert all(wait is not None and 3 < wait < 20 for wait in waits["mesh"])


def test_only_a_client_that_knows_no_new_pod_loses_calls_in_a_deploy() -> None:
    failed = {
        approach: [row.failed_requests for row in rows("rolling-deploy", approach)] for approach in APPROACHES
    }
    assert all(count > 0 for count in failed.pop("headless"))
    assert {count for counts in failed.values() for count in counts} == {0}


def test_only_the_mesh_turns_away_from_a_slow_pod() -> None:
    assert all((row.slow_pod_share or 0) < 0.05 for row in rows("degraded-pod", "mesh"))
    for approach in ("pinned", "dial-per-request", "headless"):
        assert all((row.slow_pod_share or 0) > 0.25 for row in rows("degraded-pod", approach))


def test_into_the_void_call_all_but_the_mesh() -> None:
    """Without a keepalive a held connection stays, and kube-proxy goes on choosing a pod that is still Ready."""
    lost = {
        approach: [row.failed_requests / row.requests for row in rows("partition", approach)]
        for approach in APPROACHES
    }
    assert all(ratio < 0.01 for ratio in lost["mesh"])
    assert all(
        0.25 < ratio < 0.45 for approach in ("dial-per-request", "headless") for ratio in lost[approach]
    )
    # Of four callers that hold one connection each, those that hold it to the cut pod, and these altogether.
    assert all(
        ratio in (pytest.approx(0.5, abs=0.05), pytest.approx(0.75, abs=0.05), pytest.approx(1))
        for ratio in lost["pinned"]
    )
