"""docs/reference/inventory.md says of every setting what core/settings.py says."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from contract.settings_table import REQUIRED, Setting, settings

from meshroll.core.settings import PREFIX, Settings, parse

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(meshroll_[^`]+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
PAGE = (ROOT / "docs/reference/inventory.md").read_text()


def test_every_setting_is_documented_with_its_type_and_default() -> None:
    documented = [Setting(*row[:3]) for row in ROW.findall(PAGE)]
    top_level_mappings = {f"{PREFIX}{name}" for name in Settings.__struct_fields__}
    wanted = [each for each in settings() if not (each.name in top_level_mappings and each.type == "mapping")]
    assert documented == wanted


def test_every_variable_has_its_section() -> None:
    sections = re.findall(r"^## (meshroll_\w+)$", PAGE, re.MULTILINE)
    assert sections == [f"{PREFIX}{name}" for name in Settings.__struct_fields__]


def test_a_setting_with_a_unit_names_it_in_its_name_and_its_description() -> None:
    for name, kind, default, description in ROW.findall(PAGE):
        if name.endswith("_seconds"):
            assert "seconds" in description, name
        if "_ms_" in name:
            assert "milliseconds" in description, name
        assert default != REQUIRED or kind


def test_the_page_has_the_gate_of_the_sandbox() -> None:
    file = ROOT / "inventories/sandbox/group_vars/all/gate.yml"
    gate = yaml.safe_load(file.read_text())["meshroll_gate"]
    found = re.search(r"settles for (\d+) s and watches for (\d+) s, looking every (\d+) s", PAGE)
    assert found
    assert [int(value) for value in found.groups()] == [
        gate[f"{name}_seconds"] for name in ("settle", "window", "interval")
    ]


def test_the_sample_inventory_is_normative() -> None:
    """It parses as it stands, and shows every top-level variable."""
    shown: dict[str, object] = {}
    for file in sorted((ROOT / "inventories/sample/group_vars/all").rglob("*.yml")):
        shown |= yaml.safe_load(file.read_text()) or {}
    parse(shown)
    host_variables = {"meshroll_cluster"}
    assert set(shown) | host_variables == {f"{PREFIX}{name}" for name in Settings.__struct_fields__}


def test_what_a_group_of_the_sample_overrides_is_valid_alone() -> None:
    for file in (ROOT / "inventories/sample").glob("*_vars/*/*.yml"):
        parse(yaml.safe_load(file.read_text()))
    for file in (ROOT / "inventories/sample/host_vars").glob("*.yml"):
        assert set(yaml.safe_load(file.read_text())) == {"meshroll_cluster"}
