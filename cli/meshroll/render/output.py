"""How results, progress and errors come out: decided once, from options, streams and environment."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

from meshroll.render.lines import LineView, SilentView
from meshroll.render.problems import problem_lines
from meshroll.render.streams import Lasting

if TYPE_CHECKING:
    from rich.console import Console

PIPE_COLUMNS = 160
"""Width of tables where nobody said how wide: a pipe or a log should not fold them."""

View = Any


@dataclass(frozen=True)
class Output:
    """``json``: one object on stdout and nothing else. Each stream decides alone whether it has colour."""

    json: bool
    quiet: bool
    verbose: bool
    no_color: bool

    @classmethod
    def of(cls, output: str, quiet: bool, verbose: bool, no_color: bool) -> Output:
        return cls(output == "json", quiet, verbose, no_color)

    @contextmanager
    def live(self) -> Iterator[View]:
        """The view of what goes on, on stderr. With JSON it says something only when asked to (--verbose)."""
        if self.quiet or (self.json and not self.verbose):
            yield SilentView()
        elif _animated(sys.stderr) and not self.json:
            from meshroll.render.live import LiveView

            with LiveView(self.console(sys.stderr), self.verbose) as view:
                yield view
        else:
            yield LineView(Lasting(sys.stderr), self.verbose)

    def note(self, message: str) -> None:
        """A line about what goes on."""
        if not (self.quiet or self.json):
            _write(sys.stderr, f"{message}\n")

    def result(self, result: Mapping[str, Any], where: Mapping[str, str], in_full: bool = False) -> None:
        """A finished run. The options in ``where`` are repeated in the next command, to be typed as it stands."""
        if self.json:
            self.object(result)
            return
        from meshroll.render.result import print_result

        console = self.console(sys.stdout)
        with console.capture() as captured:
            print_result(console, result, self.verbose or in_full, where)
        self.lines([line.rstrip() for line in captured.get().splitlines()])
        self.problems(result)

    def object(self, value: Mapping[str, Any]) -> None:
        _write(sys.stdout, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def lines(self, lines: list[str]) -> None:
        """Plain text, as a result."""
        _write(sys.stdout, "".join(f"{line}\n" for line in lines))

    def problems(self, result: Mapping[str, Any]) -> None:
        """The errors of an envelope, to stderr; the line that matters most comes last."""
        columns = shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
        lines = problem_lines(result, _coloured(sys.stderr, self.no_color), columns)
        _write(sys.stderr, "".join(f"{line}\n" for line in lines))

    def console(self, stream: TextIO) -> Console:
        from rich.console import Console

        coloured = _coloured(stream, self.no_color)
        return Console(
            file=cast(TextIO, Lasting(stream)),
            highlight=False,
            markup=False,
            emoji=False,
            no_color=not coloured,
            color_system="auto" if coloured else None,
            width=None if stream.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS,
        )


def _animated(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def _coloured(stream: TextIO, no_color: bool) -> bool:
    """See no-color.org; click itself looks at none of this."""
    return not no_color and not os.environ.get("NO_COLOR") and _animated(stream)


def _write(stream: TextIO, text: str) -> None:
    lasting = Lasting(stream)
    lasting.write(text)
    lasting.flush()
