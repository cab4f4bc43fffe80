"""Looks that follow one another, as one: counts add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import msgspec

from meshroll.core.gate.calls import calls_of_all
from meshroll.core.gate.evenness import evenness_of_all
from meshroll.core.gate.numbers import total
from meshroll.core.gate.proxy_cost import cost_of_all
from meshroll.core.gate.signals import Reading, Signals, Traffic


def together(blocks: Sequence[Reading]) -> Reading:
    """Looks that follow one another as one; what is no count is as the latest has it."""
    latest = blocks[-1]
    return msgspec.structs.replace(
        latest,
        window_seconds=sum(block.window_seconds for block in blocks),
        signals={
            workload: _summed([block.of(workload) for block in blocks])
            for workload in sorted({name for block in blocks for name in block.signals})
        },
    )


def _summed(many: Sequence[Signals]) -> Signals:
    return Signals(
        inbound=_traffic([each.inbound for each in many]),
        outbound=_traffic([each.outbound for each in many]),
        application_inbound=_traffic([each.application_inbound for each in many]),
        application_outbound=_traffic([each.application_outbound for each in many]),
        load=evenness_of_all([each.load for each in many]),
        secured_requests=_sum([each.secured_requests for each in many]),
        meshed_pair_requests=_sum([each.meshed_pair_requests for each in many]),
        mtls_requests=_sum([each.mtls_requests for each in many]),
        denied_requests=_sum([each.denied_requests for each in many]),
        refused_connections=_sum([each.refused_connections for each in many]),
        refused_ports=tuple(sorted({port for each in many for port in each.refused_ports})),
        calls=calls_of_all([each.calls for each in many]),
        balanced_requests=_sum([each.balanced_requests for each in many]),
        called=tuple(sorted({server for each in many for server in each.called})),
        closed_connections=_sum([each.closed_connections for each in many]),
        broken_connections=_sum([each.broken_connections for each in many]),
        told=_traffic([each.told for each in many]),
        proxy=cost_of_all([each.proxy for each in many]),
    )


def _traffic(many: Sequence[Traffic | None]) -> Traffic | None:
    """Counts of one instrument only: of the latest that counted."""
    known = [each for each in many if each is not None]
    if not known:
        return None
    alike = [each for each in known if each.source == known[-1].source]
    return Traffic(
        source=known[-1].source,
        seconds=sum(each.seconds for each in alike),
        requests=_sum([each.requests for each in alike]),
        responses=_sum([each.responses for each in alike]),
        failures=sum(each.failures for each in alike),
        buckets=total([each.buckets for each in alike]),
        told=_means([each.told for each in alike]),
    )


def _means(many: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each signal over the looks that told it: one look may see a request or two."""
    return {
        signal: fmean(each[signal] for each in many if signal in each)
        for signal in sorted({signal for each in many for signal in each})
    }


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
