"""A new issuer on its way to identity: how the Secret holds it until it is proved, and what proves it.

Each pod of linkerd-identity reads the pair from its mounted Secret as it starts, and again once kubelet has changed the
mount. Then it says so by an event of its own (linkerd2: pkg/identity/service.go), unless it has missed it (linkerd2
#15109). Until all have, the Secret also holds the pair before it: a renewal that is cut short can still be taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from meshroll.core.identity import Layout
from meshroll.core.model import Object, Pod, Workload, annotations_of

DEPLOYMENT = "linkerd-identity"
UPDATED, SKIPPED = "IssuerUpdated", "IssuerUpdateSkipped"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
# On the Secret from the write of a new pair until identity was seen to have it; holds the run's id.
UNPROVED = "meshroll.io/issuer-unproved"
WRITER = "meshroll"


def renewed(secret: Object, layout: Layout, pair: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """The Secret with a new pair (base64 by key of ``layout``), the one before it beside, and the mark."""
    data = dict(secret["data"])
    before = {_previous(key): data[key] for key in (layout.certificate, layout.key)}
    return _with(secret, {**data, **before, **pair}, {**annotations_of(secret), UNPROVED: run_id})


def proved(secret: Object, layout: Layout) -> dict[str, Any]:
    """The Secret with its pair alone."""
    return _with(secret, *_without_mark(secret, layout))


def put_back(secret: Object, layout: Layout) -> dict[str, Any] | None:
    """The Secret with the pair before; None where it holds none."""
    before = {key: secret["data"].get(_previous(key)) for key in (layout.certificate, layout.key)}
    if not all(before.values()):
        return None
    data, annotations = _without_mark(secret, layout)
    return _with(secret, {**data, **before}, annotations)


def unproved_since(secret: Object) -> datetime | None:
    """When the pair was written that no run came to see in identity, by the API server's clock; None without one."""
    if UNPROVED not in annotations_of(secret):
        return None
    metadata = secret["metadata"]
    written = [
        entry["time"]
        for entry in metadata.get("managedFields") or []
        if entry.get("manager") == WRITER and entry.get("time")
    ]
    return _moment(max(written, default=metadata["creationTimestamp"]))


@dataclass(frozen=True)
class Proof:
    """How far identity is. ``restarted``: all of its pods are younger than the pair; else they have said they have it.

    ``message`` is what identity says against the pair, or how many of its pods are still to be heard of.
    """

    state: Literal["proved", "waiting", "skipped"]
    message: str = ""
    restarted: bool = False


def proof(deployment: Workload, pods: Iterable[Pod], events: Sequence[Object], since: datetime) -> Proof:
    """Whether every pod of identity has the pair that was written at ``since``.

    Each process records an event of its own, which is counted up when it says the same again: so as many of them as
    there are older pods have changed since the write. A pod that is younger than the write has started with the pair.
    """
    news = [event for event in events if changed_at(event) >= since]
    for event in news:
        if event.get("reason") == SKIPPED:
            return Proof("skipped", str(event.get("message") or "it does not say why"))
    running = [pod for pod in pods if not (pod.ending or pod.finished)]
    older = [pod for pod in running if _moment(pod.manifest["metadata"]["creationTimestamp"]) <= since]
    heard = sum(event.get("reason") == UPDATED for event in news)
    if deployment.rolled and running and heard >= len(older):
        return Proof("proved", restarted=not older)
    if len(older) > heard:
        return Proof(
            "waiting", f"{len(older) - heard} of {len(running)} pods of {DEPLOYMENT} have not taken it up"
        )
    ready = sum(pod.ready for pod in running)
    return Proof("waiting", f"{ready} of {deployment.replicas} pods of {DEPLOYMENT} are Ready")


def restarted_since(deployment: Workload, since: datetime) -> bool:
    """Whether a run has restarted it already for the pair that was written at ``since``."""
    at = deployment.template_annotations.get(RESTARTED_AT)
    try:
        return at is not None and _moment(at) >= since
    except ValueError:
        return False


def changed_at(event: Object) -> datetime:
    """When an Event was made or last counted up: by the API server's clock, else by its writer's."""
    metadata = event["metadata"]
    times = [entry["time"] for entry in metadata.get("managedFields") or [] if entry.get("time")]
    said = [event.get("lastTimestamp"), event.get("eventTime"), metadata["creationTimestamp"]]
    return max(map(_moment, times)) if times else _moment(next(each for each in said if each))


def _previous(key: str) -> str:
    return f"previous-{key}"


def _without_mark(secret: Object, layout: Layout) -> tuple[dict[str, Any], dict[str, str]]:
    gone = {_previous(layout.certificate), _previous(layout.key)}
    data = {key: value for key, value in secret["data"].items() if key not in gone}
    return data, {key: value for key, value in annotations_of(secret).items() if key != UNPROVED}


def _with(secret: Object, data: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    return {
        **secret,
        "data": dict(data),
        "metadata": {**secret["metadata"], "annotations": dict(annotations)},
    }


def _moment(text: str) -> datetime:
    """Of RFC 3339, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
