"""Gates of an earlier run, judged by the policy of now."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.core.test_journal_objects import record
from unit.gate.test_recording import good_gate

from meshroll.adapters import policy_file
from meshroll.core.errors import Paused, Refused, UsageError
from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import Line, Record
from meshroll.core.replay import replay
from meshroll.core.settings import Gate

FIRST, SECOND = Line("Wave 1", Outcome.SUCCESSFUL, "ok", 1), Line("Wave 2", Outcome.FAILED, "no", 1)


def run(*lines: Line) -> Record:
    bare = record({})
    return Record(
        bare.run_id, bare.command, bare.holder, bare.namespaces, bare.started_at, verdicts=list(lines)
    )


def test_each_gate_says_what_it_is_now_and_what_it_was() -> None:
    found = replay(run(FIRST, SECOND), [good_gate(), good_gate()], good_gate().gate)
    assert [(verdict.outcome, verdict.was) for verdict in found.verdicts] == [
        (Outcome.SUCCESSFUL, Outcome.SUCCESSFUL),
        (Outcome.SUCCESSFUL, Outcome.FAILED),
    ]
    assert (found.error, found.lost) == (None, ())


def test_the_worst_verdict_decides_how_verify_ends() -> None:
    hungry = Gate(requests_min=10**6, window_seconds=120.0, interval_seconds=15.0)
    found = replay(run(FIRST), [good_gate()], hungry)
    assert isinstance(found.error, Paused)
    assert found.error.problems[0].code == "gate-inconclusive"
    assert found.error.problems[0].namespace == "omni"


def test_a_gate_whose_measurements_are_gone_is_named_and_the_others_are_judged() -> None:
    found = replay(run(FIRST, SECOND), [None, good_gate()], good_gate().gate)
    assert (len(found.verdicts), found.lost) == (1, ("Wave 1",))
    assert isinstance(found.error, Paused), "what is not known is no success"
    assert found.error.problems[0].code == "gate-inconclusive"
    assert "Wave 1" in found.error.problems[0].message


@pytest.mark.parametrize("lines", [(), (FIRST,)])
def test_a_run_of_which_nothing_is_kept_is_refused(lines: tuple[Line, ...]) -> None:
    with pytest.raises(Refused) as refusal:
        replay(run(*lines), [None] * len(lines), Gate())
    assert refusal.value.problems[0].code == "run-not-recorded"


def test_a_policy_is_a_gate_of_an_inventory(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text("meshroll_gate:\n  requests_min: 5\n")
    assert policy_file.read(str(file)) == {"meshroll_gate": {"requests_min": 5}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "requests_min: 5",
        "meshroll_gate: 5",
        "meshroll_gate: {}\nmeshroll_cluster: {}",
        "a: [",
        "\x00",
    ],
)
def test_what_is_no_policy_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(text)
    with pytest.raises(UsageError, match="policy"):
        policy_file.read(str(file))
