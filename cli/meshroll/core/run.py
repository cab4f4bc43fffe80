"""Who runs what: the identity that a run writes into its lock, its journal and its result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from meshroll.core.errors import Problem, UsageError
from meshroll.core.kinds import KINDS
from meshroll.core.resume import OnInconclusive
from meshroll.core.settings import PREFIX


def run_id_of(started_at: str, token: str) -> str:
    """Sorts by time, fits into a Kubernetes name, and differs between two runs of one second by ``token``."""
    return f"{started_at.translate(_COMPACT).lower()}-{token}"


_COMPACT = str.maketrans("", "", "-:")


@dataclass(frozen=True)
class Run:
    """One run, as seen from one cluster. ``begun`` once it holds the lock.

    ``verdicts`` are those of the gates that it has passed, ``left_behind`` what failed on a way out that went on.
    ``take`` (KIND/NAME) may be overwritten although somebody else changed it; ``on_inconclusive`` is what becomes of a
    run that has waited too long for a person. ``conversions`` say how long Services took to become others;
    ``emit_patches`` is a folder for manifests to commit;
    ``accept`` are checks (ids) that the command line goes on without.
    """

    id: str
    cluster: str
    result_file: str | None
    started_at: str | None
    begun: bool = False
    verdicts: tuple[Mapping[str, Any], ...] = ()
    left_behind: tuple[Mapping[str, Any], ...] = ()
    take: tuple[str, ...] = ()
    on_inconclusive: OnInconclusive = "rollback"
    conversions: tuple[Mapping[str, Any], ...] = ()
    emit_patches: str | None = None
    accept: tuple[str, ...] = ()

    def validate(self) -> None:
        """Raises UsageError for run variables that no command line would have let pass (a playbook run by hand)."""
        if self.on_inconclusive not in get_args(OnInconclusive):
            raise _wrong("on_inconclusive", self.on_inconclusive, " or ".join(get_args(OnInconclusive)))
        for name in self.take:
            if not _OBJECT.match(name):
                raise _wrong("take", name, "KIND/NAME, such as Deployment/omni")

    @classmethod
    def from_variables(cls, variables: Mapping[str, Any]) -> Run:
        return cls(
            id=str(variables.get(f"{PREFIX}run_id") or ""),
            cluster=str(variables["inventory_hostname"]),
            result_file=variables.get(f"{PREFIX}result_file"),
            started_at=variables.get(f"{PREFIX}started_at"),
            begun=bool(variables.get(f"{PREFIX}begun")),
            verdicts=tuple(variables.get(f"{PREFIX}verdicts") or ()),
            left_behind=tuple(variables.get(f"{PREFIX}left_behind") or ()),
            take=_names(variables.get(f"{PREFIX}take")),
            on_inconclusive=variables.get(f"{PREFIX}on_inconclusive") or "rollback",
            conversions=tuple(variables.get(f"{PREFIX}conversions") or ()),
            emit_patches=variables.get(f"{PREFIX}emit_patches"),
            accept=_names(variables.get(f"{PREFIX}accept")),
        )


_OBJECT = re.compile(rf"^({'|'.join(KINDS)})/[a-z0-9][-a-z0-9.]*$")


def _wrong(name: str, value: str, wanted: str) -> UsageError:
    return UsageError(
        Problem("run-variable-wrong", f"{PREFIX}{name} is {value!r}.", f"It has to be {wanted}.")
    )


def _names(value: Any) -> tuple[str, ...]:
    """A list, or one comma-separated string as ``-e meshroll_take=Deployment/omni`` gives it."""
    names = value.split(",") if isinstance(value, str) else value or ()
    return tuple(str(name).strip() for name in names)
