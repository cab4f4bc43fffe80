"""The report's plots as SVG to put into a page: text stays text, and the same report is the same bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

from meshroll.core.report.model import Line, Plot, Span
from meshroll.render.report_words import SIGNS, name, value

# Small, so that four stand side by side on a wide screen with text that is large enough; one fills a phone.
WIDTH_INCHES, HEIGHT_INCHES = 3.3, 2.1
# Gates whose labels would stand closer than this share of the width: only the last of them has one.
LABELS_APART = 0.1
# Told apart by dash and marker, so that a black-and-white print shows the same.
LINES = (
    {"color": "#0b4f9c", "linestyle": "-", "marker": "o"},
    {"color": "#9a4a00", "linestyle": "--", "marker": "^"},
)
MASKS = {
    "restarting": {"facecolor": "#e4e4e4", "hatch": "////", "edgecolor": "#a8a8a8"},
    "settling": {"facecolor": "#f2f2f2", "hatch": "||", "edgecolor": "#a8a8a8"},
    "not measured": {"facecolor": "#ffffff", "hatch": "xxxx", "edgecolor": "#8a8a8a"},
}
# A limit this much further away than the values would make a flat line of them, and is named instead.
LIMIT_WITHIN = 3.0
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.5,
    "lines.markersize": 3.5,
    "lines.linewidth": 1.4,
}
_CLEAR = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.4}
_PREAMBLE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_NAMESPACES = re.compile(r' xmlns(:\w+)?="[^"]*"| version="1\.1"')
_OWN_IDS = re.compile(r' id="[A-Za-z0-9.]+_\d+"')
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


def svg(plot: Plot, spans: Sequence[Span], title: str) -> str:
    """An ``<svg>`` element, as wide as its place. ``title`` is read out to those who do not see it.

    Time is in minutes. Takes some 50 ms.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES))
        FigureCanvasSVG(figure)
        # Fixed, because a layout that fits itself draws everything twice. At the right there is room for half a number.
        axes = figure.add_axes((0.14, 0.20, 0.82, 0.69))
        scale = 100.0 if plot.signal.endswith("_ratio") else 1.0
        _draw_spans(axes, spans)
        for line, style in zip(plot.lines, LINES, strict=False):
            _draw_line(axes, line, style, scale)
        _set_heights(axes, plot, scale)
        axes.set_xlabel("minutes")
        axes.ticklabel_format(axis="y", useOffset=False, style="plain")
        if len(plot.lines) > 1:
            axes.legend(fontsize=8, framealpha=0.9, edgecolor="#cccccc", handlelength=3)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return _element(stream.getvalue(), title)


def _draw_spans(axes: Any, spans: Sequence[Span]) -> None:
    if not spans:
        return
    first = min(span.from_seconds for span in spans) / 60
    # Room for the last point's marker.
    last = first + 1.02 * (max(span.to_seconds for span in spans) / 60 - first)
    axes.set_xlim(first, last)
    labelled = math.inf
    for span in reversed(spans):
        start, end = span.from_seconds / 60, span.to_seconds / 60
        if span.kind != "gate":
            axes.axvspan(start, end, linewidth=0, zorder=0, **MASKS[span.kind])
            continue
        axes.axvline(start, color="#555555", linewidth=0.8)
        middle = (start + end) / 2
        if labelled - middle > LABELS_APART * (last - first):
            labelled = middle
            axes.text(
                middle,
                1.02,
                f"{span.gate} {SIGNS[span.outcome] if span.outcome else ''}",
                transform=axes.get_xaxis_transform(),
                fontsize=8,
                ha="center",
                va="bottom",
            )


def _draw_line(axes: Any, line: Line, style: dict[str, str], scale: float) -> None:
    nothing = float("nan")
    axes.plot(
        [point.at_seconds / 60 for point in line.points],
        [nothing if point.value is None else point.value * scale for point in line.points],
        label=line.name,
        **style,
    )


def _set_heights(axes: Any, plot: Plot, scale: float) -> None:
    """Room for the values, and for limit and before where they are near; what is not is only named."""
    seen = [point.value * scale for line in plot.lines for point in line.points if point.value is not None]
    low, high = min(seen), max(seen)
    inverse = plot.signal.endswith("success_ratio")
    limit = "limit: at least" if inverse else "limit: at most"
    # At either side, because the two are often close to each other.
    marks = [
        (limit, plot.limit, "#b00020", "--", 0.99, "right"),
        ("before:", plot.before, "#444444", ":", 0.01, "left"),
    ]
    for label, mark, color, dashes, side, aligned in marks:
        if mark is None:
            continue
        at, text = mark * scale, f"{label} {value(plot.signal, mark)}"
        if not inverse and at > LIMIT_WITHIN * max(high, 1e-9):
            axes.text(
                side,
                0.97,
                f"{text}, above this",
                color=color,
                fontsize=8,
                ha=aligned,
                va="top",
                transform=axes.transAxes,
                bbox=_CLEAR,
            )
            continue
        low, high = min(low, at), max(high, at)
        axes.axhline(at, color=color, linestyle=dashes, linewidth=1.2)
        axes.annotate(
            text,
            (side, at),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            color=color,
            fontsize=8,
            ha=aligned,
            va="bottom",
            bbox=_CLEAR,
        )
    if inverse:
        room = max(high - low, 0.05) * 0.15
        axes.set_ylim(max(0.0, low - room), high + 2 * room)
        axes.set_yticks([tick for tick in axes.get_yticks() if low - room <= tick <= 100])
    else:
        axes.set_ylim(0, high * 1.25 or 1.0)


def _unit(signal: str) -> str:
    if signal.endswith("_ratio"):
        return ", % of requests"
    if signal.endswith("_ms"):
        return ", milliseconds"
    return ""


def _element(document: str, title: str) -> str:
    """Without what a file needs and a page does not, and without names that several plots would share."""
    from markupsafe import escape

    found = _METADATA.sub("", _PREAMBLE.sub("", document, count=1))
    found = _OWN_IDS.sub("", _NAMESPACES.sub("", found))
    return found.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1).strip()


def caption(plot: Plot) -> str:
    """What is drawn, in which unit, and of which requests."""
    if plot.signal == "busiest_pod_to_mean":
        return "Busiest pod, times the mean of all"
    said = "latency p99" if plot.signal == "latency_p99_ms" else name(plot.signal)
    lines = f" ({' and '.join(line.name for line in plot.lines)})"
    return f"{said[:1].upper()}{said[1:]}{_unit(plot.signal)}{lines}"
