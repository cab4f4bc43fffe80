"""docs/reference/exit-codes.md lists every code, with its status and what it means."""

from __future__ import annotations

import re
from pathlib import Path

from meshroll.core.errors import STATUS, ExitCode
from meshroll.render.problems import ENDS

PAGE = (Path(__file__).parents[2] / "docs/reference/exit-codes.md").read_text()


def test_every_exit_code_is_documented_with_its_status() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+?) \|", PAGE, re.MULTILINE)
    assert {(int(code), status) for code, status, _ in rows} == {
        (int(code), STATUS[code]) for code in ExitCode
    }


def test_every_end_that_is_not_a_success_has_its_sentence() -> None:
    assert set(ENDS) == set(ExitCode) - {ExitCode.SUCCESS}
