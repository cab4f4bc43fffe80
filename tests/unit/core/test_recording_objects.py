"""What a gate measured, as objects: read as it was written, or not at all."""

from __future__ import annotations

import copy
import random

import msgspec
from unit.core.test_journal_objects import OBJECT_MAX, busy, record, size

from meshroll.core.gate.observation import Look
from meshroll.core.gate.recording import Recording
from meshroll.core.gate.signals import Reading
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.journal import Line
from meshroll.core.recording_objects import DATA, OBJECTS_MAX, all_names, names_of, objects_of, recording_of
from meshroll.core.settings import Gate


def recording(workloads: int, looks: int) -> Recording:
    dice = random.Random(7)
    seen = tuple(
        Look(
            elapsed_seconds=30.0 * number,
            reading=Reading(
                at_seconds=30.0 * number,
                window_seconds=30.0,
                signals={f"Deployment/w{n}": busy(dice) for n in range(workloads)},
                target_up={},
                scrape_age_seconds={},
            ),
        )
        for number in range(1, looks + 1)
    )
    verdict = Verdict(outcome=Outcome.SUCCESSFUL, summary="ok", wave="Wave 1")
    return Recording(
        namespace="charging",
        began_at_seconds=0.0,
        gate=Gate(),
        scrape_interval_seconds=15.0,
        looks=seen,
        verdict=verdict,
    )


def test_a_small_gate_is_one_object() -> None:
    kept = recording(workloads=3, looks=4)
    (item,) = objects_of("r1", 2, kept)
    assert item["metadata"]["name"] == "gate-r1-2-1"
    assert recording_of([item]) == kept


def test_a_large_gate_is_spread_over_objects_that_the_cluster_takes() -> None:
    kept = recording(workloads=200, looks=8)
    objects = objects_of("r1", 1, kept)
    assert len(objects) > 1
    assert max(size(item) for item in objects) < OBJECT_MAX
    assert recording_of(objects) == kept


def test_one_that_is_not_whole_any_more_is_none() -> None:
    first, *rest = objects_of("r1", 1, recording(workloads=200, looks=8))
    changed = copy.deepcopy(first)
    changed["data"][DATA] = "A" + changed["data"][DATA][1:]
    assert recording_of([changed, *rest]) is None
    assert recording_of([first, None, *rest[1:]]) is None
    assert recording_of([]) is None
    assert recording_of(rest) is None


def test_the_names_of_a_runs_recordings_are_those_they_were_written_under() -> None:
    lines = [
        Line("1", Outcome.SUCCESSFUL, "ok", 2),
        Line("2", Outcome.ERROR, "no"),
        Line("3", Outcome.FAILED, "x", 1),
    ]
    run = msgspec.structs.replace(record({}), verdicts=lines)
    assert names_of(run) == [["gate-r1-1-1", "gate-r1-1-2"], [], ["gate-r1-3-1"]]


def test_a_run_that_is_dropped_takes_along_also_recordings_whose_writing_was_cut_short() -> None:
    lines = [Line("1", Outcome.SUCCESSFUL, "ok", 2), Line("2", Outcome.FAILED, "no")]
    names = all_names(msgspec.structs.replace(record({}), verdicts=lines))
    assert [name for name in names if name.startswith("gate-r1-1-")] == ["gate-r1-1-1", "gate-r1-1-2"]
    for gate in (2, 3):
        assert {f"gate-r1-{gate}-{page}" for page in range(1, OBJECTS_MAX + 1)} <= set(names)
