"""What the next upgrade learns from those that did not end: however often they are killed, a hop keeps its changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from meshroll.core.changes import Change
from meshroll.core.errors import ExitCode
from meshroll.core.gate.signals import Signals
from meshroll.core.history import Looked, fingerprint, forgettable, opened
from meshroll.core.hop_history import (
    begun,
    carried_baseline,
    carried_on,
    done,
    hop_entries,
    left_upgrading,
    open_upgrade,
)
from meshroll.core.journal import UNFINISHED, Entry, HopTaken, Record, intending, passed
from meshroll.core.outcome import Outcome, closed
from meshroll.core.plan import Plan, Step, to_builtins

NOW = datetime(2026, 8, 1, tzinfo=UTC)
EDGES = [f"edge-26.{month}.1" for month in range(1, 13)]


def looked(records: list[Record], direction: str = "upgrade", **others: Any) -> Looked:
    found: dict[str, Any] = {
        "direction": direction,
        "namespaces": ["charging"],
        "steps": [],
        "asked": {},
        "release": "edge-26.6.3",
        "baseline": {},
        "history": fingerprint(records),
        "waived": [],
    }
    return Looked(**{**found, **others})


@dataclass
class Cluster:
    """Upgrades as they come and go, beside what is known to be true of the hop that is open."""

    records: list[Record] = field(default_factory=list)
    running: bool = False
    hop: int | None = None
    edge: int = 0
    changed: list[Change] = field(default_factory=list)
    due: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    @property
    def own(self) -> Record:
        return self.records[0]

    def write(self, record: Record) -> None:
        self.records[0] = record

    def begin(self, direction: str = "upgrade") -> None:
        new, *taken = opened(
            looked(self.records, direction), f"run-{next(self.numbers)}", "ann", NOW, self.records, {}
        )
        known = {each.run_id: each for each in taken}
        self.records = [new, *(known.get(each.run_id, each) for each in self.records)]

    def act(self, action: str, number: int) -> None:
        if action == "rollback":
            self.kill()
            self.begin("fallback")
            self.write(self.ended(ExitCode.SUCCESS))
            self.changed = []
            return
        if not self.running:
            self.begin()
            self.running = True
        getattr(self, action)(number)

    def step(self, number: int) -> None:
        """The hop's next change; a hop is begun for it where none is open."""
        wave = Step("wave", f"Wave {number}", "charging", [CHANGES[number]], pending=[f"inject:{number}"])
        if self.hop is None:
            self.hop = self.edge = self.edge + 1
            taken = HopTaken(EDGES[self.edge - 1], EDGES[self.edge], 7, len(self.own.entries))
            plan = Plan(
                "upgrade", EDGES[self.edge], [Step("verify", "As they are", "charging", pending=["plane"])]
            )
            self.write(begun(self.own, taken, plan))
            self.due = ["plane"]
        self.write(intending(self.own, wave, {}))
        self.changed.append(wave.changes[0])
        self.due = list(dict.fromkeys([*self.due, *wave.pending]))

    def gate(self, _: int) -> None:
        """The first gate that is due passes."""
        if self.due:
            self.write(passed(self.own, Step("verify", "gate", "charging", pending=self.due[:1])))
            del self.due[0]

    def close(self, _: int) -> None:
        """The hop's last gate has passed."""
        self.write(done(self.own))
        self.forget()

    def take_back(self, _: int) -> None:
        """The hop fails and goes back, where one is open; else the run comes to its end."""
        self.write(self.ended(ExitCode.ROLLED_BACK if self.hop else ExitCode.SUCCESS))
        self.edge -= 1 if self.hop else 0
        self.forget()
        self.running = False

    def stop(self, number: int) -> None:
        """It pauses, is interrupted, refused, or its way back fails; or it is killed and leaves no word."""
        code = ENDS[number]
        if code is not None:
            self.write(self.ended(code))
        self.running = False

    def kill(self) -> None:
        self.running = False

    def forget(self) -> None:
        self.hop, self.changed, self.due = None, [], []

    def ended(self, code: ExitCode) -> Record:
        return closed(self.own, Outcome(code, (), False), "2026-08-01T00:00:00Z")


CHANGES = [Change("Deployment", "charging", f"w{number}", "patch", "inject") for number in range(5)]
ENDS = [None, None, ExitCode.PAUSED, ExitCode.INTERRUPTED, ExitCode.REFUSED, ExitCode.ROLLBACK_INCOMPLETE]
ACTIONS = st.tuples(
    st.sampled_from([*["step"] * 4, *["stop"] * 3, *["close"] * 2, "gate", "take_back", "rollback"]),
    st.integers(0, 4),
)


@hypothesis(max_examples=300)
@given(st.lists(ACTIONS, min_size=6, max_size=20))
def test_whatever_was_killed_and_gone_on_with_the_open_hop_has_its_own_changes_and_gates(
    actions: list[tuple[str, int]],
) -> None:
    cluster = Cluster()
    for action, number in actions:
        if cluster.edge == len(EDGES) - 1:
            return
        cluster.act(action, number)
        if not cluster.running:
            continue
        own, hop = cluster.own, cluster.own.open_hop
        assert (hop.to if hop else None) == (EDGES[cluster.hop] if cluster.hop else None)
        assert [entry.change for entry in hop_entries(cluster.records, own)] == cluster.changed
        assert own.pending == cluster.due
        assert not any(each.to == EDGES[cluster.edge] and each.done for each in own.hops) or not hop
        if own.continues and hop and len(cluster.changed) > len(own.entries):
            event("a hop that an earlier run had begun")
        # Old runs are dropped, but never one that the open hop needs.
        kept = [each for each in cluster.records if each not in forgettable(cluster.records, kept=1)]
        assert hop_entries(kept, own) == hop_entries(cluster.records, own)
    if not cluster.running and cluster.hop:
        left = open_upgrade(cluster.records)
        assert left and left.open_hop and left.open_hop.to == EDGES[cluster.hop]


HOP = HopTaken("edge-25.10.7", "edge-26.6.3", 3, 2)
MARK = "inject:charging/Deployment/omni"


def record(state: str = "interrupted", run_id: str = "r", **others: Any) -> Record:
    found: dict[str, Any] = {
        "command": "upgrade",
        "holder": "someone",
        "namespaces": ["charging"],
        "started_at": "2026-07-01T00:00:00Z",
        "hops": [HOP],
    }
    return Record(run_id=run_id, state=state, **{**found, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize("state", UNFINISHED)
def test_an_upgrade_that_did_not_end_is_open_and_no_rollout_begins_beside_it(state: str) -> None:
    left = record(state)
    assert open_upgrade([left]) is left
    (problem,) = left_upgrading([left])
    assert problem.code == "upgrade-unfinished"
    assert "meshroll upgrade" in problem.hint


@pytest.mark.parametrize("state", ["succeeded", "rolled_back"])
def test_an_upgrade_that_ended_closes_those_that_it_went_on_with(state: str) -> None:
    assert open_upgrade([record(state), record()]) is None
    assert left_upgrading([record(state), record()]) == []
    assert open_upgrade([]) is None


def test_a_rollout_or_a_rollback_closes_no_upgrade() -> None:
    left = record()
    others = [record("succeeded", command=command, hops=[]) for command in ("rollback", "rollout")]
    assert open_upgrade([*others, left]) is left


def test_an_upgrade_of_a_linkerd_that_was_removed_since_is_nothing_to_go_on_with() -> None:
    """Its Helm revision would be that of another release of the same name."""
    gone = record("succeeded", command="uninstall", namespaces=[], hops=[])
    assert open_upgrade([gone, record()]) is None
    assert open_upgrade([msgspec.structs.replace(gone, state="interrupted"), record()]) is not None
    later = record(run_id="later")
    assert open_upgrade([later, gone, record()]) is later


def test_a_new_run_takes_over_the_open_hop_its_gates_and_its_pause() -> None:
    left = record(pending=[MARK, "plane:charging/edge-26.6.3"], paused_since="2026-07-01T00:00:00Z")
    found = carried_on([left], waived=[MARK])
    assert found["continues"] == ["r"]
    assert found["hops"] == [msgspec.structs.replace(HOP, first_entry=0)]
    assert found["pending"] == ["plane:charging/edge-26.6.3"]
    assert found["paused_since"] == "2026-07-01T00:00:00Z"
    assert carried_on([record("succeeded")]) == {}


def test_a_run_that_is_to_go_back_is_on_its_way_back_from_its_first_line_on() -> None:
    """Killed before it has turned, it would go forward else, over what had failed."""
    left = record()
    back, _ = opened(looked([left], turn_back="It had failed a gate."), "new", "ann", NOW, [left], {})
    assert (back.heading, back.to) == ("back", "edge-25.10.7")
    on, _ = opened(looked([left]), "new", "ann", NOW, [left], {})
    assert (on.heading, on.to) == ("forward", None)


def test_gates_are_held_against_what_was_measured_before_the_hop_and_not_before_others() -> None:
    signals = {"charging": {"Deployment/omni": Signals()}}
    left = record(baseline=signals)
    assert carried_baseline([left]) == to_builtins(signals)
    assert carried_baseline([msgspec.structs.replace(left, hops=[replace_done(HOP)])]) == {}
    assert carried_baseline([record("succeeded", baseline=signals)]) == {}


def replace_done(hop: HopTaken) -> HopTaken:
    return msgspec.structs.replace(hop, done=True)


def test_a_pause_between_two_hops_does_not_count_for_the_gates_of_the_next() -> None:
    waited = record("running", hops=[replace_done(HOP)], paused_since="2026-07-01T00:00:00Z")
    following = HopTaken("edge-26.6.3", "edge-26.8.3", 4, 5)
    assert begun(waited, following, Plan("upgrade", None, [])).paused_since is None
    at_a_gate = record("running", paused_since="2026-07-01T00:00:00Z")
    assert begun(at_a_gate, HOP, Plan("upgrade", None, [])) is at_a_gate


def test_what_somebody_has_taken_off_the_mesh_since_is_left_to_that_rollback() -> None:
    def entry(namespace: str) -> Entry:
        return Entry("Wave 1", Change("Deployment", namespace, "omni", "patch", "inject"))

    left = record(entries=[entry("old"), entry("old"), entry("charging"), entry("parking")])
    back = record("succeeded", "back", command="rollback", hops=[], namespaces=["parking"])
    assert hop_entries([back, left], left) == [entry("charging")]
    on = record("running", "on", continues=["r"], hops=[msgspec.structs.replace(HOP, first_entry=0)])
    on = msgspec.structs.replace(on, entries=[entry("charging")])
    assert hop_entries([on, back, left], on) == [entry("charging"), entry("charging")]
    failed = msgspec.structs.replace(back, state="rollback_incomplete")
    assert len(hop_entries([failed, left], left)) == 2, "that one has to come to its end first"


def test_nothing_is_closed_where_no_hop_is_open() -> None:
    idle = record("running", hops=[replace_done(HOP)], pending=[MARK])
    assert done(idle) is idle
    assert hop_entries([idle], idle) == []
