"""A stream whose reader may go away (`| head`, a closed terminal) without ending what is written about."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, TextIO


class Lasting:
    """Writes to ``stream`` while somebody reads it, and then nowhere; raises nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding
                return self.write(text.encode(encoding, "replace").decode(encoding))
            except (OSError, ValueError):
                self._leave()
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._leave()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _leave(self) -> None:
        """What is still buffered is flushed when Python exits, and must have somewhere to go then."""
        self._gone = True
        with suppress(OSError, ValueError):
            descriptor = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
