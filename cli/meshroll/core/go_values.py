"""Values of annotations as Go's strconv and time packages read them: Linkerd passes over what they refuse."""

from __future__ import annotations

import re

_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"([-+]?)(0|(?:{_PART})+)")


def boolean(text: str) -> bool | None:
    """strconv.ParseBool; None for what it refuses, such as ``enabled``."""
    return _BOOLEANS.get(text)


def duration_seconds(text: str) -> float | None:
    """time.ParseDuration: 90 of ``1m30s``; None for what it refuses, such as ``90``."""
    match = _DURATION.fullmatch(text)
    if not match:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, match.group(2)))
    return -seconds if match.group(1) == "-" else seconds
