"""Clients that are pinned, and clients that are not, as the gate's client x pod matrix would see them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from generators import Array
from rows import Families, Row

from meshroll.core.gate.calls import Calls, calls_of_all
from meshroll.core.gate.evenness import evenness

BLOCKS = 20


def named(by_block: Array, service: str) -> bool:
    """Whether a client is called pinned that sent so much: blocks x server pods."""
    looks = []
    for counts in by_block:
        total, busiest = float(counts.sum()), int(counts.argmax())
        calls = Calls(
            client="client-0",
            workload="Deployment/client",
            service=service,
            pod=f"pod-{busiest}",
            requests=float(counts[busiest]),
            total=total,
        )
        looks.append([calls] if total and not calls.is_spread else [])
    return any(calls.is_pinned(by_block.shape[1]) for calls in calls_of_all(looks))


def uneven(by_block: Array) -> bool:
    """Whether the load is beyond what the better of two gets."""
    load = {f"pod-{number}": float(count) for number, count in enumerate(by_block.sum(0))}
    seen = evenness(load, list(load), (), "requests", "callers' proxies")
    return bool(seen and seen.is_beyond(2.0))


Both = tuple[float, float]
"""The part of the runs in which the load was called uneven, and in which a client was named."""


def pinned(families: Families, runs: int, pods: int) -> Both:
    """30 requests in three blocks, all to one pod. The client goes to it by its address."""
    found = np.zeros((runs, 2), bool)
    for run in range(runs):
        by_block = np.zeros((3, pods))
        # At least one a block: in an interval without a request there is nothing to see.
        by_block[:, families.dice.integers(pods)] = 1 + families.dice.multinomial(27, np.full(3, 1 / 3))
        found[run] = uneven(by_block), named(by_block, "")
    return both(found)


def hidden(families: Families, runs: int, per_second: float) -> Both:
    """The same of each of three client pods, with a server pod to itself: whether the first is named."""
    totals = families.shares.make(3 * runs, BLOCKS, per_second, 0.0, None, None).total.reshape(
        runs, 3, BLOCKS
    )
    found = np.zeros((runs, 2), bool)
    for run, clients in enumerate(totals):
        together = clients.T  # client n is pinned to pod n
        alone = np.zeros((BLOCKS, 3))
        alone[:, 0] = clients[0]
        found[run] = uneven(together), named(alone, "")
    return both(found)


def even(families: Families, runs: int, shares: Array, per_second: float, service: str) -> Both:
    """Nobody is pinned: each request goes to a pod by these shares. Each run is one client, and all the load."""
    wrong = np.zeros((runs, 2), bool)
    totals = families.shares.make(runs, BLOCKS, per_second, 0.0, None, None).total
    for run, each in enumerate(totals):
        by_block = np.array([families.dice.multinomial(int(total), shares) for total in each], float)
        wrong[run] = uneven(by_block), named(by_block, service)
    return both(wrong)


def better_of_two(pods: int) -> Array:
    """The most uneven that picking two can be: each pod is always better than those after it."""
    return 2 * (pods - 1 - np.arange(pods)) / (pods * (pods - 1))


def both(runs: Array) -> Both:
    return float(runs[:, 0].mean()), float(runs[:, 1].mean())


HEAD = "| who is pinned | target | load called uneven | client named |"


def rows(runs: int) -> Iterator[Row]:
    for pods in (3, 10, 2):
        case = f"pinned to one of {pods} pods, 30 requests in 3 blocks"
        yield Row(case, "100 %" if pods > 2 else "named 100 %", partial(pinned, runs=runs, pods=pods))
    case = "three clients, each pinned to a pod of its own, 1/s"
    yield Row(case, "named 100 %", partial(hidden, runs=runs, per_second=1))
    for pods in (2, 3, 5, 10):
        for rate in (0.1, 1, 50):
            work = partial(even, runs=runs, shares=better_of_two(pods), per_second=rate, service="service")
            yield Row(f"better of two, {pods} pods, {rate}/s", "0 %", work)
    for pods in (2, 3, 10):
        work = partial(even, runs=runs, shares=np.full(pods, 1 / pods), per_second=0.1, service="")
        yield Row(f"dials for each request, {pods} pods, 0.1/s", "0 %", work)
