"""A journal that somebody, or something, has changed is refused with its name and the way to mend it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.estate import estate, inventory
from unit.core.factories import EDGE, service
from unit.mutations import mutated

from meshroll.core.config_maps import CHECKSUM, checksum
from meshroll.core.drift import Since, in_the_way
from meshroll.core.errors import Refused
from meshroll.core.gate.signals import Signals, Traffic
from meshroll.core.gate.verdict import Outcome
from meshroll.core.history import fingerprint, forgettable, inherited, taken_over, to_undo
from meshroll.core.journal import Entry, Line, Record, Theft, intending, made
from meshroll.core.journal_objects import BASELINE, HEAD, objects_of, records_of
from meshroll.core.model import ClusterView
from meshroll.core.previous import previous_plan
from meshroll.core.recreation import recreated, removed
from meshroll.core.repair import repaired, unmade
from meshroll.core.resume import Rule, resumption
from meshroll.core.runs import run_detail
from meshroll.core.settings import Settings
from meshroll.core.way_in import rollout_plan

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def written() -> list[dict[str, Any]]:
    """Two runs as the cluster has them: one that was killed, and the one that went on with it."""
    view, settings = estate(), inventory()
    plan = rollout_plan(view, settings, EDGE, "r1", (), ())
    killed = Record(
        "r1",
        "rollout",
        "ann@laptop",
        ["charging"],
        "2026-01-01T00:00:00Z",
        asked={"take": []},
        baseline={"charging": {"Deployment/omni": Signals(inbound=Traffic(source="proxy metrics"))}},
        verdicts=[Line("Wave 1", Outcome.SUCCESSFUL, "ok")],
        stolen=Theft("bob@host", "2026-01-01T00:01:00Z", "it hangs"),
    )
    for step in plan.steps:
        manifests = {w.namespace + "/" + w.id: w.manifest for w in view.namespaces["charging"].workloads}
        seen = {
            name: {**each, "metadata": {**each["metadata"], "resourceVersion": "7"}}
            for name, each in manifests.items()
        }
        killed = made(intending(killed, step, seen), step, seen)
    headless = service("points", "points", headless=True)
    anew = [removed(headless), recreated(headless, headless=False)]
    other = Record(
        "r2",
        "rollout",
        "bob@host",
        ["charging"],
        "2026-01-01T01:00:00Z",
        continues=["r1"],
        pending=["inject:charging/Deployment/omni"],
    )
    step = plan.steps[0].__class__("services", "Services", "charging", anew)
    return [*objects_of(intending(other, step, {})), *objects_of(killed)]


WRITTEN = written()


def go_through(records: list[Record], view: ClusterView, settings: Settings) -> None:
    """All that a later run does with what it has read."""
    names = ["charging"]
    before = inherited(records, names)
    Since(view, before.entries).conflicts(change for entry in before.entries for change in [entry.change])
    fixed, _ = repaired(view, unmade(records, names))
    plan = rollout_plan(fixed, settings, EDGE, "r3", before.pending, before.answered)
    in_the_way(plan, Since(fixed, before.entries))
    previous_plan(fixed, settings, to_undo(records, names))
    previous_plan(fixed, settings, to_undo(records, names, "r1"), ["Deployment/omni"])
    resumption(records, names, Rule("rollback", 60, "fallback"), NOW)
    for record in records:
        taken_over(records, record)
    forgettable(records, 0)
    fingerprint(records)
    for record in records:
        json.dumps(run_detail(record))
        objects_of(record)
    json.dumps(before.baseline)


def test_a_journal_as_it_was_written_is_read_as_it_was() -> None:
    records = records_of(WRITTEN)
    assert [record.run_id for record in records] == ["r2", "r1"]
    assert [item for record in records for item in objects_of(record)] == WRITTEN
    go_through(records, estate(), inventory())


@hypothesis(max_examples=500, deadline=None)
@given(st.data())
def test_a_changed_journal_is_refused_and_never_acted_upon(data: st.DataObject) -> None:
    items = json.loads(json.dumps(WRITTEN))
    place = data.draw(st.sampled_from([(i, key) for i, item in enumerate(items) for key in item["data"]]))
    text = items[place[0]]["data"][place[1]]
    how = data.draw(st.sampled_from(["text", "gone", *(["value"] if place[1] != BASELINE else [])]))
    if how == "value":
        items[place[0]]["data"][place[1]] = json.dumps(mutated(data, json.loads(text)))
    elif how == "text":
        start = data.draw(st.integers(0, len(text) - 1))
        items[place[0]]["data"][place[1]] = text[:start] + data.draw(st.text(max_size=3)) + text[start + 1 :]
    else:
        del items[place[0]]["data"][place[1]]
    if items == WRITTEN:
        return
    with pytest.raises(Refused) as refusal:
        records_of(items)
    (problem,) = refusal.value.problems
    assert problem.code == "journal-unreadable" and "ConfigMap meshroll/run-r" in problem.message
    assert "after-an-interruption.md" in problem.hint


def test_a_run_of_another_version_is_refused_and_not_guessed_at() -> None:
    (head, *rest) = json.loads(json.dumps(WRITTEN))
    run = json.loads(head["data"][HEAD])
    for key, value in (("state", "dancing"), ("started_at", "yesterday"), ("command", "dancing")):
        data = {**head["data"], HEAD: json.dumps({**run, "run": {**run["run"], key: value}})}
        checked = {**head["metadata"], "annotations": {CHECKSUM: checksum(data)}}
        with pytest.raises(Refused, match=key):
            records_of([{**head, "metadata": checked, "data": data}, *rest])


def test_a_run_of_which_a_part_is_gone_is_refused() -> None:
    run = Record("r1", "rollout", "ann", ["charging"], "2026-01-01T00:00:00Z")
    change = rollout_plan(estate(), inventory(), EDGE, "r1", (), ()).steps[0].changes[0]
    objects = objects_of(msgspec.structs.replace(run, entries=[Entry("Wave", change)] * 120))
    assert [item["metadata"]["name"] for item in objects] == ["run-r1", "run-r1-2", "run-r1-3"]
    assert len(records_of(objects)[0].entries) == 120
    with pytest.raises(Refused, match="run-r1-2 is not there"):
        records_of([objects[0], objects[2]])
