"""How much is asked of one API server at a time and each second, by all threads of a client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from meshroll.adapters import clock
from meshroll.core.pace import Pace
from meshroll.core.settings import Api


class Limits:
    """Shared by a client and those that are made of it. What waits here has not been sent, and holds nobody's lock."""

    def __init__(
        self,
        api: Api,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = clock.seconds,
    ) -> None:
        # A second's worth at once: a look asks some fifty things side by side, and then waits for nothing.
        self._pace = Pace(api.requests_per_second, api.requests_per_second)
        self._pacing = threading.Lock()
        self._slots = threading.BoundedSemaphore(api.concurrency)
        self._sleep = sleep
        self._seconds = seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For as long as one request takes, to the last byte of its answer."""
        with self._slots:
            # Within the slot: what had waited for its moment outside could all be sent at the same one.
            self.start()
            yield

    def start(self) -> None:
        """For what lasts and must not take others' turns: a watch. Waits until one more request may begin."""
        with self._pacing:
            wait_seconds = self._pace.wait_seconds(self._seconds())
        if wait_seconds:
            self._sleep(wait_seconds)
