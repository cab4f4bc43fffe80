"""Clients that are pinned, and clients that are not, as the gate's client x pod matrix would see them."""

from __future__ import annotations

import numpy as np
from generators import Array, Family

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


def pinned(dice: np.random.Generator, runs: int, pods: int) -> Both:
    """30 requests in three blocks, all to one pod. The client goes to it by its address."""
    found = np.zeros((runs, 2), bool)
    for run in range(runs):
        by_block = np.zeros((3, pods))
        # At least one a block: in an interval without a request there is nothing to see.
        by_block[:, dice.integers(pods)] = 1 + dice.multinomial(27, np.full(3, 1 / 3))
        found[run] = uneven(by_block), named(by_block, "")
    return both(found)


def hidden(family: Family, runs: int, per_second: float) -> Both:
    """The same of each of three client pods, with a server pod to itself: whether the first is named."""
    totals = family.make(3 * runs, BLOCKS, per_second, 0.0, None, None).total.reshape(runs, 3, BLOCKS)
    found = np.zeros((runs, 2), bool)
    for run, clients in enumerate(totals):
        together = clients.T  # client n is pinned to pod n
        alone = np.zeros((BLOCKS, 3))
        alone[:, 0] = clients[0]
        found[run] = uneven(together), named(alone, "")
    return both(found)


def even(
    dice: np.random.Generator, family: Family, runs: int, shares: Array, per_second: float, service: str
) -> Both:
    """Nobody is pinned: each request goes to a pod by these shares. Each run is one client, and all the load."""
    wrong = np.zeros((runs, 2), bool)
    totals = family.make(runs, BLOCKS, per_second, 0.0, None, None).total
    for run, each in enumerate(totals):
        by_block = np.array([dice.multinomial(int(total), shares) for total in each], float)
        wrong[run] = uneven(by_block), named(by_block, service)
    return both(wrong)


def better_of_two(pods: int) -> Array:
    """The most uneven that picking two can be: each pod is always better than those after it."""
    return 2 * (pods - 1 - np.arange(pods)) / (pods * (pods - 1))


def both(runs: Array) -> Both:
    return float(runs[:, 0].mean()), float(runs[:, 1].mean())
