"""What earlier runs, and others, have left in an upgrade's way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshroll.core.control_plane import not_up
from meshroll.core.errors import Problem
from meshroll.core.history import left_open, open_runs
from meshroll.core.hop_history import UPGRADE
from meshroll.core.journal import HopTaken, Record
from meshroll.core.releases import Edge
from meshroll.core.upgrade.standing import Standing


def not_now(standing: Standing) -> list[Problem]:
    """Runs of other commands that did not come to their end: what they left is theirs to finish. Nobody can end one of
    a namespace that is gone.
    """
    others = [record for record in standing.records if record.command != UPGRADE]
    return left_open(others, standing.namespaces)[0]


def moved(standing: Standing, earlier: Record) -> list[Problem]:
    """What somebody has changed under a hop that is open, so that neither its end nor its beginning is where it was."""
    hop, view, found = earlier.open_hop, standing.view, []
    if hop is None:
        return []
    if view.control_plane.release not in (hop.start, hop.to):
        home = view.control_plane.namespace
        found.append(
            Problem(
                "control-plane-moved",
                f"Run {earlier.run_id} was between {hop.start} and {hop.to}, and the control plane is "
                f"{view.control_plane.release} by now.",
                f"Put back one of the two (`helm -n {home} history linkerd-control-plane`), then run it again.",
            )
        )
    for name, record in open_runs(standing.records).items():
        if record.command == UPGRADE and name in standing.namespaces - view.namespaces.keys():
            found.append(
                Problem(
                    "namespace-left-out",
                    f"Run {record.run_id} brings up {name} too, and meshroll_namespaces does not list it any more.",
                    "List it until the upgrade has come to its end, or take it off the mesh: "
                    f"`meshroll rollback -n {name}`.",
                    namespace=name,
                )
            )
    return found


def not_healthy(standing: Standing) -> list[Problem]:
    """A control plane that is down before anything was changed; one that an open hop has changed may be."""
    waiting = not_up(standing.deployments)
    if not waiting:
        return []
    home = standing.view.control_plane.namespace
    return [
        Problem(
            "control-plane-not-up",
            f"The control plane that runs is not healthy: {'; '.join(waiting)}.",
            f"Mend it first: `kubectl -n {home} get pods,events` shows more.",
        )
    ]


def failed_before(records: Sequence[Record], hops: Sequence[Edge]) -> list[Problem]:
    """Nobody is there to see why the same hop failed again, and again."""
    problems = []
    for edge in hops:
        last = next(((run, hop) for run, hop in _hops(records) if hop.to == str(edge)), None)
        if last and last[0].state == "rolled_back" and not last[1].done:
            run = last[0]
            problems.append(
                Problem(
                    "upgrade-failed-before",
                    f"Run {run.run_id} to {edge} failed and was taken back: {run.reason}",
                    f"Find out why (`meshroll report {run.run_id}`), then run `meshroll upgrade` by hand; or put "
                    f"{edge} into meshroll_release.deny, so that policy picks another.",
                )
            )
    return problems


def _hops(records: Sequence[Record]) -> Iterator[tuple[Record, HopTaken]]:
    """Every hop that was begun, the newest first, with its run."""
    for record in records:
        for hop in reversed(record.hops):
            yield record, hop
