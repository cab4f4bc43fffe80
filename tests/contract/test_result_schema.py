"""docs/reference/result.schema.json describes what commands print with --output json."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from unit.core.factories import EDGE, cluster, pods, service, settings, space, workload
from unit.core.release_cases import CATALOGUE, bounds, seen
from unit.scan.cluster import example, facts

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.accepted import Accepted
from meshroll.core.certificate_dates import Dated
from meshroll.core.configuration import told as told_settings
from meshroll.core.drill.model import HYPOTHESES, Drilled, Measures
from meshroll.core.errors import STATUS, ExitCode, Problem
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, WorkloadVerdict
from meshroll.core.journal import Entry, Record
from meshroll.core.outcome import Outcome as RunOutcome
from meshroll.core.release_answer import answer
from meshroll.core.releases import Edge
from meshroll.core.result import SCHEMA, envelope, with_cluster
from meshroll.core.roles import roles, subject_of
from meshroll.core.runs import run_rows
from meshroll.core.scan import Facts, Hidden
from meshroll.core.schedule import job_of
from meshroll.core.settings import Acceptance
from meshroll.core.status import cluster_status
from meshroll.core.summary import ended
from meshroll.core.uninstall import Kept, Removal
from meshroll.core.upgrade.calendar import Due
from meshroll.core.upgrade.deadlines import Deadline
from meshroll.core.upgrade.told import HopTold, UpgradeTold
from meshroll.core.way_in import rollout_plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/result.md").read_text()
CERTIFICATE = Dated(what="issuer", state="valid", not_after="2027-01-01T00:00:00Z", days_left=37)
REMOVAL = Removal(
    namespace="linkerd",
    crds=True,
    webhooks=["linkerd-proxy-injector-webhook-config"],
    helm_releases=["linkerd-control-plane", "linkerd-crds"],
    custom_resources={"Server.policy.linkerd.io": 2},
    keeps=[Kept("namespace linkerd", "kubectl delete namespace linkerd")],
    nothing_to_do=False,
)
DRILLED = Drilled(
    scenario="partition",
    workload="Deployment/omni",
    hypothesis=HYPOTHESES["partition"],
    outcome="held",
    why="no call failed",
    measures=Measures(source="callers' proxies", precision_seconds=2.0),
    seconds=12.0,
)
REHEARSED = {"command": "rollback", "run_id": "20260101t000000z-abcdef", "seconds": 41.0, "exit_code": 0}
UPGRADE = UpgradeTold(
    Due(
        state="due",
        release="edge-25.10.7",
        target="edge-26.6.3",
        since="2026-01-01T00:00:00Z",
        next_start="2026-01-02T02:00:00Z",
        why="An upgrade to edge-26.6.3 is due since 2026-01-01.",
        deadlines=(Deadline("the issuer", "2027-01-01T00:00:00Z", True),),
    ),
    [HopTold("edge-25.10.7", "edge-26.6.3", "planned")],
)
RESULT_SCHEMA = json.loads((ROOT / "docs/reference/result.schema.json").read_text())


def cluster_entry(code: ExitCode = ExitCode.SUCCESS) -> dict[str, Any]:
    """A cluster's entry as a rollout makes it: every list in it has something."""
    omni = workload(env={"DIAL_MODE": "per_request", "TARGET": "dns:///points.charging:80"})
    points = workload("StatefulSet", "points")
    view = cluster(
        space(
            omni,
            points,
            pods_seen=[*pods(omni, proxy="native"), *pods(points)],
            services=[service("points", "points", headless=True)],
        )
    )
    dial = [{"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"}]
    client = {"workload": "Deployment/omni", "service": "points", "dial": dial, "manual": "Set the flag."}
    wanted = settings({"name": "charging", "services": [{"name": "points"}], "clients": [client]})
    plan = rollout_plan(view, wanted, EDGE, "20260101t000000z-abcdef", (), ())
    plan = msgspec.structs.replace(plan, notes=["Linkerd is installed first."], not_handled=["Pod/alone"])
    record = Record(
        run_id="20260101t000000z-abcdef",
        command="rollout",
        holder="somebody@somewhere",
        namespaces=["charging"],
        started_at="2026-01-01T00:00:00Z",
        asked={"accepted": msgspec.to_builtins([Accepted("app-protocol", "It is hit.", "It is well.")])},
        entries=[Entry("Wave 1", change) for change in plan.changes()],
    )
    finding = Finding(signal="success_ratio", text="success 100 %", outcome=Outcome.SUCCESSFUL, value=1.0)
    judged = WorkloadVerdict(workload="Deployment/omni", outcome=finding.outcome, findings=(finding,))
    verdict = Verdict(outcome=Outcome.SUCCESSFUL, summary="Successful.", workloads=(judged,))
    entry = ended(
        "sandbox",
        RunOutcome(code, (), False),
        record,
        plan,
        cluster_status(view),
        "rollout",
        False,
        [verdict.as_dict()],
    )
    releases, _ = answer(
        CATALOGUE,
        bounds(kubernetes="v1.32.1"),
        breaking_changes(),
        seen(Edge(25, 4, 4), "v1.1.1", scanned_cluster()),
        [Acceptance(id=each, reason="It is well.") for each in ("control-plane-port-names", "app-protocol")],
    )
    refused, _ = answer(CATALOGUE, bounds(), breaking_changes(), seen(Edge(26, 8, 3), "v1.1.1"))
    releases["hops_refused"] = refused["hops_refused"]
    told = {
        "runs": run_rows([record]),
        "certificates": msgspec.to_builtins([CERTIFICATE]),
        "releases": releases,
        "removal": msgspec.to_builtins(REMOVAL),
        "settings": msgspec.to_builtins(told_settings(wanted, {}, {}, {})),
        "schedule": msgspec.to_builtins(job_of(wanted, "prod-eu", subject_of("ci/mesh", None, None))),
        "rbac": {
            "command": "status",
            "notes": ["-"],
            "objects": roles("status", wanted, subject_of("ci/mesh", None, None)),
        },
        "upgrade": msgspec.to_builtins(UPGRADE),
        "drills": [msgspec.to_builtins(DRILLED)],
        "rehearsal": [REHEARSED],
    }
    read: dict[str, Any] = json.loads(json.dumps({**entry, **told}))
    return read


def scanned_cluster() -> Facts:
    """Where something is hit, something could not be seen, and there is an extension."""
    viz = {"kind": "Namespace", "metadata": {"name": "viz", "labels": {"linkerd.io/extension": "viz"}}}
    planted = [
        each
        for name in ("control-plane-port-names", "native-sidecar-default")
        for each in example(name, "hit").objects
    ]
    found = facts([*planted, viz])
    return replace(found, listed={**found.listed, "servers": Hidden("this account may not read servers")})


def strict(schema: Any) -> Any:
    """The schema, with every key that it does not name refused."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    return {**closed, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else closed


def validate(result: dict[str, Any]) -> None:
    jsonschema.validate(result, RESULT_SCHEMA, format_checker=jsonschema.FormatChecker())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(RESULT_SCHEMA)
    assert RESULT_SCHEMA["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_makes_a_valid_result(code: ExitCode) -> None:
    problem = Problem("some-code", "It failed.", "Do this.", "sandbox", "charging", "Deployment/omni")
    empty = envelope(
        command="rollout",
        version="0.1.0",
        run_id="20260101t000000z-abcdef",
        started_at="2026-01-01T00:00:00Z",
        finished_at=None,
        exit_code=code,
        data={},
        errors=[problem.as_dict()],
    )
    validate(empty)
    validate(with_cluster(empty, cluster_entry(code), [problem.as_dict()], "2026-01-01T00:01:00Z"))


def test_schema_and_page_name_every_key_of_a_result() -> None:
    entry = cluster_entry()
    empty = envelope(
        command="rollout",
        version="0.1.0",
        run_id=None,
        started_at="2026-01-01T00:00:00Z",
        finished_at=None,
        exit_code=0,
        data={},
    )
    jsonschema.validate(with_cluster(empty, entry, [], "2026-01-01T00:01:00Z"), strict(RESULT_SCHEMA))
    told = entry["releases"]
    hop = told["hops"][-1]
    for key in (
        *entry,
        *entry["control_plane"],
        *entry["plan"],
        *entry["changes"][0],
        *entry["accepted"][0],
        *entry["runs"][0],
        *entry["certificates"][0],
        *entry["settings"][0],
        *entry["rbac"],
        *entry["schedule"],
        *entry["schedule"]["starts"][0],
        *entry["drills"][0],
        *entry["drills"][0]["measures"],
        *entry["rehearsal"][0],
        *told,
        *told["releases"][0],
        *hop,
        *hop["needs"][0],
        *hop["breaking_changes"][0],
        *hop["extensions"][0],
    ):
        assert f"`{key}`" in PAGE or f"`{key}[]`" in PAGE, key


def test_the_entry_that_is_compared_leaves_no_list_empty() -> None:
    entry = cluster_entry()
    (namespace,) = entry["namespaces"]
    for filled in (
        entry["waves"],
        entry["gate"],
        entry["changes"],
        entry["accepted"],
        entry["runs"],
        entry["plan"]["steps"],
    ):
        assert filled
    assert entry["releases"]["hops_refused"]
    assert all(hop["needs"] and hop["breaking_changes"] for hop in entry["releases"]["hops"])
    assert any(hop["one_way_doors"] for hop in entry["releases"]["hops"])
    assert all(hop["extensions"] for hop in entry["releases"]["hops"])
    changes = [change for hop in entry["releases"]["hops"] for change in hop["breaking_changes"]]
    assert {"hit", "accepted", "clear", "unseen", "not_looked_for"} == {change["state"] for change in changes}
    assert entry["releases"]["notes"]
    assert namespace["workloads"]
    assert namespace["services"]
    assert any(step["pause"] for step in entry["plan"]["steps"])


def test_the_schema_refuses_what_is_no_result() -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({"schema": SCHEMA})
    assert RESULT_SCHEMA["properties"]["exit_code"]["enum"] == [int(code) for code in ExitCode]
    assert set(RESULT_SCHEMA["properties"]["status"]["enum"]) == set(STATUS.values())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["rollout", "--no-such-option"], 2),
        (["status"], 2),
        (["status", "-i", "no/such/inventory"], 2),
        (["sandbox", "status", "--folder", "no-such-folder"], 0),
        (["drill", "all", "--approach", "all"], 0),
        (["drill", "undo", "--approach", "mesh"], 2),
        (["sandbox", "fault", "no-traffic", "--folder", "no-such-folder"], 3),
    ],
)
def test_json_is_one_valid_object_and_nothing_else(words: list[str], code: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from meshroll.app import main; main()", *words, "--output", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    validate(json.loads(done.stdout))
