"""A rollback that is rehearsed: two commands, in the order that leaves a namespace as it was found, and their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from meshroll.core.errors import STATUS, ExitCode, Problem
from meshroll.core.result import with_cluster

Part = Literal["rollback", "rollout"]
Result = Mapping[str, Any]
# A headless Service's clients know no pod for up to 30 s after theirs were replaced, several waves of them in turn; a
# rollout is refused as long as their calls fail.
CALLERS_SECONDS = 150.0
ASK_AGAIN_SECONDS = 5.0
UNSETTLED = "namespace-outside-limits"
# These say themselves what is to be done next.
_TELLING = frozenset(
    {ExitCode.PAUSED, ExitCode.INTERRUPTED, ExitCode.ROLLBACK_INCOMPLETE, ExitCode.DRIFT, ExitCode.BUG}
)


class Rehearsed(msgspec.Struct, frozen=True):
    """One part as it ended. ``seconds`` has the start of Ansible in it."""

    command: Part
    run_id: str
    seconds: float
    exit_code: int


def parts_of(cluster: Mapping[str, Any]) -> tuple[Part, Part]:
    """What is on the mesh, in part at least, goes off it and comes back; anything else the other way round."""
    meshed = any(each["meshed_pods"] for space in cluster["namespaces"] for each in space["workloads"])
    return ("rollback", "rollout") if meshed else ("rollout", "rollback")


def against(planned: Result) -> list[dict[str, Any]]:
    """Why a rollout, ``planned`` as the namespace is now, would not leave it as it was found; empty where it would."""
    if planned["exit_code"] != ExitCode.SUCCESS:
        return list(planned["errors"])
    if not any((cluster.get("plan") or {}).get("steps") for cluster in planned["data"]["clusters"]):
        return []
    return [
        Problem(
            "rehearsal-would-change",
            "The namespace is on the mesh, and not as the inventory wants it, so a rollout afterwards would not leave "
            "it as it was found.",
            "`meshroll plan` says what differs; `meshroll rollout` brings it there.",
        ).as_dict()
    ]


def is_unsettled(planned: Result) -> bool:
    """Whether a rollout is refused for nothing but calls that still fail."""
    return {error["code"] for error in planned["errors"]} == {UNSETTLED}


def refused(looked: Result, errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The end where nothing was begun."""
    (cluster,) = looked["data"]["clusters"]
    code = ExitCode.REFUSED
    entry = {**cluster, "exit_code": int(code), "outcome": STATUS[code]}
    told = [{**error, "cluster": cluster["name"]} for error in errors]
    return with_cluster(looked, entry, told, looked["finished_at"])


def ended(looked: Result, last: Result | None, parts: Sequence[Rehearsed]) -> dict[str, Any]:
    """The end of the ``parts`` that were played. ``last`` is the last one's result; None: interrupted before it.

    A way back that was not gone to its end is a 5, whatever it ended with: the namespace is not as it was found.
    """
    (found,) = looked["data"]["clusters"]
    entries = last["data"]["clusters"] if last else []
    entry = dict(entries[0] if entries else found)
    errors = list(last["errors"]) if last else [_interrupted()]
    order = parts_of(found)
    whole = len(parts) == len(order) and parts[-1].exit_code == ExitCode.SUCCESS
    code = ExitCode(int(last["exit_code"]) if last else ExitCode.INTERRUPTED)
    if not whole and parts and parts[0].exit_code == ExitCode.SUCCESS:
        code = code if code in _TELLING else ExitCode.ROLLBACK_INCOMPLETE
        errors.append(_half_way(order))
    took = ", ".join(f"{part.command} {part.seconds:.0f} s" for part in parts)
    entry |= {
        "exit_code": int(code),
        "outcome": STATUS[code],
        "rehearsal": msgspec.to_builtins(parts),
        "summary": [*entry.get("summary", []), f"Rehearsed: {took}."],
        "gate": [],
    }
    told = [{**error, "cluster": entry["name"]} for error in errors]
    return with_cluster({**looked, "errors": []}, entry, told, (last or looked)["finished_at"])


def _interrupted() -> dict[str, Any]:
    return Problem("interrupted", "Stopped between the two parts, as asked.").as_dict()


def _half_way(order: tuple[Part, Part]) -> dict[str, Any]:
    where, back = (
        ("off the mesh", "meshroll rollout")
        if order[0] == "rollback"
        else ("on the mesh", "meshroll rollback --to previous")
    )
    return Problem(
        "rehearsal-half-way",
        f"The {order[0]} went well, the {order[1]} did not: the namespace is {where}, as it was not found.",
        f"`{back}` brings it back.",
    ).as_dict()
