"""Places that an inventory names, a file or an address, as they may be printed."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_QUERY_WITHIN = re.compile(r"""[?#][^\s"'<>]*""")
_LOGIN = re.compile(r"(?<=://)(?:.*:.*|[^/?#]*)@", re.DOTALL)
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def is_address(place: str) -> bool:
    """Whether it has a scheme, as ``https://charts.example`` has; else it is a file or a folder."""
    return _ADDRESS.match(place) is not None


def shown(place: str) -> str:
    """An address without login and query, which may be secrets; a path as it stands. Rather hides too much."""
    if not is_address(place):
        return place
    return _QUERY.sub("?***", _LOGIN.sub("***@", place))


def shown_within(text: str) -> str:
    """A text with each address in it as it may be shown."""
    if is_address(text) and not re.search(r"\s", text):
        return shown(text)
    return _ADDRESS.sub(lambda found: _QUERY_WITHIN.sub("?***", _LOGIN.sub("***@", found[0])), text)
