"""What a person is told of an upgrade: what became of each hop, and what to type next."""

from __future__ import annotations

import msgspec
import pytest
from unit.core.factories import Json

from meshroll.core.errors import ExitCode
from meshroll.core.journal import HopTaken, Record
from meshroll.core.outcome import Outcome
from meshroll.core.plan import Plan, Step
from meshroll.core.summary import ended
from meshroll.core.upgrade.calendar import Due
from meshroll.core.upgrade.told import told

OLD, MILESTONE, NEW, NEXT = "edge-25.10.7", "edge-26.6.3", "edge-26.8.3", "edge-26.9.1"
DUE = Due(state="due", release=OLD, target=NEXT, why=f"An upgrade to {NEXT} is due since 2026-09-20.")
DONE, OPEN_HOP = HopTaken(OLD, MILESTONE, 3, 0, done=True), HopTaken(MILESTONE, NEW, 4, 5)
STATUS: Json = {"release": OLD, "kubernetes_version": "v1.33.1", "namespaces": []}
IDLE, BUSY = (
    Plan("upgrade", NEW, []),
    Plan("upgrade", NEW, [Step("verify", "As they are", "charging", gate=True)]),
)


def record(*hops: HopTaken) -> Record:
    return Record("r1", "upgrade", "someone", ["charging"], "2026-09-21T00:00:00Z", hops=list(hops))


def hops(
    code: ExitCode, *taken: HopTaken, planned: tuple[str, ...] = (MILESTONE, NEW, NEXT)
) -> list[tuple[str, ...]]:
    found = told(msgspec.to_builtins(DUE), planned, record(*taken), code)
    assert found.due == DUE
    return [(hop.start, hop.to, hop.state) for hop in found.hops]


def test_every_hop_is_told_with_what_became_of_it() -> None:
    first, last = (OLD, MILESTONE, "done"), (NEW, NEXT, "planned")
    assert hops(ExitCode.ROLLED_BACK, DONE, OPEN_HOP) == [first, (MILESTONE, NEW, "taken_back"), last]
    for code in (ExitCode.PAUSED, ExitCode.INTERRUPTED, ExitCode.ROLLBACK_INCOMPLETE):
        assert hops(code, DONE, OPEN_HOP) == [first, (MILESTONE, NEW, "unfinished"), last]
    assert hops(ExitCode.PAUSED, DONE) == [first, (MILESTONE, NEW, "planned"), last]
    assert hops(ExitCode.SUCCESS, DONE, planned=(MILESTONE,)) == [first]


def test_a_hop_that_is_taken_back_by_a_later_run_is_its_only_one() -> None:
    assert hops(ExitCode.ROLLED_BACK, OPEN_HOP, planned=()) == [(MILESTONE, NEW, "taken_back")]


def test_what_a_check_would_do_is_planned() -> None:
    found = told(msgspec.to_builtins(DUE), (MILESTONE, NEXT), None, ExitCode.SUCCESS)
    assert [(hop.start, hop.to, hop.state) for hop in found.hops] == [
        (OLD, MILESTONE, "planned"),
        (MILESTONE, NEXT, "planned"),
    ]


def entry(
    code: ExitCode, *taken: HopTaken, plan: Plan = BUSY, begun: bool = True, check: bool = False
) -> Json:
    own = record(*taken) if begun else None
    return ended("sandbox", Outcome(code, (), False), own, plan, STATUS, "upgrade", check)


@pytest.mark.parametrize("plan", [BUSY, IDLE], ids=["with workloads", "of the control plane alone"])
def test_hops_that_are_done_are_in_the_summary(plan: Plan) -> None:
    found = entry(ExitCode.SUCCESS, DONE, plan=plan)
    assert f"{OLD} -> {MILESTONE}: done." in found["summary"]
    assert found["next"] == "meshroll status shows it"


def test_a_hop_that_was_taken_back_says_what_runs() -> None:
    assert (
        f"The hop to {NEW} failed and was taken back: {MILESTONE} runs."
        in entry(ExitCode.ROLLED_BACK, DONE, OPEN_HOP)["summary"]
    )


@pytest.mark.parametrize(
    ("code", "begun", "then"),
    [
        (ExitCode.PAUSED, True, "meshroll upgrade goes on"),
        (ExitCode.INTERRUPTED, True, "meshroll upgrade goes on"),
        (ExitCode.REFUSED, True, "meshroll upgrade goes on"),
        (ExitCode.REFUSED, False, None),
        (ExitCode.USAGE, False, None),
        (ExitCode.ROLLBACK_INCOMPLETE, True, "meshroll upgrade tries again to take it back"),
        (ExitCode.ROLLED_BACK, True, None),
        (ExitCode.SUCCESS, False, "meshroll status shows it"),
    ],
)
def test_each_end_says_what_to_type_next(code: ExitCode, begun: bool, then: str | None) -> None:
    assert entry(code, OPEN_HOP, begun=begun)["next"] == then


def test_a_check_says_how_to_do_it_and_one_that_finds_nothing_says_nothing() -> None:
    assert entry(ExitCode.SUCCESS, begun=False, check=True)["next"] == "meshroll upgrade"
    idle = msgspec.structs.replace(IDLE, notes=[DUE.why])
    found = entry(ExitCode.SUCCESS, begun=False, plan=idle)
    assert (found["summary"], found["next"]) == ([DUE.why], None)
