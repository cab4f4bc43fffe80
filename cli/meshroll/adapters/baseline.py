"""What a namespace was like before anything was changed, from Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from meshroll.adapters import prometheus
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.prometheus import PrometheusClient, history, measure
from meshroll.core.errors import Problem
from meshroll.core.gate import baseline
from meshroll.core.gate.history import BLOCKS, DAYS_AGO, share_queries, with_past
from meshroll.core.gate.measurements import Query
from meshroll.core.gate.observation import block_seconds
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Reading
from meshroll.core.gate.subjects import owners_of
from meshroll.core.gate.traffic import counted
from meshroll.core.model import ClusterView
from meshroll.core.pod_names import owners_by_name
from meshroll.core.settings import Settings

DAY_SECONDS = 86400.0


def measure_before(
    kube: Kube,
    settings: Settings,
    view: ClusterView,
    known: Mapping[str, Any],
    warn: Callable[[str], None],
    is_compared: bool = True,
) -> tuple[dict[str, Any], list[Problem]]:
    """The signals of each namespace before anything is changed, and what is outside its limits already.

    Namespaces that are ``known`` keep the signals that an earlier run saw: by now they are neither old nor new.
    Where no gate will compare with them (not ``is_compared``), Prometheus is not asked for their history.
    """
    readings: dict[str, Reading] = {}
    found: list[Problem] = []
    try:
        client = prometheus.connect(settings.prometheus, kube, warn)
        client.check(settings.prometheus.scrape_interval_seconds)
        asked = prometheus.queries(settings.gate.application_queries)
        for name, space in view.namespaces.items():
            if name in known:
                continue
            owners = owners_of(space.pods)
            workloads = [workload.id for workload in space.workloads]
            readings[name] = measure_baseline(client, asked, name, owners, workloads, settings, is_compared)
            found += baseline.outside_limits(settings.gate, readings[name], name)
    except prometheus.PrometheusError as error:
        return {}, list(error.problems)
    return {**baseline.as_dict(readings), **known}, found


def measure_baseline(
    client: PrometheusClient,
    queries: Sequence[Query],
    namespace: str,
    owners: Mapping[str, str],
    workloads: Collection[str],
    settings: Settings,
    is_compared: bool = True,
) -> Reading:
    """The last window; if it ``is_compared``, its shares with their history.

    ``owners`` maps each Ready pod to its workload id; all other pods are told by their names from all ``workloads``
    (ids) that there are. Raises PrometheusError.
    """
    now_seconds = client.now_seconds()
    seen = read(measure(client, queries, namespace, settings.gate.window_seconds, now_seconds), owners)
    if not is_compared:
        return seen
    length = block_seconds(settings.gate, settings.prometheus)
    blocks = [
        block
        for days in DAYS_AGO
        for block in history(
            client, share_queries(queries), namespace, length, BLOCKS, now_seconds - days * DAY_SECONDS
        )
    ]
    pods = {
        sample.labels.get("pod", "")
        for block in blocks
        for samples in block.samples.values()
        for sample in samples
    }
    then = {**owners_by_name(pods, workloads), **owners}
    past = [counted(block, then) for block in blocks]
    return msgspec.structs.replace(seen, signals=with_past(seen.signals, past))
