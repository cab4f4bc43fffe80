"""Which values a version of a chart takes.

Helm takes any value and passes over what the chart does not read, so a name that is misspelt or gone does nothing,
without a word. What a chart reads stands in its values.yaml and values-ha.yaml, or is named by its templates only:
Linkerd's charts have optional values that are in no file, or there in a comment. Where the chart passes a map on whole
(``nodeSelector``), templates do not name its keys, and anything may stand in it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
# What Helm itself gives a meaning to.
HELMS_OWN = "global"
_USED = re.compile(r"[.$]\w*[Vv]alues((?:\.[A-Za-z_]\w*)+)")
_NAMED = re.compile(r"\.([A-Za-z_]\w*)|\"([A-Za-z_][\w-]*)\"")
_COMMENTED = re.compile(r"^\s*#\s*-?\s*([A-Za-z]\w*):", re.MULTILINE)


@dataclass(frozen=True)
class ChartValues:
    """What one version of a chart takes. ``defaults`` is its values.yaml, ``ha`` its values-ha.yaml.

    ``used`` are the dotted paths that templates read (``proxy.accessLog``), ``named`` the names that they use in any
    place, and ``optional`` the keys that values.yaml has in comments.
    """

    version: str
    defaults: Mapping[str, Any]
    ha: Mapping[str, Any]
    used: frozenset[str]
    named: frozenset[str]
    optional: frozenset[str]

    @classmethod
    def of(
        cls,
        version: str,
        defaults: Mapping[str, Any],
        ha: Mapping[str, Any],
        templates: str,
        values_text: str = "",
    ) -> ChartValues:
        """``templates`` are all of them as one text, ``values_text`` is values.yaml with its comments."""
        return cls(
            version=version,
            defaults=defaults,
            ha=ha,
            used=frozenset(found[1:] for found in _USED.findall(templates)),
            named=frozenset(name for pair in _NAMED.findall(templates) for name in pair if name),
            optional=frozenset(_COMMENTED.findall(values_text)),
        )

    def unknown(self, path: Path, lenient: bool = False) -> Path | None:
        """The part of ``path`` up to the first key that the chart does not take; None where it takes all of it.

        ``lenient`` takes a key below the top also where templates use its name in another place, because they may read
        it by a way that no text shows.
        """
        node: Any = self.defaults
        for depth, key in enumerate(path):
            if not isinstance(node, Mapping) or (depth and (not node or self._passed_on(node))):
                return None
            if key not in node:
                here = path[: depth + 1]
                named_elsewhere = lenient and depth > 0 and key in self.named
                return None if named_elsewhere or self._takes(here) else here
            node = node[key]
        return None

    def has(self, path: Path) -> bool:
        """Whether the chart itself says so, in a file or a template; not where it would only pass the value on."""
        dotted = ".".join(path)
        above = value_at(self.defaults, path[:-1])
        return (
            (isinstance(above, Mapping) and path[-1] in above)
            or value_at(self.ha, path) is not None
            or any(each == dotted or each.startswith(f"{dotted}.") for each in self.used)
        )

    def nearest(self, path: Path) -> str | None:
        """The value that somebody may have meant: one of that name in another place, or one that is spelt alike."""
        ends = [*paths(self.defaults), *paths(self.ha)]
        known = {".".join(each[:length]) for each in ends for length in range(1, len(each) + 1)} | self.used
        wanted, name = ".".join(path), path[-1]
        misplaced = sorted(each for each in known if each.rpartition(".")[2] == name)
        if misplaced:
            return min(misplaced, key=lambda each: (each.count("."), each))
        return next(iter(difflib.get_close_matches(wanted, sorted(known | self.optional), 1, 0.75)), None)

    def _passed_on(self, node: Mapping[str, Any]) -> bool:
        return any(key not in self.named for key in node)

    def _takes(self, path: Path) -> bool:
        return path == (HELMS_OWN,) or path[-1] in self.optional or self.has(path)


def paths(values: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    """The paths of everything that is not a map, or an empty one."""
    for key, value in values.items():
        here = (*above, str(key))
        if isinstance(value, Mapping) and value:
            yield from paths(value, here)
        else:
            yield here


def value_at(values: Mapping[str, Any], path: Path) -> Any:
    """What the values have there; None where they have nothing."""
    node: Any = values
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def without(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values without what is at ``path``, and without maps that are empty for it."""
    key, rest = path[0], path[1:]
    below = values.get(key)
    if rest and isinstance(below, Mapping):
        left = without(below, rest)
        if left:
            return {**values, key: left}
    return {name: value for name, value in values.items() if name != key}
