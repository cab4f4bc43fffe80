"""What the probe's script found, read from its termination message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Codes that say that the call did not do what it should, of the server or on the way. Unimplemented is an answer: not
# every server has gRPC's health check.
FAILING_GRPC = frozenset({"2", "4", "13", "14", "15"})


@dataclass(frozen=True)
class Answers:
    """100 calls, as the caller saw them and as its proxy counted them.

    by_code      "200" or "200 grpc-status 14" -> calls; "000" had no answer. A status in trailers is not seen
    by_pod       pod -> calls that it answered; the 40 busiest
    answered     calls that any pod answered
    balanced     of these, those for which the proxy was asked for a Service and so chose the pod
    connections  that the caller opened
    """

    by_code: Mapping[str, int] = field(default_factory=dict)
    by_pod: Mapping[str, int] = field(default_factory=dict)
    answered: int = 0
    balanced: int = 0
    connections: int = 0

    @property
    def calls(self) -> int:
        return sum(self.by_code.values())

    @property
    def failed(self) -> int:
        return sum(count for code, count in self.by_code.items() if _fails(code))


def parse(message: str) -> Answers | None:
    """None where the message is no result of the script."""
    by_code: dict[str, int] = {}
    by_pod: dict[str, int] = {}
    totals: dict[str, tuple[int, ...]] = {}
    for line in message.splitlines():
        try:
            match line.split():
                case ["connections", number]:
                    totals["connections"] = (int(number),)
                case ["calls", code, status, number]:
                    name = code if status == "-" else f"{code} grpc-status {status}"
                    by_code[name] = by_code.get(name, 0) + int(number)
                case ["answered", number, balanced]:
                    totals["answered"] = (int(number), int(balanced))
                case ["pod", pod, number]:
                    by_pod[pod] = int(number)
                case _:
                    return None
        except ValueError:
            return None
    if len(totals) < 2:
        return None
    return Answers(by_code, by_pod, *totals["answered"], *totals["connections"])


def _fails(code: str) -> bool:
    http, _, status = code.partition(" grpc-status ")
    return http == "000" or http.startswith("5") or status in FAILING_GRPC
