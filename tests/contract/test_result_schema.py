"""docs/reference/result.schema.json describes what commands print with --output json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from meshroll.core.errors import STATUS, ExitCode, Problem
from meshroll.core.result import SCHEMA, envelope, with_cluster

ROOT = Path(__file__).parents[2]
RESULT_SCHEMA = json.loads((ROOT / "docs/reference/result.schema.json").read_text())
CLUSTER: dict[str, Any] = {
    "name": "sandbox",
    "outcome": "success",
    "exit_code": 0,
    "release": "edge-26.6.3",
    "kubernetes_version": "v1.35.4",
    "namespaces": [
        {
            "name": "charging",
            "injection": "enabled",
            "workloads": [
                {
                    "workload": "Deployment/omni",
                    "pods": 2,
                    "ready_pods": 2,
                    "meshed_pods": 2,
                    "release": "edge-26.6.3",
                    "sidecar": "native",
                    "reason": None,
                }
            ],
            "not_handled": [],
            "services": [],
        }
    ],
    "waves": [{"name": "first client", "workloads": ["Deployment/omni"], "changed": 1}],
    "gate": [],
    "changes": [],
    "plan": None,
    "summary": ["charging: 2 of 2 pods are meshed."],
    "next": None,
}


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
    entry = {**CLUSTER, "outcome": STATUS[code], "exit_code": int(code)}
    validate(with_cluster(empty, entry, [problem.as_dict()], "2026-01-01T00:01:00Z"))


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
