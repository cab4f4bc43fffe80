from __future__ import annotations

from pathlib import Path

import pytest

from meshroll.adapters.events import Events
from meshroll.core.errors import Interrupted


def events(stop: Path) -> Events:
    return Events("sandbox", lambda _: None, {"MESHROLL_STOP": str(stop)})


def test_nobody_stops_before_it_is_asked_for(tmp_path: Path) -> None:
    events(tmp_path / "stop").stop_if_asked(True)
    Events("sandbox", lambda _: None, {}).stop_if_asked(True)


@pytest.mark.parametrize(
    ("begun", "way"), [(True, "The same command goes on"), (False, "Run the command again.")]
)
def test_who_is_stopped_is_sent_to_what_goes_on_with_it(tmp_path: Path, begun: bool, way: str) -> None:
    """A `verify` has changed nothing: there is nothing to resume, and a rollback would take something else back."""
    (tmp_path / "stop").touch()
    with pytest.raises(Interrupted) as raised:
        events(tmp_path / "stop").stop_if_asked(begun)
    assert way in raised.value.problems[0].hint
    assert ("rollback" in raised.value.problems[0].hint) == begun
