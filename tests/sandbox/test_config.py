"""`meshroll config show` and `meshroll rbac` read an inventory and ask no cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from sandbox.support import MESHROLL, REPOSITORY, STATE, Ran, meshroll

HOST = """\
meshroll_cluster: {context: eu-1}
team_window: 77
meshroll_gate:
  window_seconds: "{{ team_window }}"
  dry_run: true
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, with a host of its own that overrides a mapping."""
    folder = tmp_path_factory.mktemp("config") / "inventory"
    shutil.copytree(REPOSITORY / "inventories/sample", folder)
    (folder / "host_vars/prod-eu.yml").write_text(HOST)
    return folder


def ran(inventory: Path, *words: str, **environment: str) -> Ran:
    """Where nothing is that could be asked."""
    nowhere = {"KUBECONFIG": str(inventory / "nowhere"), **environment}
    return meshroll(*words, "-i", str(inventory), "--limit", "prod-eu", environment=nowhere)


def settings(found: Ran) -> dict[str, dict[str, Any]]:
    assert found.code == 0, found.result["errors"]
    return {each["key"].removeprefix("meshroll_"): each for each in found.cluster["settings"]}


def test_each_setting_is_told_with_the_line_that_it_comes_from(inventory: Path) -> None:
    found = settings(ran(inventory, "config", "show"))
    line = {key: (each["value"], each["source"], each["where"]) for key, each in found.items()}
    assert line["gate.window_seconds"] == (77.0, "host_vars", "host_vars/prod-eu.yml:4")
    assert line["gate.dry_run"] == (True, "host_vars", "host_vars/prod-eu.yml:5")
    assert line["gate.settle_seconds"] == (30.0, "default", None), "a mapping is replaced as a whole"
    assert line["cluster.kubeconfig"] == (str(inventory / "nowhere"), "environment", "$KUBECONFIG")
    for key, each in found.items():
        if each["where"] and ":" in each["where"]:
            file, number = each["where"].split(":")
            text = (inventory / file).read_text().splitlines()[int(number) - 1]
            name = key.rpartition(".")[2].partition("[")[0]
            assert name in text or name in "waves days deny", key


def test_what_an_option_or_a_variable_of_the_environment_named_is_told_so(inventory: Path) -> None:
    found = settings(ran(inventory, "config", "show", "-n", "billing"))["namespaces[0].name"]
    assert (found["value"], found["source"], found["where"]) == ("billing", "option", "-n")
    found = settings(ran(inventory, "config", "show", MESHROLL_NAMESPACE="billing"))["namespaces[0].name"]
    assert (found["value"], found["source"], found["where"]) == (
        "billing",
        "environment",
        "$MESHROLL_NAMESPACE",
    )


def test_an_inventory_that_is_wrong_is_refused_with_the_nearest_name(inventory: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "inventory"
    shutil.copytree(inventory, wrong)
    (wrong / "group_vars/all/zz.yml").write_text("meshroll_wave: []\n")
    found = ran(wrong, "config", "show")
    assert (found.code, found.codes) == (2, ["inventory-unknown-key"])
    assert found.result["errors"][0]["hint"] == "Did you mean meshroll_waves?"


def encrypted(text: str) -> str:
    vault = VaultLib([("default", VaultSecret(b"word"))])
    told: bytes = vault.encrypt(text.encode())
    return told.decode()


def test_what_is_kept_in_ansible_vault_is_not_told(inventory: Path, tmp_path: Path) -> None:
    with_vault = tmp_path / "inventory"
    shutil.copytree(inventory, with_vault)
    vault, word = with_vault / "group_vars/all/vault.yml", tmp_path / "word"
    vault.write_text(encrypted("team_word: s-e-c-r-e-t\n"))
    word.write_text("word")
    here = encrypted("h-e-r-e").replace("\n", "\n      ")
    values = f"meshroll_control_plane:\n  values:\n    here: !vault |\n      {here}\n"
    values += '    from_there: "{{ team_word }}"\n    shown: as-it-is\n'
    values += '    within: "Bearer {{ team_header }}"\nteam_header: "of {{ team_word }}"\n'
    (with_vault / "host_vars/prod-eu.yml").write_text(HOST + values)
    found = ran(with_vault, "config", "show", ANSIBLE_VAULT_PASSWORD_FILE=str(word))
    line = settings(found)
    assert [
        line[f"control_plane.values.{name}"]["value"] for name in ("here", "from_there", "within", "shown")
    ] == [*("***", "***", "***", "as-it-is")]
    assert line["control_plane.values.here"]["where"].startswith("host_vars/prod-eu.yml:")
    for secret in ("s-e-c-r-e-t", "h-e-r-e"):
        assert secret not in str(found.result) + found.stderr


def test_roles_are_printed_for_kubectl(inventory: Path) -> None:
    words = (
        "rbac",
        "--command",
        "status",
        "--service-account",
        "ci/mesh",
        "-i",
        str(inventory),
        "--limit",
        "prod-eu",
    )
    done = subprocess.run(
        [str(MESHROLL), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": STATE, "KUBECONFIG": "/nowhere"},
        check=True,
    )
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert objects == ran(inventory, *words[:5]).cluster["rbac"]["objects"]
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] == "Role"} == {
        *("charging", "linkerd", "meshroll")
    }


def test_roles_of_no_namespace_are_refused(inventory: Path, tmp_path: Path) -> None:
    none = tmp_path / "inventory"
    shutil.copytree(inventory, none)
    (none / "group_vars/all/namespaces.yml").unlink()
    assert ran(none, "rbac", "--group", "team").codes == ["namespace-not-given"]
    assert ran(inventory, "rbac").codes == ["usage"]
    assert ran(inventory, "rbac", "--service-account", "mesh").codes == ["usage"]


def test_roles_of_several_clusters_are_not_printed_for_one_kubectl(inventory: Path) -> None:
    command = [
        str(MESHROLL),
        "rbac",
        "--group",
        "mesh-team",
        "-i",
        str(inventory),
        "--limit",
        "staging-eu,prod-eu",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "prod-eu, staging-eu" in done.stderr
