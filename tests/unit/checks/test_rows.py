"""No check that cannot fail, and none that fails where nothing is wrong."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from unit.checks import examples
from unit.checks.example import Example
from unit.core.check_cases import case

from meshroll.core import checks
from meshroll.core.checks import Case, Check, Checked
from meshroll.core.scan.row import Hit

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


def test_a_row_that_fails_on_an_odd_object_is_told_with_what_it_found_before_and_ends_no_other() -> None:
    def fails(case: Case) -> Iterator[Hit]:
        yield Hit("Something is wrong.")
        raise KeyError("spec")

    odd = Check("odd", "nothing is odd", fails, fix="Mend it.")
    found, beside = checks.check(case(), [odd, ROWS["namespace-empty"]])
    assert (found.state, beside.state) == ("block", "pass")
    assert found.unseen == "odd failed on what it was given (KeyError: 'spec'); please report it"
    (alone,) = checks.check(case(), [replace(odd, run=lambda _: {}["spec"])])
    assert alone.state == "skipped"
