"""How a verdict says numbers."""

from __future__ import annotations


def percent(ratio: float | None) -> str:
    """``99.95 %``; never rounded up to 100, and ``n/a`` without data."""
    if ratio is None:
        return "n/a"
    if ratio >= 1:
        return "100 %"
    return f"{min(99.99, 100 * ratio):.2f} %"


def share(ratio: float | None) -> str:
    """``0.05 %``, of few among many: with two digits that count."""
    return "n/a" if ratio is None else f"{100 * ratio:.2g} %" if ratio < 0.1 else f"{100 * ratio:.3g} %"


def milliseconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"


def times(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}x"


def count(value: float) -> str:
    return f"{value:.0f}"
