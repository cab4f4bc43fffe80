from __future__ import annotations

import msgspec
import pytest

from meshroll.core.config_maps import packed, unpacked
from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.recording import Recording, recorded, replayed
from meshroll.core.gate.subjects import Restarts
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import Gate, Limits

from .test_observation import BLOCK, SUBJECT, block, down, look_at_both, observation, seen


def watched(*looks: Look) -> tuple[Observation, Verdict]:
    watch = observation()
    for each in looks:
        verdict = watch.looked(each)
        if verdict:
            return watch, verdict
    raise AssertionError("no verdict")


def good_gate() -> Recording:
    looks = [seen(block(at_seconds=1000 + number * BLOCK), number * BLOCK) for number in range(1, 9)]
    return recorded(*spread(watched(down(1), *looks)))


def spread(watched: tuple[Observation, Verdict]) -> tuple[Observation, str, Verdict]:
    return watched[0], "omni", watched[1]


def test_a_replay_by_the_same_policy_gives_the_same_verdict() -> None:
    recording = good_gate()
    assert recording.verdict.outcome == Outcome.SUCCESSFUL
    assert replayed(recording, {}) == recording.verdict


def test_a_recording_survives_being_written_and_read() -> None:
    recording = good_gate()
    assert unpacked(packed(recording), Recording) == recording
    assert packed(recording) == packed(recording)


def test_what_kubernetes_said_is_judged_again_alike() -> None:
    killed = msgspec.structs.replace(
        SUBJECT, restarts={"omni-1/app": Restarts(2, "Error", 990.0)}, unready={"omni-2": ("app",)}
    )
    watch, verdict = watched(seen(block(), BLOCK), seen(block(), 2 * BLOCK, killed))
    recording = unpacked(packed(recorded(watch, "omni", verdict)), Recording)
    assert (verdict.outcome, replayed(recording, {})) == (Outcome.FAILED, verdict)


def test_it_begins_with_the_first_block_that_was_measured() -> None:
    assert good_gate().began_at_seconds == 1000.0


def test_who_was_measured_while_a_neighbour_was_not_is_drawn_block_by_block() -> None:
    watch = observation()
    verdicts = [look_at_both(watch, number, 1.0, tariffs=number > 3) for number in range(1, 9)]
    assert verdicts[-1] is not None
    kept = recorded(watch, "omni", verdicts[-1])
    omni, tariffs = (
        [block.window_seconds for block in kept.blocks_of(f"Deployment/{name}")]
        for name in ("omni", "tariffs")
    )
    assert omni == [BLOCK] * 8
    assert tariffs == [block.window_seconds for block in kept.blocks] == [4 * BLOCK, *[BLOCK] * 4]


@pytest.mark.parametrize("data", ["", "nonsense", packed(good_gate())[:-20]])
def test_what_is_no_recording_is_a_value_error(data: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        unpacked(data, Recording)


def test_a_stricter_policy_fails_what_has_passed() -> None:
    looks = [seen(block(0.98), number * BLOCK) for number in range(1, 9)]
    watch = Observation(
        Gate(window_seconds=120, interval_seconds=15, limits=Limits(success_ratio_min=0.9)),
        observation().prometheus,
        {},
    )
    verdict = next(found for each in looks if (found := watch.looked(each)))
    assert verdict.outcome == Outcome.SUCCESSFUL
    stricter = msgspec.structs.replace(watch.gate, limits=Limits(success_ratio_min=0.999))
    assert replayed(recorded(watch, "omni", verdict), {}, stricter).outcome == Outcome.FAILED


def test_a_policy_that_would_have_looked_longer_decides_by_what_there_is() -> None:
    recording = good_gate()
    longer = msgspec.structs.replace(recording.gate, window_seconds=400.0, window_max_seconds=400.0)
    assert replayed(recording, {}, longer).outcome == Outcome.SUCCESSFUL


def test_a_policy_that_would_have_looked_shorter_leaves_the_rest_out() -> None:
    recording = good_gate()
    shorter = msgspec.structs.replace(recording.gate, window_seconds=60.0)
    assert replayed(recording, {}, shorter).window_seconds == 60.0


def test_a_gate_that_could_never_measure_is_replayed_as_an_error() -> None:
    watch, verdict = watched(*(down(120 + number * BLOCK) for number in range(9)))
    recording = recorded(watch, "omni", verdict)
    assert recording.began_at_seconds == 0.0
    assert replayed(recording, {}) == verdict
