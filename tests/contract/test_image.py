"""Dockerfile and execution-environment.yml fit what `meshroll schedule` prints, and one another."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from ansible_builder.ee_schema import validate_schema

from meshroll import __version__
from meshroll.render.schedule.cronjob import HOME, USER_ID, WITHOUT_AN_ACCOUNT
from meshroll_sandbox.toolspecs import TOOLS

ROOT = Path(__file__).parents[2]
STAGES = re.split(r"^(?=FROM )", (ROOT / "Dockerfile").read_text().replace("\\\n", " "), flags=re.MULTILINE)
LAST = STAGES[-1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENVIRONMENT: dict[str, Any] = yaml.safe_load((ROOT / "execution-environment.yml").read_text())


def test_images_that_it_is_made_from_can_be_named_by_digest_and_have_a_version() -> None:
    given = dict(re.findall(r"^ARG (\w+)=(\S+)$", STAGES[0], re.MULTILINE))
    for stage in STAGES[1:]:
        named = re.match(r"FROM \$\{(\w+)\}", stage)
        assert named, stage.splitlines()[0]
        assert re.search(r":\d+\.\d+", given[named[1]])


def test_it_runs_as_the_user_and_with_the_home_that_the_job_has() -> None:
    assert f"USER {USER_ID}:{USER_ID}\n" in LAST
    for name, value in {"HOME": HOME, **WITHOUT_AN_ACCOUNT}.items():
        assert f'{name}="{value}"' in LAST
    assert ENVIRONMENT["options"]["user"] == str(USER_ID)


def test_image_and_package_have_one_version() -> None:
    assert f"ARG VERSION={__version__}\n" in LAST
    assert ENVIRONMENT["images"]["base_image"]["name"] == f"meshroll:{__version__}"


def test_python_is_the_oldest_that_the_package_takes_as_requirements_lock_is_made_for_that() -> None:
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"ARG PYTHON_IMAGE=python:{oldest}-" in STAGES[0]


def test_helm_is_built_of_what_the_tests_run_with() -> None:
    (helm,) = (tool for tool in TOOLS if tool.name == "helm")
    assert "COPY sandbox/tools/helm/go.mod sandbox/tools/helm/go.sum ./" in STAGES[1]
    assert helm.binaries[0].package in STAGES[1]
    go = re.search(r"^go (\d+\.\d+)", (ROOT / "sandbox/tools/helm/go.mod").read_text(), re.MULTILINE)
    assert go
    assert f"ARG GO_IMAGE=golang:{go[1]}-" in STAGES[0]


def test_the_wheel_gets_everything_that_it_is_built_of_and_the_image_nothing_else() -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {*wheel["packages"], *wheel["force-include"], *PROJECT["project"]["license-files"]}
    for path in wanted:
        assert any(path == each or path.startswith(f"{each}/") for each in taken), path
    needed = {"pyproject.toml", "requirements.lock"}
    for path in taken - needed:
        assert any(each == path or each.startswith(f"{path}/") for each in wanted), path
        assert (ROOT / path).exists()


def test_nothing_is_installed_without_its_hash() -> None:
    installs = [line for line in re.split(r"&&|\n", "".join(STAGES)) if "pip install" in line]
    assert len(installs) == 2
    assert all("--no-index --find-links /wheels" in line for line in installs)
    (download,) = [line for line in "".join(STAGES).splitlines() if "pip download" in line]
    assert {"--require-hashes", "--no-deps", "requirements.lock"} <= {*download.split()}


def test_the_execution_environment_is_one_to_ansible_builder(tmp_path: Path) -> None:
    validate_schema(yaml.safe_load((ROOT / "execution-environment.yml").read_text()))
    builder = Path(sys.executable).with_name("ansible-builder")
    create = [builder, "create", "-f", ROOT / "execution-environment.yml", "-c", tmp_path / "context"]
    done = subprocess.run(
        [*create, "--output-filename", "Containerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "context/Containerfile").read_text()
    assert "ENV ANSIBLE_CALLBACKS_ENABLED=meshroll.linkerd.events\n" in written
    assert 'ARG PYCMD="/opt/meshroll/bin/python"\n' in written
    assert "COPY --from=package /opt/meshroll /opt/meshroll\n" in LAST
