"""Roles say of the settings they take what core/settings.py says, and of their own what their defaults say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from contract.settings_table import default_of

from meshroll.core.settings import PREFIX, RUN_VARIABLES, Settings

ROLES = Path(__file__).parents[2] / "roles"
SPECS = sorted(ROLES.glob("*/meta/argument_specs.yml"))


def options() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(role, entry point, option, its specification)."""
    for file in SPECS:
        for entry, specification in yaml.safe_load(file.read_text())["argument_specs"].items():
            for option, details in (specification.get("options") or {}).items():
                yield file.parents[1].name, entry, option, details


def test_every_role_specifies_its_arguments() -> None:
    assert {file.parents[1] for file in SPECS} == {folder for folder in ROLES.iterdir() if folder.is_dir()}


@pytest.mark.parametrize(("role", "entry", "option", "details"), list(options()))
def test_every_option_is_described(role: str, entry: str, option: str, details: dict[str, Any]) -> None:
    assert details.get("description")
    assert details.get("type")
    assert details.get("required") or "default" in details or role == "run" or option.startswith(PREFIX)


def test_settings_have_the_defaults_of_the_settings() -> None:
    for role, entry, option, details in options():
        name = option.removeprefix(PREFIX)
        if option.startswith(PREFIX) and name not in RUN_VARIABLES:
            assert name in Settings.__struct_fields__, f"{role}.{entry}: {option}"
            assert details.get("default", default_of(option)) == default_of(option), (
                f"{role}.{entry}: {option}"
            )


def test_defaults_are_those_of_the_specifications() -> None:
    """A default that is worked out ("{{ ... }}") stands in defaults/ alone; a specification cannot say it."""
    for file in ROLES.glob("*/defaults/main.yml"):
        role = file.parents[1].name
        defaults = yaml.safe_load(file.read_text())
        specified = {option: details for name, _, option, details in options() if name == role}
        worked_out = {option for option, value in defaults.items() if str(value).startswith("{{")}
        assert worked_out <= set(specified), role
        assert {option: value for option, value in defaults.items() if option not in worked_out} == {
            option: details["default"] for option, details in specified.items() if "default" in details
        }, role
