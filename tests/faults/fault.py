"""What may happen to a request on its way to the API server: decided one by one, carried out by the proxy."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Reviews are questions that happen to be asked with a POST.
_QUESTIONS = re.compile(r"/selfsubject(?:access|rules)?reviews(?:$|\?)")


@dataclass(frozen=True)
class Request:
    """One request; ``write`` is its number among the writes, from 1, and 0 for what writes nothing.

    ``agent`` is what its sender calls itself.
    """

    method: str
    path: str
    write: int
    agent: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


def is_write(method: str, path: str) -> bool:
    return method in WRITES and "dryRun=" not in path and not _QUESTIONS.search(path)


@dataclass(frozen=True)
class Forward:
    """Nothing happens, but for ``delay_seconds``."""

    delay_seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """The API server is not asked, and this is said in its place."""

    status: int
    retry_after_seconds: int | None = None


@dataclass(frozen=True)
class Reset:
    """The connection is reset: before the API server hears of the request, or when it has answered."""

    when: Literal["before", "after"]


@dataclass(frozen=True)
class Kill:
    """``kill`` is called, before the API server hears of the request or when it has answered; no one reads on."""

    when: Literal["before", "after"]
    kill: Callable[[], None]


@dataclass(frozen=True)
class Down:
    """From now on, for so many seconds, nothing listens and every connection is gone."""

    seconds: float


Action = Forward | Answer | Reset | Kill | Down


class Fault(Protocol):
    """Asked once a request, in the order in which they come."""

    def decide(self, request: Request) -> Action: ...


class Undisturbed:
    """Everything is forwarded."""

    def decide(self, request: Request) -> Action:
        return Forward()


@dataclass
class Once:
    """``action`` at the first write that ``matches``; ``hit`` is the request that it happened to."""

    matches: Callable[[Request], bool]
    action: Action
    hit: Request | None = None

    def decide(self, request: Request) -> Action:
        if not request.write or self.hit or not self.matches(request):
            return Forward()
        self.hit = request
        return self.action


def number_is(number: int) -> Callable[[Request], bool]:
    return lambda request: request.write == number


def path_has(*parts: str) -> Callable[[Request], bool]:
    """Whether all of these are in the path; one that ends in $ is its end."""
    return lambda request: all(part in f"{request.path.partition('?')[0]}$" for part in parts)


@dataclass
class BeforeWrite:
    """``act`` runs once, before the first write that ``matches`` is forwarded: somebody else is a little faster."""

    matches: Callable[[Request], bool]
    act: Callable[[], None]
    hit: Request | None = None

    def decide(self, request: Request) -> Action:
        if request.write and self.hit is None and self.matches(request):
            self.hit = request
            self.act()
        return Forward()


@dataclass
class Mix:
    """A share of all requests, by chance that ``seed`` repeats: errors, resets before and after, delays."""

    seed: int
    share: float = 0.2
    delay_seconds: float = 5.0
    happened: dict[str, int] = field(default_factory=dict)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def decide(self, request: Request) -> Action:
        if self._random.random() >= self.share:
            return Forward()
        action = self._random.choice(
            (
                Answer(500),
                Answer(503),
                Answer(429, retry_after_seconds=1),
                Reset("before"),
                Reset("after"),
                Forward(self.delay_seconds),
            )
        )
        name = type(action).__name__.lower()
        self.happened[name] = self.happened.get(name, 0) + 1
        return action
