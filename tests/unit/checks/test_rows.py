"""No check that cannot fail, and none that fails where nothing is wrong."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from unit.checks import examples
from unit.checks.example import Example

from meshroll.core import checks
from meshroll.core.checks import Case, Checked

EXAMPLES: list[Example] = [
    example
    for module in pkgutil.iter_modules(examples.__path__)
    for example in importlib.import_module(f"unit.checks.examples.{module.name}").EXAMPLES
]
ROWS = {row.id: row for row in checks.ALL}


def asked(row: str, case: Case) -> Checked:
    (found,) = checks.check(case, [ROWS[row]])
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.id)
def test_a_row_passes_where_it_should(example: Example) -> None:
    assert asked(example.id, example.passes()).state == "pass"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.id)
def test_a_row_says_what_is_wrong_and_what_to_do(example: Example) -> None:
    found = asked(example.id, example.fails())
    assert found.state == ROWS[example.id].severity
    assert found.findings[0].message == example.says
    assert all(finding.hint for finding in found.findings)


def test_every_row_has_an_example_and_is_explained() -> None:
    assert {example.id for example in EXAMPLES} == set(ROWS)
    assert [row.id for row in checks.ALL if not (row.why and row.fix)] == []
