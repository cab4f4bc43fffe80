"""The inventory plugin against moto's AWS, run by Ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from unit.eks.conftest import REGION, ROLE, create

from meshroll.core.settings import Eks, parse
from meshroll.paths import collections_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clusters.eks.yml"


def ansible_inventory(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`ansible-inventory --list` of a file or folder."""
    return subprocess.run(
        [sys.executable, "-m", "ansible", "inventory", "-i", str(place), "--list", *words],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            "ANSIBLE_LOCAL_TEMP": str(place.parent / "tmp"),
        },
        cwd=place.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def read(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(
        done.stdout, object_hook=lambda item: item.get("__ansible_unsafe", item)
    )
    return found


def hosts_of(place: Path) -> dict[str, Any]:
    """Hosts of an inventory with their variables."""
    known: dict[str, Any] = read(ansible_inventory(place))["_meta"]["hostvars"]
    return known


def ask(file: Path, *words: str, **wanted: Any) -> subprocess.CompletedProcess[str]:
    """What Ansible makes of a file of the plugin with these options."""
    content = {"plugin": "meshroll.linkerd.eks", "regions": [REGION], **wanted}
    file.write_text(yaml.safe_dump(content))
    return ansible_inventory(file, *words)


def listed(file: Path, *words: str, **wanted: Any) -> dict[str, Any]:
    return read(ask(file, *words, **wanted))


def test_clusters_are_hosts_that_meshroll_reaches_and_tags_are_groups(moto: str, file: Path) -> None:
    create("prod-eu", environment="production", **{"aws:made-by": "aws"})
    create("dev-eu", environment="dev")
    create("prod-us", region="us-east-1", environment="production", team="mesh & more")
    found = listed(file, regions=[REGION, "us-east-1"], tags={"environment": ["production", "staging"]})
    known = found["_meta"]["hostvars"]
    assert set(known) == {"prod-eu", "prod-us"}
    assert parse(known["prod-us"]).cluster.eks == Eks(
        name="prod-us", region="us-east-1", account="123456789012"
    )
    assert (known["prod-eu"]["eks_kubernetes_version"], known["prod-eu"]["eks_status"]) == ("1.33", "ACTIVE")
    assert found["tag_environment_production"]["hosts"] == ["prod-eu", "prod-us"]
    assert found["tag_team_mesh___more"]["hosts"] == ["prod-us"]
    assert not [name for name in found if name.startswith("tag_aws")]


def test_an_account_is_looked_into_with_its_role_and_its_hosts_are_reached_with_it(
    moto: str, file: Path
) -> None:
    create("own")
    create("theirs", role_arn=ROLE)
    known = listed(file, role_arns=[ROLE])["_meta"]["hostvars"]
    assert set(known) == {"theirs"}
    assert parse(known["theirs"]).cluster.eks == Eks(
        name="theirs", region=REGION, account="222222222222", role_arn=ROLE
    )
    assert known["theirs"]["eks_account"] == "222222222222"


def test_what_ansible_constructs_goes_by_the_clusters_variables(moto: str, file: Path) -> None:
    create("prod-eu", environment="production")
    found = listed(
        file,
        keyed_groups=[{"key": "eks_region", "prefix": "region"}],
        compose={"minor": "eks_kubernetes_version.split('.')[1] | int"},
        groups={"mine": "eks_tags.environment == 'production'"},
        strict=True,
    )
    assert found["region_eu_central_1"]["hosts"] == ["prod-eu"]
    assert found["mine"]["hosts"] == ["prod-eu"]
    assert found["_meta"]["hostvars"]["prod-eu"]["minor"] == 33


def test_what_somebody_wrote_into_a_tag_is_never_run(moto: str, file: Path, tmp_path: Path) -> None:
    planted = f"{{{{ lookup('ansible.builtin.pipe', 'touch {tmp_path}/run') }}}}"
    create("prod-eu", note=planted)
    found = listed(file, compose={"copy": "eks_tags.note ~ ''"})
    assert found["_meta"]["hostvars"]["prod-eu"]["copy"] == planted
    assert not (tmp_path / "run").exists()


def test_a_cache_answers_until_it_is_flushed(moto: str, file: Path, tmp_path: Path) -> None:
    cached = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
    }
    create("first")
    assert set(listed(file, **cached)["_meta"]["hostvars"]) == {"first"}
    boto3.client("eks", REGION).delete_cluster(name="first")
    create("second")
    assert set(listed(file, **cached)["_meta"]["hostvars"]) == {"first"}
    assert set(listed(file, "--flush-cache", **cached)["_meta"]["hostvars"]) == {"second"}
    assert set(listed(file, **cached)["_meta"]["hostvars"]) == {"second"}


def test_a_cache_answers_the_same_question_only(
    moto: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
    }
    create("first", env="prod")
    create("second", region="us-east-1")
    assert set(listed(file, **cached)["_meta"]["hostvars"]) == {"first"}
    both = listed(file, regions=[REGION, "us-east-1"], **cached)
    assert set(both["_meta"]["hostvars"]) == {"first", "second"}
    assert listed(file, tags={"env": "dev"}, **cached)["_meta"]["hostvars"] == {}
    boto3.client("eks", REGION).delete_cluster(name="first")
    (tmp_path / "aws").write_text("[profile other]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert listed(file, **cached)["_meta"]["hostvars"] == {}
    monkeypatch.delenv("AWS_PROFILE")
    assert set(listed(file, **cached)["_meta"]["hostvars"]) == {"first"}
    for written in (tmp_path / "cache").iterdir():
        written.write_text(written.read_text().replace("arn", "as_another_version_calls_it"))
    assert listed(file, **cached)["_meta"]["hostvars"] == {}


def test_two_clusters_of_one_name_are_refused_with_what_tells_them_apart(moto: str, file: Path) -> None:
    create("prod")
    create("prod", region="us-east-1")
    both = {"regions": [REGION, "us-east-1"]}
    done = ask(file, **both)
    assert done.returncode != 0
    assert "hostname: name-region" in done.stderr
    known = listed(file, hostname="name-region", **both)["_meta"]["hostvars"]
    assert set(known) == {"prod-eu-central-1", "prod-us-east-1"}


def test_an_account_that_cannot_be_read_is_no_empty_inventory(
    moto: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = ask(file)
    assert done.returncode != 0
    # What meshroll tells of an inventory that cannot be read is Ansible's first error.
    first = next(line for line in done.stderr.splitlines() if line.startswith("[ERROR]: "))
    assert first.startswith("[ERROR]: No AWS credentials are found")
    assert "aws-credentials-missing" in first
