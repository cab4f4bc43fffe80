"""What a namespace was like before anything was changed, from Prometheus."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from meshroll.adapters.prometheus import PrometheusClient, history, measure
from meshroll.core.gate.history import BLOCKS, DAYS_AGO, share_queries, with_past
from meshroll.core.gate.measurements import Query
from meshroll.core.gate.observation import block_seconds
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Reading
from meshroll.core.pod_names import owners_by_name
from meshroll.core.settings import Settings

DAY_SECONDS = 86400.0


def measure_baseline(
    client: PrometheusClient,
    queries: Sequence[Query],
    namespace: str,
    owners: Mapping[str, str],
    workloads: Collection[str],
    settings: Settings,
) -> Reading:
    """The last window, its shares with their history. ``owners`` maps each Ready pod to its workload id; all other
    pods are told by their names from all ``workloads`` (ids) that there are.

    Raises PrometheusError.
    """
    now_seconds = client.now_seconds()
    seen = read(measure(client, queries, namespace, settings.gate.window_seconds, now_seconds), owners)
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
    past = [read(block, then) for block in blocks]
    return msgspec.structs.replace(seen, signals=with_past(seen.signals, past))
