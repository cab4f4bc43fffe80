"""What breaks on the way from one release to another: data (``data/breaking_changes.yml``), and who is concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from meshroll.core.releases import Edge, EdgeName

Severity = Literal["blocking", "warning", "note"]
Area = Literal[
    "cni",
    "gateway-api",
    "images",
    "injection",
    "kubernetes",
    "metrics",
    "multicluster",
    "services",
    "traffic",
    "values",
]


class BreakingChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change that an upgrade meets.

    ``edge`` is the first release with it (None: every upgrade meets it), ``until`` the first without it again, and
    ``only_before`` limits it to clusters that come from an older release than that. ``one_way`` says what going back
    then takes; empty where it takes nothing. ``removed_values`` are values of the control plane's chart that it takes
    away (``proxyInit.image``), each with the one in its place; empty where nothing needs to be. ``not_looked_for`` says
    why nobody can look for it in a cluster; empty where core/scan has a scanner for it.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    edge: EdgeName | None
    text: str
    fix: str
    severity: Severity
    area: Area
    source: str
    until: EdgeName | None = None
    only_before: EdgeName | None = None
    one_way: str = ""
    removed_values: dict[str, str] = msgspec.field(default_factory=dict)
    not_looked_for: str = ""

    def met_between(self, start: Edge, to: Edge) -> bool:
        """Whether an upgrade from ``start`` to ``to`` meets it."""
        if self.only_before and start >= Edge.parse(self.only_before):
            return False
        if self.until and to >= Edge.parse(self.until):
            return False
        return self.edge is None or start < Edge.parse(self.edge) <= to

    @property
    def first(self) -> Edge:
        """Where it stands in the order of changes; what every upgrade meets stands first."""
        return Edge.parse(self.edge) if self.edge else Edge(0, 0, 0)


def from_data(data: Any) -> tuple[BreakingChange, ...]:
    """From the parsed file. Raises msgspec.ValidationError: it is shipped, so a wrong one is a bug."""
    return tuple(msgspec.convert(data, list[BreakingChange]))


def met(changes: Sequence[BreakingChange], start: Edge, to: Edge) -> tuple[BreakingChange, ...]:
    """Those that an upgrade meets, in the order of their releases."""
    found = (change for change in changes if change.met_between(start, to))
    return tuple(sorted(found, key=lambda change: change.first))
