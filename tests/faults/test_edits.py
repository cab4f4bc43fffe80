"""Somebody else edits what a run works on, a moment before its write: it is shown, and nothing of theirs is lost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from faults.conftest import Figure
from faults.estate import Estate
from faults.fault import BeforeWrite, Request, path_has
from faults.judge import why_not_over
from faults.kills import killed_at
from faults.state import State

from meshroll.core.changes import lookup

Patch = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """What is edited, how, and where to look whether it is still there. ``clashes``: the run wants the same field."""

    kind: str
    name: str
    patch: Patch
    path: str
    value: object
    clashes: bool

    def make(self, estate: Estate) -> None:
        estate.patch(self.kind, self.name.replace("NAME", estate.name), self.patch)

    def is_kept(self, state: State) -> bool:
        objects = {"Deployment": state.deployments, "Service": state.services}
        found = state.namespace if self.kind == "Namespace" else objects[self.kind][self.name]
        return bool(lookup(found, self.path) == self.value)

    def is_before(self, namespace: str, request: Request) -> bool:
        """Whether this is a run's write of the object, or of a Service made beside it."""
        path = request.path.partition("?")[0]
        if self.kind == "Namespace":
            return path == f"/api/v1/namespaces/{namespace}"
        here = f"/namespaces/{namespace}/{self.kind.lower()}s"
        return path.endswith(here) or f"{here}/{self.name}" in path


def _template(**template: Any) -> Patch:
    return {"spec": {"template": template}}


EDITS = {
    "a label of the Deployment": Edit(
        "Deployment", "client", {"metadata": {"labels": {"tier": "gold"}}}, "/metadata/labels/tier", "gold", False
    ),
    "an annotation of the template": Edit(
        "Deployment", "server", _template(metadata={"annotations": {"payments.example/config-hash": "ffff"}}),
        "/spec/template/metadata/annotations/payments.example~1config-hash", "ffff", False,
    ),
    "replicas": Edit("Deployment", "server", {"spec": {"replicas": 3}}, "/spec/replicas", 3, False),
    "opting the Deployment out": Edit(
        "Deployment", "server", _template(metadata={"annotations": {"linkerd.io/inject": "disabled"}}),
        "/spec/template/metadata/annotations/linkerd.io~1inject", "disabled", True,
    ),
    "a label of the Service": Edit(
        "Service", "server", {"metadata": {"labels": {"tier": "gold"}}}, "/metadata/labels/tier", "gold", False
    ),
    "a label of the namespace": Edit(
        "Namespace", "NAME", {"metadata": {"labels": {"tier": "gold"}}}, "/metadata/labels/tier", "gold", False
    ),
    "opting the namespace out": Edit(
        "Namespace", "NAME", {"metadata": {"annotations": {"linkerd.io/inject": "disabled"}}},
        "/metadata/annotations/linkerd.io~1inject", "disabled", True,
    ),
}  # fmt: skip
IN_SHORT = ("opting the Deployment out",)
some = pytest.mark.parametrize(
    "what", [pytest.param(name, marks=() if name in IN_SHORT else pytest.mark.exhaustive) for name in EDITS]
)


@some
def test_an_edit_just_before_the_write_stays(estate: Estate, figure: Figure, what: str) -> None:
    edit = EDITS[what]
    figure.row("somebody edits just before the write")
    fault = BeforeWrite(partial(edit.is_before, estate.name), lambda: edit.make(estate))
    with estate.through.api.disturbed(fault):
        ran = estate.run_to_end("rollout")
    assert fault.hit
    state = estate.state()
    assert edit.is_kept(state), (ran.code, ran.result["errors"])
    assert not why_not_over(state)
    if edit.clashes:
        assert ran.code == 8 and "drift" in ran.codes, (ran.code, ran.result["errors"])
    else:
        assert ran.code == 0, ran.result["errors"]
    figure.end("conflict shown" if ran.code == 8 else "both kept")


@pytest.mark.exhaustive
@pytest.mark.parametrize("what", list(EDITS))
@pytest.mark.parametrize("command", ["resume", "rollback"])
def test_an_edit_after_a_run_was_killed_stays(
    estate: Estate, figure: Figure, what: str, command: str
) -> None:
    edit = EDITS[what]
    figure.row(f"somebody edits after a kill, before {command}")
    # Its last write but for those that close the journal: everything else is made.
    assert killed_at(estate, path_has(f"/api/v1/namespaces/{estate.name}$"), "after", "rollout")
    edit.make(estate)
    ran = estate.run_to_end(command)
    assert edit.is_kept(estate.state()), (ran.code, ran.result["errors"])
    if ran.code == 8:
        # The run stays open until somebody says which of the two is right.
        figure.end("conflict shown, then taken")
        ran = estate.run_to_end(command, "--take", f"{edit.kind}/{edit.name.replace('NAME', estate.name)}")
    else:
        figure.end("both kept")
    assert ran.code == 0, ran.result["errors"]
    assert not why_not_over(estate.state())
