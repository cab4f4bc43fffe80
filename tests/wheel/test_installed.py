"""The wheel and what it asks for, alone in an empty environment: the main job from an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from meshroll import __version__
from meshroll_sandbox.paths import cache_root

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.exhaustive
Run = Callable[..., str]


def surroundings(venv: Path, home: Path) -> Mapping[str, str]:
    """The environment of somebody who has nothing but the wheel, and the sandbox's programs built already."""
    own = Path(sys.executable).parent
    path = [each for each in os.environ["PATH"].split(os.pathsep) if Path(each) != own]
    strange = ("ANSIBLE_", "MESHROLL_", "PYTHON", "VIRTUAL_ENV", "XDG_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(strange)},
        "HOME": str(home),
        "PATH": os.pathsep.join([str(venv / "bin"), *path]),
        "XDG_CACHE_HOME": str(cache_root().parents[1]),
    }


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of the environment in a folder that has nothing but a sandbox, and gives what it prints."""
    folder = tmp_path_factory.mktemp("empty")
    venv, home, work, constraints = (folder / name for name in ("venv", "home", "work", "constraints.txt"))
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    home.mkdir()
    work.mkdir()
    # Without their hashes, which a wheel that was built just now does not have.
    pins = re.findall(r"^[a-z0-9._-]+==[^\s;]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints.write_text("\n".join(pins))
    environment = surroundings(venv, home)

    def run(program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [venv / "bin" / program, *arguments],
            cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("pip", "install", "--quiet", "--disable-pip-version-check", "-c", constraints, wheel)
    return run


@pytest.fixture(scope="module")
def inventory(run: Run) -> Iterator[str]:
    """The sandbox's, as `meshroll sandbox up` names it."""
    try:
        found = re.search(r"^Inventory +(\S+)$", run("meshroll", "sandbox", "up"), re.MULTILINE)
        assert found
        yield found.group(1)
    finally:
        assert "Stopped" in run("meshroll", "sandbox", "down")


def test_nothing_of_the_checkout_is_seen(run: Run) -> None:
    assert __version__ in run("meshroll", "--version")
    said = run("python", "-c", "import meshroll, meshroll_sandbox as s; print(meshroll.__file__, s.__file__)")
    assert str(ROOT) not in said


def test_ansible_finds_the_collection_and_those_that_it_needs(run: Run) -> None:
    for name in ("meshroll.linkerd.gate", "kubernetes.core.helm"):
        assert name in run("ansible-doc", "--list", name.rpartition(".")[0])


def test_the_main_job_and_its_way_back_by_playbook(run: Run, inventory: str) -> None:
    run("meshroll", "rollout", "-i", inventory, "-n", "charging")
    assert "charging" in run("meshroll", "status", "-i", inventory, "-n", "charging")
    run("ansible-playbook", "meshroll.linkerd.rollback", "-i", inventory, "-e", "meshroll_namespace=charging")
