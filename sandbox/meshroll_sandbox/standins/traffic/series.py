"""Counters of a pod's processes, and their text as Prometheus reads it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def labels(pairs: Mapping[str, object]) -> str:
    """`name="value",...` in the order given."""
    return ",".join(f'{name}="{_escape(str(value))}"' for name, value in pairs.items())


def header(name: str, kind: str) -> str:
    return f"# TYPE {name} {kind}"


def family(name: str, kind: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
    """The lines of one metric: its type, then a sample for each labels; none at all when there is no sample."""
    lines = [f"{name}{{{text}}} {value}" if text else f"{name} {value}" for text, value in values]
    if lines:
        yield header(name, kind)
        yield from lines


class Histogram:
    """Observations by bucket; a bucket takes what is at most its bound, one more takes the rest."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    @property
    def count(self) -> int:
        return sum(self._counts)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def lines(self, name: str, text: str) -> Iterator[str]:
        """The samples of a histogram with the labels `text`, cumulative as Prometheus wants them."""
        cumulative = 0
        begin = f"{name}_bucket{{{text}"
        for end, count in zip(_ends(self._bounds), self._counts, strict=True):
            cumulative += count
            yield f"{begin}{end}{cumulative}"
        yield f"{name}_sum{{{text}}} {self.total:.9g}"
        yield f"{name}_count{{{text}}} {cumulative}"


@cache
def _ends(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """How the sample of each bucket ends, up to its value."""
    return tuple(f',le="{bound}"}} ' for bound in (*(f"{value:g}" for value in bounds), "+Inf"))


def _escape(value: str) -> str:
    if '"' in value or "\\" in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value
