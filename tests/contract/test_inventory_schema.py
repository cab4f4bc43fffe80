"""docs/reference/inventory.schema.json says to an editor what meshroll says to an inventory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from contract.inventory_schema import page, schema

from meshroll.core.errors import UsageError
from meshroll.core.settings import PREFIX, Settings, parse

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/reference/inventory.schema.json"
SAMPLE = sorted((ROOT / "inventories/sample").glob("*_vars/**/*.yml"))
SCHEMA = json.loads(FILE.read_text())
NAMESPACE = {"name": "charging"}


def accepted(variables: dict[str, Any]) -> bool:
    """Dates as an editor reads them, which knows YAML 1.2."""
    plain = json.loads(json.dumps(variables, default=str))
    return not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(plain))


def described(part: Any) -> Iterator[tuple[str, bool]]:
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from described(value)
    if isinstance(part, dict) and isinstance(part.get("properties"), dict):
        yield from ((name, bool(each.get("description"))) for name, each in part["properties"].items())


def test_the_file_is_made_from_the_settings() -> None:
    assert FILE.read_text() == page(), "make docs"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_variable_and_every_key_is_described() -> None:
    assert set(SCHEMA["properties"]) == {f"{PREFIX}{name}" for name in Settings.__struct_fields__}
    assert [name for name, told in described(schema()) if not told] == []


@pytest.mark.parametrize("file", SAMPLE, ids=lambda file: file.name)
def test_the_sample_is_valid_and_tells_editors_so(file: Path) -> None:
    assert accepted(yaml.safe_load(file.read_text()))
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n---\n", file.read_text())
    assert named and (file.parent / named[1]).resolve() == FILE


@pytest.mark.parametrize(
    "variables",
    [
        {"meshroll_gates": {}},
        {"meshroll_gate": {"window": 30}},
        {"meshroll_gate": {"window_seconds": 0}},
        {"meshroll_gate": {"limits": {"success_ratio_min": 1.5}}},
        {"meshroll_gate": {"dry_run": "yes"}},
        {"meshroll_release": {"channel": "edge-26.6.3 "}},
        {"meshroll_namespaces": [{"name": "Charging"}]},
        {"meshroll_namespaces": [{}]},
        {"meshroll_namespaces": [{**NAMESPACE, "services": [{"name": "tariffs", "method": "in-place"}]}]},
        {"meshroll_upgrade": {"windows": [{"starts": "2:00", "ends": "04:00"}]}},
        {"meshroll_max_restarting_pods": "110%"},
    ],
    ids=str,
)
def test_what_meshroll_refuses_an_editor_marks(variables: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        parse(variables)
    assert not accepted(variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_connection": "local"},
        {"meshroll_release": {"channel": "edge-26.6.3", "kubernetes_min": "1.31"}},
        {"meshroll_prometheus": {"service": {"namespace": "monitoring", "name": "prometheus"}}},
        {"meshroll_namespaces": [{**NAMESPACE, "waves": [{"share": 1}]}], "meshroll_max_restarting_pods": 3},
        {"meshroll_upgrade": {"freeze": [{"first": "2026-12-20", "last": "2027-01-02"}]}},
    ],
    ids=str,
)
def test_what_meshroll_takes_an_editor_lets_be(variables: dict[str, Any]) -> None:
    parse(variables)
    assert accepted(variables)
