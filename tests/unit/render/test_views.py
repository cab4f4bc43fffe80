"""What a run looks like while it goes on."""

from __future__ import annotations

import io
from typing import Any, TextIO, cast

import pytest
from rich.console import Console

from meshroll.render.lines import LineView
from meshroll.render.live import LiveView
from meshroll.render.output import Output
from meshroll.render.streams import Lasting


def event(kind: str, message: str, **more: Any) -> dict[str, Any]:
    return {
        "time": "2026-01-01T10:20:30Z",
        "cluster": "eu",
        "kind": kind,
        "message": message,
        "level": "info",
        **more,
    }


EVENTS = [
    {"kind": "clusters", "clusters": ["eu", "us"]},
    event("stage", "Wave 1 of 3", stage="wave"),
    event("progress", "omni 1/2 pods", done=1, total=2),
    event("progress", "omni 2/2 pods", done=2, total=2),
    event("line", "watch out", level="warning"),
    event("verdict", "Failed: success 80 %", outcome="Failed", level="error", findings=[]),
    {"kind": "failure", "cluster": "eu", "message": "no", "problems": None},
    event("summary", "said at the end"),
]


@pytest.mark.parametrize("verbose", [False, True])
def test_lines_have_time_cluster_and_level(verbose: bool) -> None:
    stream = io.StringIO()
    view = LineView(stream, verbose)
    for each in EVENTS:
        view.event(each)
    wanted = [
        "2026-01-01T10:20:30Z eu Wave 1 of 3",
        "2026-01-01T10:20:30Z eu omni 1/2 pods",
        "2026-01-01T10:20:30Z eu omni 2/2 pods",
        "2026-01-01T10:20:30Z eu WARNING watch out",
        "2026-01-01T10:20:30Z eu ERROR Failed: success 80 %",
    ]
    assert stream.getvalue().splitlines() == [line for line in wanted if verbose or "1/2" not in line]


def test_a_terminal_shows_what_happened_and_hides_what_is_said_later() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)
    with LiveView(console, verbose=False) as view:
        for each in EVENTS:
            view.event(each)
        view.note("Stopping")
    shown = stream.getvalue()
    for text in ("10:20:30 eu Wave 1 of 3", "watch out", "Failed: success 80 %", "Stopping"):
        assert text in shown
    assert "said at the end" not in shown


class Gone(io.StringIO):
    """A terminal that was closed, a pipe that nobody reads."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.tries = error, 0

    def write(self, _: str) -> int:
        self.tries += 1
        raise self.error


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), BrokenPipeError(), ValueError("closed")])
def test_a_reader_that_went_away_ends_nothing(error: Exception) -> None:
    stream = Gone(error)
    line_view = LineView(Lasting(stream), verbose=True)
    console = Console(file=cast(TextIO, Lasting(stream)), width=80, force_terminal=True)
    with LiveView(console, verbose=True) as live_view:
        for view in (line_view, live_view):
            for each in EVENTS:
                view.event(each)
            view.note("Stopping")
    assert stream.tries >= 2


def test_what_an_encoding_lacks_is_replaced_and_the_rest_is_written() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    lasting = Lasting(stream)
    lasting.write("a → b\n")
    lasting.write("c\n")
    lasting.flush()
    assert raw.getvalue() == b"a ? b\nc\n"


@pytest.mark.parametrize(
    ("environment", "no_color", "coloured"),
    [
        ({"TERM": "xterm"}, False, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm"}, True, False),
    ],
)
def test_colour_only_where_it_is_wanted(
    environment: dict[str, str], no_color: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    console = Output.of("text", quiet=False, verbose=False, no_color=no_color).console(stream)
    console.print("x", style="red")
    assert ("\x1b[" in stream.getvalue()) == coloured


def test_what_is_no_terminal_gets_no_colour_and_no_folding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    Output.of("text", quiet=False, verbose=False, no_color=False).console(stream).print(
        "x" * 120, style="red"
    )
    assert stream.getvalue() == "x" * 120 + "\n"
