"""An inventory with a slip in it: told with what to do, or planned as it stands; never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.estate import estate
from unit.core.factories import EDGE
from unit.mutations import mutated

from meshroll.core import checks
from meshroll.core.errors import MeshrollError
from meshroll.core.judged import verify_plan
from meshroll.core.scope import caller_namespaces
from meshroll.core.settings import parse
from meshroll.core.way_in import rollout_plan
from meshroll.core.way_out import fallback_plan

SAMPLE = Path(__file__).parents[3] / "inventories" / "sandbox" / "group_vars" / "all"


def sample() -> dict[str, Any]:
    """The sandbox's inventory, whose namespace the estate of these tests is."""
    found: dict[str, Any] = {}
    for file in sorted(SAMPLE.glob("*.yml")):
        found.update(yaml.safe_load(file.read_text()) or {})
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


WRITTEN = sample()


def go_through(variables: Mapping[str, Any]) -> int:
    """All that a command does with an inventory before it changes anything; how many steps were planned."""
    settings = parse(variables)
    view = estate()
    names = {namespace.name for namespace in settings.namespaces}
    caller_namespaces(settings)
    if not names <= set(view.namespaces):
        return 0
    checks.problems(checks.Case(view, settings, "in", EDGE))
    checks.problems(checks.Case(view, settings, "out"))
    plans = [fallback_plan(view, settings, "run"), verify_plan(view, settings)]
    if not checks.problems(checks.Case(view, settings, "in", EDGE)):
        plans.append(rollout_plan(view, settings, EDGE, "run", (), ()))
    return sum(len(plan.steps) for plan in plans)


def test_the_inventory_as_it_stands_is_planned() -> None:
    assert go_through(WRITTEN) > 0


@hypothesis(max_examples=1000, deadline=None)
@given(st.data())
def test_a_slip_is_told_with_what_to_do_or_planned_and_never_a_traceback(data: st.DataObject) -> None:
    damaged = mutated(data, WRITTEN)
    if not isinstance(damaged, dict):
        return
    try:
        go_through(damaged)
    except MeshrollError as error:
        assert all(problem.message and problem.hint for problem in error.problems)
