"""What proves that identity has a new issuer, and how the Secret holds it until then."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import pod, workload

from meshroll.core.identity import EXTERNAL, LINKERD, Layout
from meshroll.core.issuer_update import (
    DEPLOYMENT,
    RESTARTED_AT,
    SKIPPED,
    UNPROVED,
    UPDATED,
    Proof,
    proof,
    proved,
    put_back,
    renewed,
    restarted_since,
    unproved_since,
)
from meshroll.core.model import Pod, Workload

SINCE = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
OLD, NEW = -3600, 10
Json = dict[str, Any]


def at(seconds: float) -> str:
    return (SINCE + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def identity(replicas: int = 2, **how: Any) -> Workload:
    return workload(name=DEPLOYMENT, namespace="linkerd", replicas=replicas, **how)


def pods(*born: float, **how: Any) -> list[Pod]:
    found = [pod(identity(), index, **how) for index, _ in enumerate(born)]
    for each, seconds in zip(found, born, strict=True):
        dict(each.manifest)["metadata"]["creationTimestamp"] = at(seconds)
    return found


def event(seconds: float, reason: str = UPDATED, **fields: Any) -> Json:
    metadata = {"uid": f"{reason}{seconds}", "creationTimestamp": at(seconds)}
    return {
        "reason": reason,
        "message": "as it says",
        "metadata": metadata,
        "lastTimestamp": at(seconds),
        **fields,
    }


def test_every_older_pod_has_to_say_so() -> None:
    two = pods(OLD, OLD)
    assert proof(identity(), two, [event(1), event(2)], SINCE) == Proof("proved")
    waiting = proof(identity(), two, [event(1)], SINCE)
    assert waiting.state == "waiting"
    assert "1 of 2 pods of linkerd-identity" in waiting.message


def test_what_was_said_before_the_write_is_of_another_pair() -> None:
    assert proof(identity(), pods(OLD, OLD), [event(-5), event(-1)], SINCE).state == "waiting"


def test_an_event_that_is_counted_up_is_as_new_as_its_last_time() -> None:
    again = event(OLD)
    again["metadata"]["managedFields"] = [{"time": at(OLD)}, {"time": at(3)}]
    assert proof(identity(1), pods(OLD), [again], SINCE).state == "proved"


def test_the_api_servers_clock_counts_and_not_the_pods() -> None:
    ahead = event(-60, lastTimestamp=at(60))
    ahead["metadata"]["managedFields"] = [{"time": at(-60)}]
    assert proof(identity(1), pods(OLD), [ahead], SINCE).state == "waiting"


def test_pods_that_started_with_the_pair_need_not_say_so_once_they_are_ready() -> None:
    assert proof(identity(), pods(NEW, NEW), [], SINCE) == Proof("proved", restarted=True)
    coming = identity(2)
    dict(coming.manifest)["status"]["availableReplicas"] = 1
    waiting = proof(coming, [*pods(NEW), *pods(NEW, ready=False)], [], SINCE)
    assert (waiting.state, waiting.message) == ("waiting", "1 of 2 pods of linkerd-identity are Ready")


def test_a_pod_of_the_same_second_may_have_started_with_the_pair_before() -> None:
    assert proof(identity(1), pods(0), [], SINCE).state == "waiting"


def test_a_pod_that_ends_is_not_waited_for() -> None:
    assert proof(identity(), [*pods(OLD, ending=True), *pods(NEW, NEW)], [], SINCE).state == "proved"


def test_without_pods_nothing_is_proved() -> None:
    assert proof(identity(0), [], [], SINCE).state == "waiting"


def test_what_identity_says_against_it_is_passed_on() -> None:
    told = proof(identity(), pods(OLD, OLD), [event(1), event(2, SKIPPED)], SINCE)
    assert told == Proof("skipped", "as it says")
    assert proof(identity(1), pods(OLD), [event(-2, SKIPPED), event(1)], SINCE).state == "proved"


@given(
    born=st.lists(st.integers(-100, 100), max_size=4),
    said=st.lists(
        st.tuples(st.integers(-100, 100), st.sampled_from([UPDATED, SKIPPED, "Pulled"])), max_size=6
    ),
)
def test_it_is_proved_by_as_many_voices_as_there_are_older_pods_and_by_no_others(
    born: list[int], said: list[tuple[int, str]]
) -> None:
    events = [event(seconds, reason) for seconds, reason in said]
    found = proof(identity(len(born)), pods(*born), events, SINCE)
    voices = sum(seconds >= 0 and reason == UPDATED for seconds, reason in said)
    against = any(seconds >= 0 and reason == SKIPPED for seconds, reason in said)
    older = sum(seconds <= 0 for seconds in born)
    wanted = "skipped" if against else "proved" if born and voices >= older else "waiting"
    assert found.state == wanted
    assert found.restarted == (found.state == "proved" and older == 0)


def secret(layout: Layout = EXTERNAL) -> Json:
    data = {layout.certificate: "b2xkIGNydA==", layout.key: "b2xkIGtleQ==", "ca.crt": "Y2E="}
    metadata = {
        "name": "linkerd-identity-issuer",
        "resourceVersion": "7",
        "annotations": {"note": "mine"},
        "creationTimestamp": at(OLD),
    }
    return {"metadata": metadata, "data": data}


@pytest.mark.parametrize("layout", [EXTERNAL, LINKERD])
def test_the_pair_before_stays_beside_the_new_one_until_that_is_proved(layout: Layout) -> None:
    before = secret(layout)
    pair = {layout.certificate: "bmV3IGNydA==", layout.key: base64.b64encode(b"new key").decode()}
    written = renewed(before, layout, pair, "run-1")
    assert written["metadata"]["annotations"] == {"note": "mine", UNPROVED: "run-1"}
    assert written["metadata"]["resourceVersion"] == "7"
    assert put_back(written, layout) == before
    assert proved(written, layout) == {**before, "data": {**before["data"], **pair}}


def test_nothing_is_put_back_from_a_secret_that_holds_no_pair_before() -> None:
    assert put_back(secret(), EXTERNAL) is None


def test_a_pair_is_unproved_since_our_last_write_of_the_secret() -> None:
    found = secret()
    assert unproved_since(found) is None
    found["metadata"]["annotations"][UNPROVED] = "run-1"
    found["metadata"]["managedFields"] = [
        {"manager": "meshroll", "time": at(0)},
        {"manager": "kubectl", "time": at(50)},
    ]
    assert unproved_since(found) == SINCE


@pytest.mark.parametrize(
    ("value", "restarted"), [(None, False), (at(-5), False), (at(5), True), ("today", False)]
)
def test_it_is_restarted_once_for_a_pair(value: str | None, restarted: bool) -> None:
    found = identity(annotations={RESTARTED_AT: value} if value else None)
    assert restarted_since(found, SINCE) is restarted
