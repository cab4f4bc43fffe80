"""What every stand-in gets when it starts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aiohttp import web

from meshroll_sandbox.standins.kube import Kube


@dataclass(frozen=True)
class Context:
    """`folder` is the sandbox's own; `ports` are loopback ports by name (state.json); `app` serves the port
    `standins` and takes routes until all stand-ins have started.
    """

    folder: Path
    kubeconfig: Path
    ports: dict[str, int]
    seed: int
    app: web.Application

    @cached_property
    def kube(self) -> Kube:
        """The one connection to the API server, whose caches all stand-ins share."""
        return Kube(self.kubeconfig)
