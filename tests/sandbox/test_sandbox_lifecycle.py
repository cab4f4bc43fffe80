"""A sandbox comes up and goes again whatever happened to it; not the shared one: its processes get killed."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshroll_sandbox import estate, processes
from meshroll_sandbox.cluster import down, up
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.locks import exclusive
from meshroll_sandbox.parts import PART_NAMES
from meshroll_sandbox.paths import SandboxFolder
from meshroll_sandbox.status import Status, status

pytestmark = pytest.mark.exhaustive


def quiet(line: str) -> None:
    """Swallows what `up` and `down` say."""


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a sandbox that is up, and that tests may break."""
    folder = tmp_path_factory.mktemp("mortal") / "sandbox"
    try:
        up(folder, quiet)
        yield folder
    finally:
        down(folder, quiet)


def pids(found: Status) -> dict[str, int | None]:
    return {process.name: process.pid for process in found.processes}


def kill(folder: Path, *names: str) -> None:
    """Kill processes of the sandbox by pid, and wait until they are gone."""
    doomed = [process for process in status(folder).processes if process.name in names]
    for process in doomed:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(process.alive for process in status(folder).processes if process.name in names):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def resource(folder: Path, kind: str) -> Any:
    """The API of one core kind in the sandbox."""
    return estate.connect(SandboxFolder.of(folder)).resources.get(api_version="v1", kind=kind)


def make_config_map(folder: Path, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    resource(folder, "ConfigMap").create(body=body, namespace="default")


def works(folder: Path) -> bool:
    """Whether a deleted pod comes back Ready, which takes all of the control plane and KWOK."""
    api = resource(folder, "Pod")
    pricing = {"namespace": "charging", "label_selector": "app.kubernetes.io/name=pricing"}
    old = {pod.metadata.uid for pod in api.get(**pricing).items}
    api.delete(**pricing)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pod in api.get(**pricing).items:
            conditions = {one.type: one.status for one in pod.status.conditions or []}
            if pod.metadata.uid not in old and conditions.get("Ready") == "True":
                return True
        time.sleep(0.1)
    return False


def test_comes_up_and_goes_without_a_trace(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    found = up(folder, quiet)
    try:
        assert found.condition == "up"
        assert [process.name for process in found.processes] == list(PART_NAMES)
        assert works(folder)
    finally:
        result = down(folder, quiet)
    assert result.removed
    assert result.stopped >= len(PART_NAMES)
    assert list(tmp_path.iterdir()) == []
    assert processes.of_folder(folder) == []
    assert status(folder).condition == "down"


def test_up_twice_changes_nothing_and_says_so(mortal: Path) -> None:
    before = status(mortal)
    said: list[str] = []
    assert up(mortal, said.append) == before
    assert said == [f"The sandbox in {mortal} is already up."]


@pytest.mark.parametrize("name", PART_NAMES)
def test_whatever_was_killed_is_started_again_alone(mortal: Path, name: str) -> None:
    before = pids(status(mortal))
    kill(mortal, name)
    assert status(mortal).condition == "broken"
    said: list[str] = []
    after = up(mortal, said.append)
    assert said[0] == f"Starting again: {name}"
    assert after.condition == "up"
    assert {other for other, pid in pids(after).items() if pid != before[other]} == {name}
    assert works(mortal)


def test_everything_killed_at_once_comes_back_with_its_data(mortal: Path) -> None:
    make_config_map(mortal, "kept")
    kill(mortal, *PART_NAMES)
    assert up(mortal, quiet).condition == "up"
    assert works(mortal)
    assert resource(mortal, "ConfigMap").get(name="kept", namespace="default")


def test_lost_state_leaves_no_process_behind_and_keeps_the_data(mortal: Path) -> None:
    before = {pid for pid in pids(status(mortal)).values() if pid}
    make_config_map(mortal, "kept-as-well")
    # What belongs to whoever works with the estate must not be put back either.
    theirs = {"name": "sessions-gateway", "namespace": "charging"}
    resource(mortal, "ConfigMap").patch(
        body={"data": {"DIAL_MODE": "pooled"}}, content_type="application/merge-patch+json", **theirs
    )
    state = SandboxFolder.of(mortal).state
    state.write_text(state.read_text()[:100])
    assert up(mortal, quiet).condition == "up"
    assert before.isdisjoint(one.pid for one in processes.of_folder(mortal))
    assert works(mortal)
    assert resource(mortal, "ConfigMap").get(name="kept-as-well", namespace="default")
    assert resource(mortal, "ConfigMap").get(**theirs).data["DIAL_MODE"] == "pooled"


def test_port_that_someone_took_meanwhile_moves_the_sandbox(mortal: Path) -> None:
    before = status(mortal).connection
    kill(mortal, "prometheus")
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        assert before
        squatter.bind(("127.0.0.1", int(before.prometheus_url.rpartition(":")[2])))
        squatter.listen()
        after = up(mortal, quiet)
    assert after.condition == "up"
    assert after.connection
    assert after.connection.prometheus_url != before.prometheus_url
    assert (
        after.connection.prometheus_url
        in (SandboxFolder.of(mortal).inventory / "host_vars" / "sandbox" / "connection.yml").read_text()
    )
    assert works(mortal)


def test_a_second_command_is_refused_while_one_works(mortal: Path) -> None:
    commands: list[Callable[[], object]] = [lambda: up(mortal, quiet), lambda: down(mortal, quiet)]
    with exclusive(SandboxFolder.of(mortal)):
        for command in commands:
            with pytest.raises(SandboxError, match="another `meshroll sandbox` command"):
                command()
    assert status(mortal).condition == "up"


def test_process_that_cannot_start_is_named_with_the_end_of_its_log(mortal: Path) -> None:
    kill(mortal, "prometheus")
    data = SandboxFolder.of(mortal).prometheus_data
    aside = data.rename(data.with_name("aside"))
    data.write_text("not a folder")
    try:
        with pytest.raises(
            SandboxError, match=r"(?s)^prometheus ended while it was starting:\n.*not a directory"
        ):
            up(mortal, quiet)
    finally:
        data.unlink()
        aside.rename(data)
    assert up(mortal, quiet).condition == "up"


@pytest.mark.parametrize("keep", [0, 100])
def test_down_after_kills_and_a_half_written_state_leaves_nothing(tmp_path: Path, keep: int) -> None:
    folder = tmp_path / "sandbox"
    up(folder, quiet)
    try:
        kill(folder, "etcd", "kwok")
        state = SandboxFolder.of(folder).state
        state.write_text(state.read_text()[:keep])
    finally:
        down(folder, quiet)
    assert processes.of_folder(folder) == []
    assert list(tmp_path.iterdir()) == []


def test_processes_of_a_folder_that_was_removed_by_hand_are_stopped(tmp_path: Path) -> None:
    layout = SandboxFolder.of(tmp_path / "sandbox")
    environment = {processes.FOLDER_VARIABLE: str(layout.root)}
    record = processes.spawn(["/bin/sleep", "60"], tmp_path / "log", environment)
    assert down(layout.root, quiet).stopped == 1
    assert not processes.is_alive(record)


def test_every_process_listens_on_loopback_only(mortal: Path) -> None:
    ports = set(json.loads(SandboxFolder.of(mortal).state.read_text())["ports"].values())
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == "0A" and int(port, 16) in ports:  # 0A: LISTEN
                listening[int(port, 16)] = address
    assert set(listening.values()) == {"0100007F"}  # 127.0.0.1 in host byte order
