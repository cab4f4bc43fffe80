"""The plan: an ordered list of steps, each with its changes. ``plan``, check mode and the real run share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from meshroll.core.budget import Limits
from meshroll.core.changes import Change
from meshroll.core.errors import Problem

Stage = Literal["namespace", "wave", "services", "dial", "clients", "servers", "verify", "drill"]


class Known(msgspec.Struct, frozen=True):
    """What manifests and inventory say of a server's callers; those of other namespaces as ``reporting/Deployment/x``.

    ``headless`` are the Services without a ClusterIP over it, ``unmeshed`` its callers without a proxy, and ``unmoved``
    the clients that are moved later or never: they balance as they always did.
    """

    headless: list[str] = []
    unmeshed: list[str] = []
    unmoved: list[str] = []


class Subject(msgspec.Struct, frozen=True):
    """A workload that a gate judges, and what may be expected of it at this point of the rollout."""

    workload: str
    traffic_expected: bool
    evenness_expected: bool
    mesh_expected: bool = False
    known: Known = Known()


class Step(msgspec.Struct, frozen=True):
    """Changes that are made together, waited for together, and (where ``gate``) judged together.

    ``services`` are those whose callers are looked for in traffic once the changes are made.
    ``meshed`` is what the pods of ``workloads`` must be afterwards (None: nothing is asked of pods); ``waited`` are
    those of them that are on their way there already: waited for without a change. ``pending`` are the marks that stay
    in the journal until the gate has passed. ``pause`` is what only a person can do. ``limits`` say how many pods may
    be restarting at once. ``controls`` are workloads that the run has not changed by then and that call none that it
    has; None where nothing is changed.
    """

    stage: Stage
    title: str
    namespace: str
    changes: list[Change] = []
    workloads: list[str] = []
    waited: list[str] = []
    meshed: bool | None = None
    mode: Literal["native", "wait"] | None = None
    release: str | None = None
    gate: bool = False
    subjects: list[Subject] = []
    controls: list[str] | None = None
    pending: list[str] = []
    pause: str | None = None
    services: list[str] = []
    limits: Limits = Limits()

    @property
    def restarting_pods(self) -> int:
        return sum(change.pods for change in self.changes)

    @property
    def to_do(self) -> bool:
        return bool(self.changes or self.waited or self.services or self.gate or self.pause)


class Plan(msgspec.Struct, frozen=True):
    """What a command will do to one cluster. Notes are things an operator should read before.

    ``to`` is where a way out was asked to go. ``steps`` are those that have something to do. ``conflicts`` are objects
    that somebody else has changed since: the plan leaves them as they are.
    """

    direction: Literal["in", "upgrade", "fallback", "previous", "hop_back", "verify", "none"]
    release: str | None
    steps: list[Step]
    notes: list[str] = []
    not_handled: list[str] = []
    conflicts: list[Problem] = []
    namespaces: list[str] = []
    to: str | None = None

    def changes(self) -> Iterator[Change]:
        for step in self.steps:
            yield from step.changes

    @property
    def restarting_pods(self) -> int:
        return sum(step.restarting_pods for step in self.steps)

    @property
    def nothing_to_do(self) -> bool:
        return not self.steps

    def summary(self) -> dict[str, Any]:
        """The plan for people and JSON: object by object, field by field, and how many pods restart."""
        return {
            "direction": self.direction,
            "release": self.release,
            "restarting_pods": self.restarting_pods,
            "notes": list(self.notes),
            "not_handled": list(self.not_handled),
            "conflicts": [problem.as_dict() for problem in self.conflicts],
            "steps": [
                {
                    "stage": step.stage,
                    "title": step.title,
                    "gate": step.gate,
                    "pause": step.pause,
                    "restarting_pods": step.restarting_pods,
                    "limits": msgspec.structs.asdict(step.limits),
                    "changes": [row for change in step.changes for row in change_rows(step.title, change)],
                }
                for step in self.steps
            ],
        }


def change_rows(step: str, change: Change) -> list[dict[str, Any]]:
    """One row a field, as the result and the journal list them."""
    if change.action == "delete":
        return [
            {
                "step": step,
                "object": change.object,
                "field": "",
                "before": "present",
                "after": None,
                "why": change.why,
            }
        ]
    if change.body is not None:
        return [
            {
                "step": step,
                "object": change.object,
                "field": "",
                "before": None,
                "after": change.body["spec"],
                "why": change.why,
            }
        ]
    return [
        {
            "step": step,
            "object": change.object,
            "field": field.path,
            "before": field.before,
            "after": field.after,
            "why": change.why,
        }
        for field in change.fields
        if not field.makes_map
    ]


def to_builtins(value: Any) -> Any:
    """Plain dicts and lists, as Ansible passes them from task to task."""
    # Numbers by name are mappings of their own (gate/numbers.py).
    return msgspec.to_builtins(value, enc_hook=dict)


def plan_from(data: Any) -> Plan:
    return msgspec.convert(data, Plan)


def step_from(data: Any) -> Step:
    return msgspec.convert(data, Step)
