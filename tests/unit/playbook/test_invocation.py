"""What ansible-playbook is started with."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from meshroll.core.errors import UsageError
from meshroll.paths import collection_root
from meshroll.playbook.invocation import Invocation, RunFolder, arguments, environment
from meshroll.playbook.run import new_run_id

FOLDER = RunFolder(Path("/run"))


def test_arguments_carry_identity_and_no_policy() -> None:
    invocation = Invocation(
        "rollback", "inv", "eu", "charging", check=True, extra_vars={"rollback_to": "previous"}
    )
    words = arguments(invocation, FOLDER, "the-run", "2026-01-01T00:00:00Z")
    assert words[:3] == [sys.executable, "-m", "ansible.cli.playbook"]
    assert words[3] == str(collection_root() / "playbooks/rollback.yml")
    assert json.loads(words[words.index("-e") + 1]) == {
        "rollback_to": "previous",
        "meshroll_run_id": "the-run",
        "meshroll_result_file": "/run/result.json",
        "meshroll_started_at": "2026-01-01T00:00:00Z",
        "meshroll_namespace": "charging",
    }
    assert words[-3:] == ["--limit", "eu", "--check"]


def test_what_was_not_said_is_not_passed() -> None:
    words = arguments(Invocation("status", "inv"), FOLDER, "r", "t")
    assert not {"--limit", "--check", "-v"} & set(words)
    assert "meshroll_namespace" not in words[words.index("-e") + 1]


def test_the_users_own_ansible_settings_are_added_to() -> None:
    theirs = {
        "ANSIBLE_CALLBACKS_ENABLED": "timer",
        "ANSIBLE_COLLECTIONS_PATH": "/theirs",
        "ANSIBLE_FORKS": "3",
    }
    ours = environment(FOLDER, theirs)
    assert ours["ANSIBLE_CALLBACKS_ENABLED"] == "timer,meshroll.linkerd.events"
    assert ours["ANSIBLE_COLLECTIONS_PATH"].endswith(":/theirs")
    assert ours["ANSIBLE_FORKS"] == "3"


@pytest.mark.parametrize(
    ("inherited", "set_to"),
    [({}, "C.UTF-8"), ({"LANG": "C"}, "C.UTF-8"), ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, "C.UTF-8")],
)
def test_ansible_gets_a_locale_that_it_accepts(inherited: dict[str, str], set_to: str) -> None:
    assert environment(FOLDER, inherited)["LC_ALL"] == set_to


def test_a_locale_that_is_good_is_kept() -> None:
    assert "LC_ALL" not in environment(FOLDER, {"LANG": "de_DE.utf8"})


def test_an_inventory_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    Invocation("status", str(tmp_path)).validate()
    Invocation("status", "one,two").validate()
    with pytest.raises(UsageError) as caught:
        Invocation("status", str(tmp_path / "missing")).validate()
    assert caught.value.problems[0].code == "inventory-missing"


def test_run_ids_sort_by_time_and_fit_into_a_name() -> None:
    first, second = new_run_id("2026-01-01T00:00:00Z"), new_run_id("2026-01-01T00:00:01Z")
    assert first < second
    assert first.replace("-", "").isalnum()
    assert first == first.lower()
