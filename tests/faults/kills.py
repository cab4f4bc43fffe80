"""Runs that are killed at one of their writes, and the numbers of these writes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from faults.estate import RUN_SECONDS, Estate
from faults.fault import Kill, Once, Request, number_is
from faults.tree import kill_tree

When = Literal["before", "after"]
# How many writes such a run has been seen to make; a slow one renews its lock a few times more.
_made: dict[tuple[str, str], int] = {}
SPARE = 3
_JOURNAL = re.compile(r"/namespaces/meshroll/configmaps(?:/run-|\?|$)")


@dataclass(frozen=True)
class Killed:
    """The write that a run was killed at. ``known``: its journal had reached the API server by then, so that the next
    command can know what it was to do.
    """

    at: Request
    when: When
    known: bool

    def __str__(self) -> str:
        return f"killed {self.when} write {self.at.write}, {self.at}"


def kills(most: int, in_short: Sequence[tuple[int, When]]) -> pytest.MarkDecorator:
    """Parametrises ``number`` and ``when`` with every write up to ``most``; all but ``in_short`` are exhaustive.

    A process that is killed leaves nothing but the cluster, which is the same after one write and before the next one.
    So every state is left once: before the first write, then after each of them.
    """
    cases: list[tuple[int, When]] = [(1, "before"), *((number, "after") for number in range(1, most + 1))]
    return pytest.mark.parametrize(
        ("number", "when"),
        [pytest.param(*case, marks=() if case in in_short else pytest.mark.exhaustive) for case in cases],
    )


def run_killed(estate: Estate, number: int, when: When, command: str, *arguments: str) -> Killed:
    """Runs the command and kills all of it at its ``number``-th write.

    The test is skipped where the run makes fewer writes than that; that it makes no more than are enumerated is
    another test's to hold.
    """
    kind = (command, estate.method)
    if number > _made.get(kind, number) + SPARE:
        pytest.skip(f"{command} makes fewer writes")
    killed = killed_at(estate, number_is(number), when, command, *arguments)
    if killed is None:
        _made[kind] = max(_made.get(kind, 0), len(estate.through.api.writes))
        pytest.skip(f"{command} makes fewer writes")
    return killed


def nth(number: int, of: Callable[[Request], bool]) -> Callable[[Request], bool]:
    """Matches the ``number``-th of those writes that are ``of`` a sort."""
    left = [number]

    def matches(request: Request) -> bool:
        left[0] -= of(request)
        return left[0] == 0

    return matches


def killed_at(
    estate: Estate,
    matches: Callable[[Request], bool],
    when: When,
    command: str,
    *arguments: str,
    undisturbed: int = 0,
) -> Killed | None:
    """Runs the command and kills it at the first write that ``matches``; None where it came to its end before, with
    the code that it ends with ``undisturbed``.
    """
    victims: list[subprocess.Popen[str]] = []
    fault = Once(matches, Kill(when, lambda: kill_tree(victims[0].pid)))
    api = estate.through.api
    with api.disturbed(fault), estate.started(command, *arguments) as process:
        victims.append(process)
        stdout, _ = process.communicate(timeout=RUN_SECONDS)
    if fault.hit is None:
        # 9: on a busy machine a gate may see too little.
        assert process.returncode in (undisturbed, 9), (
            f"{command}, undisturbed: {json.loads(stdout)['errors']}"
        )
        return None
    assert process.returncode == -9
    arrived = [write for write in api.writes if write.write < fault.hit.write + (when == "after")]
    return Killed(fault.hit, when, any(_JOURNAL.search(write.path) for write in arrived))
