"""Whole runs as a journal and its recordings remember them: gates that watched traffic made up here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from meshroll.core.changes import Change, Field
from meshroll.core.gate.evenness import Evenness, evenness
from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.recording import Recording, recorded
from meshroll.core.gate.signals import PROXIES, Past, Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import Entry, Line, Record, Seen
from meshroll.core.settings import Gate, Prometheus

RUN = "20261124t200539z-6f2330"
BEGAN_AT = "2026-11-24T20:05:39Z"
BEGAN = datetime.fromisoformat(BEGAN_AT).timestamp()
BLOCK, SETTLE, RESTART = 30.0, 30.0, 40.0
APPLICATIONS = "application metrics (go-grpc-prometheus)"
GATE = Gate(window_seconds=240, window_max_seconds=600, interval_seconds=BLOCK, settle_seconds=SETTLE)
CALLER, SERVER = "Deployment/omni", "StatefulSet/voltnet-omnicharge-points"
INJECT = "/spec/template/metadata/annotations/linkerd.io~1inject"

Faults = Callable[[int, str], dict[str, float]]
"""Block of the gate, workload -> what is other than it should be: ``success`` and ``slow`` ratios."""


def traffic(
    per_second: float, seconds: float, source: str = PROXIES, success: float = 0.9999, slow: float = 0.002
) -> Traffic:
    """Most take 10 to 50 ms, the ``slow`` ones 500 to 1000 ms."""
    count = per_second * seconds
    quick = count * (1 - slow)
    buckets = {"10": quick * 0.2, "50": quick, "100": quick, "500": quick, "1000": count, "inf": count}
    return Traffic(
        source=source,
        seconds=seconds,
        requests=count,
        responses=count,
        failures=count * (1 - success),
        buckets=buckets,
    )


def load(workload: str, shares: tuple[float, ...], total: float) -> Evenness | None:
    name = workload.split("/")[1]
    pods = {f"{name}-{number}": share * total for number, share in enumerate(shares)}
    return evenness(pods, list(pods), (), "requests", "callers' proxies")


def past(ratio: float) -> Past:
    return Past(ratio=ratio, upper=ratio * 1.5, clusters=1.0, swings=0.3)


def before(workloads: dict[str, float], source: str) -> dict[str, Signals]:
    """The baseline by workload: pinned to one pod of three."""
    known = {"failed": past(0.0002), "50": past(0.004), "500": past(0.002)}
    return {
        workload: Signals(
            **{direction(workload): msgspec.structs.replace(traffic(per_second, 600.0, source), past=known)},
            load=load(workload, (0.96, 0.02, 0.02), 1000.0) if workload == SERVER else None,
        )
        for workload, per_second in workloads.items()
    }


def direction(workload: str) -> str:
    return "outbound" if workload == CALLER else "inbound"


def gate(
    wave: str,
    subjects: dict[str, float],
    seen: dict[str, float],
    baseline: dict[str, Signals],
    since: float,
    faults: Faults = lambda *_: {},
    down: tuple[int, ...] = (),
    unscraped: tuple[int, ...] = (),
    told: Callable[[float], Traffic] | None = None,
) -> Recording:
    """A gate that judges ``subjects`` and sees traffic of all in ``seen`` (workload -> requests/s), begun at ``since``.

    In the blocks of ``down`` nothing could be measured, in those of ``unscraped`` no proxy was scraped.
    """
    watch = Observation(GATE, Prometheus(url="http://p", scrape_interval_seconds=10.0), baseline, wave)
    measured = since
    for number in range(1, 100):
        at = since + number * BLOCK
        reading = None
        if number not in down:
            reading = _reading(seen, number, at, at - measured, faults, told)
            if number in unscraped:
                reading = msgspec.structs.replace(reading, target_up={})
            else:
                measured = at
        look = Look(
            elapsed_seconds=number * BLOCK,
            subjects=tuple(_subject(workload) for workload in subjects) if reading else (),
            reading=reading,
            problem="" if reading else "Prometheus does not answer",
        )
        if verdict := watch.looked(look):
            return recorded(watch, "charging", verdict)
    raise AssertionError("no verdict")


def _subject(workload: str) -> Subject:
    pods = tuple(f"{workload.split('/')[1]}-{number}" for number in range(3))
    return Subject(
        workload=workload,
        pods=pods,
        meshed_pods=pods,
        traffic_expected=True,
        evenness_expected=workload == SERVER,
        mesh_expected=True,
    )


def _reading(
    seen: dict[str, float],
    number: int,
    at: float,
    seconds: float,
    faults: Faults,
    told: Callable[[float], Traffic] | None = None,
) -> Reading:
    pods = [pod for workload in seen for pod in _subject(workload).pods]
    wobble = 1 + 0.05 * ((number * 7) % 5 - 2)
    return Reading(
        at_seconds=at,
        window_seconds=seconds,
        signals={
            workload: Signals(
                **{direction(workload): traffic(per_second * wobble, seconds, **faults(number, workload))},
                load=load(workload, (0.36, 0.34, 0.30), per_second * seconds),
                meshed_pair_requests=per_second * seconds,
                mtls_requests=per_second * seconds,
                told=told(seconds) if told else None,
            )
            for workload, per_second in seen.items()
        },
        target_up=dict.fromkeys(pods, True),
        scrape_age_seconds=dict.fromkeys(pods, 1.0),
    )


def line(recording: Recording) -> Line:
    verdict = recording.verdict
    return Line(verdict.wave, verdict.outcome, verdict.summary, 1)


def inject(workload: str, step: str) -> Entry:
    kind, name = workload.split("/")
    change = Change(kind, "charging", name, "patch", "its pods get a proxy", [Field(INJECT, None, "enabled")])
    return Entry(step, change, Seen("1", "a"), Seen("2", "a"))


def run(recordings: list[Recording], baseline: dict[str, Signals], **more: object) -> Record:
    return Record(
        **{
            "run_id": RUN,
            "command": "rollout",
            "holder": "ada@laptop",
            "namespaces": ["charging"],
            "started_at": BEGAN_AT,
            "finished_at": "2026-11-24T20:19:02Z",
            "state": "succeeded",
            "release": "edge-26.6.3",
            "verdicts": [line(each) for each in recordings],
            "baseline": {"charging": baseline},
            "entries": [
                inject(workload, each.verdict.wave)
                for each in recordings
                for workload in (judged.workload for judged in each.verdict.workloads)
            ],
            **more,
        }
    )


Run = tuple[Record, list[Recording | None]]


def good(source: str = PROXIES, down: tuple[int, ...] = (), unscraped: tuple[int, ...] = ()) -> Run:
    """Two waves, both Successful."""
    rates = {CALLER: 120.0, SERVER: 120.0}
    baseline = before(rates, source)
    first = gate(
        f"Wave 1 of 2: {CALLER}",
        {CALLER: 120.0},
        rates,
        baseline,
        BEGAN + RESTART + SETTLE,
        down=down,
        unscraped=unscraped,
    )
    then = first.looks[-1].elapsed_seconds + first.began_at_seconds + RESTART + SETTLE
    second = gate(f"Wave 2 of 2: {SERVER}", {SERVER: 120.0}, rates, baseline, then)
    recordings = [first, second]
    assert {each.verdict.outcome for each in recordings} == {Outcome.SUCCESSFUL}
    return run(recordings, baseline), [*recordings]


def rolled_back(faults: Faults | None = None) -> Run:
    """The second wave's server fails one request in twenty from its third block on."""

    def failing(number: int, workload: str) -> dict[str, float]:
        return {"success": 0.95, "slow": 0.03} if workload == SERVER and number >= 3 else {}

    rates = {CALLER: 120.0, SERVER: 120.0}
    baseline = before(rates, PROXIES)
    first = gate(f"Wave 1 of 2: {CALLER}", {CALLER: 120.0}, rates, baseline, BEGAN + RESTART + SETTLE)
    then = first.looks[-1].elapsed_seconds + first.began_at_seconds + RESTART + SETTLE
    second = gate(f"Wave 2 of 2: {SERVER}", {SERVER: 120.0}, rates, baseline, then, faults or failing)
    recordings = [first, second]
    assert recordings[-1].verdict.outcome == Outcome.FAILED
    record = run(recordings, baseline, state="rolled_back", heading="back", to="fallback")
    return record, [*recordings]


def suffering() -> Run:
    """One wave whose server fails; so do the calls of its caller, which has more traffic."""
    rates = {CALLER: 300.0, SERVER: 120.0}
    recording = gate(
        "Wave 1 of 1: all", rates, rates, {}, BEGAN + RESTART + SETTLE, lambda *_: {"success": 0.5}
    )
    assert recording.verdict.outcome == Outcome.FAILED
    return run([recording], {}, state="rolled_back"), [recording]


def told_slow() -> Run:
    """One wave whose server is slow only by what the inventory's own queries count."""
    queries = "meshroll_gate.application_queries"
    rates = {SERVER: 120.0}
    known = before(rates, PROXIES)
    past_of = known[SERVER].inbound
    assert past_of
    told = msgspec.structs.replace(past_of, source=queries)
    known = {SERVER: msgspec.structs.replace(known[SERVER], told=told)}
    recording = gate(
        f"Wave 1 of 1: {SERVER}",
        rates,
        rates,
        known,
        BEGAN + RESTART + SETTLE,
        told=lambda seconds: traffic(120.0, seconds, queries, slow=0.2),
    )
    assert recording.verdict.outcome == Outcome.FAILED
    return run([recording], known, state="rolled_back"), [recording]


def large(workloads: int = 500) -> Run:
    """One wave of many workloads with little traffic each."""
    rates = {f"Deployment/service-{number:03}": 5.0 + number for number in range(workloads)}
    recording = gate("Wave 1 of 1: everything", rates, rates, {}, BEGAN + RESTART + SETTLE)
    return run([recording], {}), [recording]
