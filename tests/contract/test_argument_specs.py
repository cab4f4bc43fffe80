"""Roles say which arguments they take, at every entry point, and of their defaults what defaults/main.yml says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = {folder.name: folder for folder in (ROOT / "roles").iterdir() if folder.is_dir()}
ROLE_TASKS = ("ansible.builtin.import_role", "ansible.builtin.include_role")
TYPES = {"str": str, "bool": bool, "dict": dict, "list": list, "int": int}


def specified(role: str) -> dict[str, dict[str, Any]]:
    """Entry point -> option -> its specification."""
    found = yaml.safe_load((ROLES[role] / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {entry: each.get("options") or {} for entry, each in found.items()}


def options() -> list[tuple[str, str, str, dict[str, Any]]]:
    """(role, entry point, option, its specification)."""
    return [
        (role, entry, option, details)
        for role in sorted(ROLES)
        for entry, found in specified(role).items()
        for option, details in found.items()
    ]


def defaults(role: str) -> dict[str, Any]:
    file = ROLES[role] / "defaults/main.yml"
    return yaml.safe_load(file.read_text()) if file.exists() else {}


def tasks(part: Any) -> Iterator[dict[str, Any]]:
    """Every task of a playbook or a file of tasks, those of blocks included."""
    if isinstance(part, list):
        for each in part:
            yield from tasks(each)
    elif isinstance(part, dict):
        yield part
        for key in ("tasks", "block", "rescue", "always"):
            yield from tasks(part.get(key))


def uses() -> set[tuple[str, str]]:
    """(role, entry point) wherever a playbook or a role asks for a role."""
    files = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")]
    return {
        (task[name]["name"], task[name].get("tasks_from", "main"))
        for file in files
        for task in tasks(yaml.safe_load(file.read_text()))
        for name in ROLE_TASKS
        if name in task
    }


def test_every_entry_point_that_is_used_has_its_specification_and_its_tasks() -> None:
    used = uses()
    assert {role for role, _ in used} == set(ROLES)
    for role, entry in used:
        assert entry in specified(role), f"{role}.{entry}"
    for role in ROLES:
        for entry in specified(role):
            assert (ROLES[role] / f"tasks/{entry}.yml").is_file(), f"{role}.{entry}"
            assert (role, entry) in used, f"{role}.{entry}"


@pytest.mark.parametrize(("role", "entry", "option", "details"), options())
def test_every_option_is_described_and_named_after_its_role(
    role: str, entry: str, option: str, details: dict[str, Any]
) -> None:
    assert details.get("description")
    assert option.startswith(f"{role}_")
    assert details.get("required") or "default" in details, f"{role}.{entry}: {option}"
    assert isinstance(details.get("default", TYPES[details["type"]]()), TYPES[details["type"]])


@pytest.mark.parametrize("role", sorted(ROLES))
def test_defaults_are_those_of_the_specifications(role: str) -> None:
    """A default that is worked out ("{{ ... }}") stands in defaults/ alone; a specification cannot say it."""
    found = {option: details for entry in specified(role).values() for option, details in entry.items()}
    worked_out = {option for option, value in defaults(role).items() if str(value).startswith("{{")}
    assert worked_out <= set(found)
    assert {option: value for option, value in defaults(role).items() if option not in worked_out} == {
        option: details["default"] for option, details in found.items() if "default" in details
    }
