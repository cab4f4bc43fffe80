"""The file that says which faults are on."""

import json
from pathlib import Path
from typing import Any

import pytest

from meshroll_sandbox import faults
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.faults import Errors, ErrorsWithMesh, NoTraffic, Partition, SlowPod
from meshroll_sandbox.standins.traffic.service import FaultsFile

ALL = (
    Errors("charging/tariffs", 0.2),
    NoTraffic(),
    ErrorsWithMesh(0.5),
    ErrorsWithMesh(1, service="charging/tariffs"),
    SlowPod(200, pod="charging/tariffs-0"),
    SlowPod(0.5, service="charging/tariffs"),
    Partition(pod="charging/tariffs-0"),
    Partition(service="charging/tariffs"),
)


def test_faults_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert faults.read(tmp_path) == ()
    faults.write(tmp_path, ALL)
    assert faults.read(tmp_path) == ALL
    first = json.loads((tmp_path / "faults.json").read_text())["faults"][0]
    assert first == {"name": "errors", "service": "charging/tariffs", "ratio": 0.2}
    faults.write(tmp_path, ())
    assert faults.read(tmp_path) == ()


@pytest.mark.parametrize(
    "item",
    [
        {"name": "chaos"},
        {"name": "errors", "ratio": 0.2},
        {"name": "errors", "service": "tariffs", "ratio": 0.2},
        {"name": "errors", "service": "charging/tariffs", "ratio": 20},
        {"name": "errors", "service": "charging/tariffs", "ratio": "0.2"},
        {"name": "no-traffic", "service": "charging/tariffs"},
        {"name": "slow-pod", "milliseconds": 100},
        {"name": "slow-pod", "milliseconds": 100, "pod": "a/b", "service": "a/b"},
        {"name": "slow-pod", "milliseconds": -1, "pod": "a/b"},
        {"name": "slow-pod", "milliseconds": 100, "pod": "charging/"},
        {"name": "partition"},
        {"name": "partition", "pod": "a/b", "service": "a/b"},
    ],
)
def test_a_fault_that_cannot_be_is_refused(tmp_path: Path, item: dict[str, Any]) -> None:
    (tmp_path / "faults.json").write_text(json.dumps({"faults": [item]}))
    with pytest.raises(SandboxError):
        faults.read(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"faults": [1]}', '{"faults": [{}]}', '{"faults"'])
def test_a_file_that_is_no_list_of_faults_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "faults.json").write_text(content)
    with pytest.raises(SandboxError, match=r"faults\.json"):
        faults.read(tmp_path)


def test_what_is_refused_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SandboxError):
        faults.write(tmp_path, [Errors("tariffs", 0.2)])
    assert list(tmp_path.iterdir()) == []


def test_the_running_model_follows_the_file(tmp_path: Path) -> None:
    file = FaultsFile(tmp_path)
    assert file.read() == ()
    faults.write(tmp_path, ALL[:1])
    assert file.read() == ALL[:1]
    (tmp_path / "faults.json").write_text("nonsense")
    assert file.read() == ALL[:1], "it goes on with what it knew"
    (tmp_path / "faults.json").unlink()
    assert file.read() == ()
