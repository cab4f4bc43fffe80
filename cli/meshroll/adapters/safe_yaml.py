"""YAML as plain data, read by libyaml where it is there: of some MiB it takes seconds in pure Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(text: bytes | str) -> Any:
    """The one document of ``text``. Raises YAMLError."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader either way


def parsed_all(text: bytes | str) -> Iterator[Any]:
    """Each document of ``text``. Raises YAMLError while they are taken."""
    return iter(yaml.load_all(text, Loader=_LOADER))
