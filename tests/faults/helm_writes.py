"""The writes of a run that Helm works for: whose they are, and after which of them it is killed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
from faults.fault import Request

_RECORD = re.compile(r"/namespaces/linkerd/secrets(?:/sh\.helm\.release\..*)?$")
_RENEWAL = re.compile(r"^PUT .*/leases/meshroll$")
# Of what Helm applies every eighth stands for all.
_EVERY = {"meshroll": 1, "helm's records": 1, "helm": 8}


def _by_helm(request: Request) -> bool:
    return request.agent.startswith("Helm/")


WRITERS: Mapping[str, Callable[[Request], bool]] = {
    # A renewed lock is no other state of the cluster.
    "meshroll": lambda request: not _by_helm(request) and not _RENEWAL.match(str(request)),
    "helm's records": lambda request: _by_helm(request) and bool(_RECORD.search(str(request))),
    "helm": lambda request: _by_helm(request) and not _RECORD.search(str(request)),
}


def kills(made: Mapping[str, Mapping[str, int]], every: int = 1) -> pytest.MarkDecorator:
    """Parametrises ``asked``, ``writer`` and ``number``: the writes after which a run is killed.

    ``made`` is how many of each writer's there are by what is asked for; ``every`` so many cases one is taken. All are
    exhaustive.
    """
    cases = [
        (asked, writer, number)
        for asked, writes in made.items()
        for writer, most in writes.items()
        for number in range(_EVERY[writer], most + 1, _EVERY[writer])
    ]
    return pytest.mark.parametrize(
        ("asked", "writer", "number"),
        [pytest.param(*case, marks=pytest.mark.exhaustive) for case in cases[every - 1 :: every]],
    )
