"""Random free loopback ports."""

import random
import socket
from collections.abc import Iterable
from contextlib import ExitStack

PORT_NAMES = (
    *("apiserver", "etcd", "etcd_peer", "controller_manager", "scheduler", "kwok"),
    *("prometheus", "standins", "injector"),
)

FIRST, LAST = 20000, 32000
"""Below the range from which Linux takes the ports of outgoing connections (32768 and up)."""

_BLOCK = 10


def choose_ports() -> dict[str, int]:
    """A free port for each name, drawn in blocks: two sandboxes that come up at once hardly meet."""
    while True:
        base = random.SystemRandom().randrange(FIRST, LAST, _BLOCK)
        ports = {name: base + index for index, name in enumerate(PORT_NAMES)}
        if all_free(ports.values()):
            return ports


def all_free(ports: Iterable[int]) -> bool:
    """Whether nobody listens on any of these loopback ports."""
    with ExitStack() as held:
        for port in ports:
            listener = held.enter_context(socket.socket())
            # As servers do, so that connections of the last one that linger do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
