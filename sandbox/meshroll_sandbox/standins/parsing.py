"""Values of annotations, read as Linkerd's injector (in Go) reads them. All raise ValueError."""

import re

_TRUE, _FALSE = {"1", "t", "T", "TRUE", "true", "True"}, {"0", "f", "F", "FALSE", "false", "False"}
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(m|k|[KMGTPE]i?|[eE][+-]?\d+|u|n)?")


def parse_bool(text: str) -> bool:
    """As Go's strconv.ParseBool, which takes neither "enabled" nor "yes"."""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(f"{text!r} is not a boolean")


def parse_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a count")
    return int(text)


def parse_quantity(text: str) -> str:
    """A Kubernetes quantity, returned as it is written."""
    if not _QUANTITY.fullmatch(text):
        raise ValueError(f"{text!r} is not a quantity")
    return text


def parse_milliseconds(text: str) -> str:
    """A Go duration, as the proxy is told it: "1m" is "60000ms"."""
    if not text or _DURATION_PART.sub("", text):
        raise ValueError(f"{text!r} is not a duration")
    total = sum(float(number) * _MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    return f"{int(total)}ms"
