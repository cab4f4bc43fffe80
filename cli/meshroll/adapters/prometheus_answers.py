"""Prometheus' JSON to typed samples and series; a hundred thousand points take well under a second."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from sys import intern
from typing import TypeVar

import msgspec

from meshroll.adapters.prometheus_access import PrometheusError
from meshroll.core import prometheus_problems as problems
from meshroll.core.errors import Problem
from meshroll.core.gate.measurements import Sample, Series

# The one number that Prometheus writes as Go does and no decoder reads. A label's value is never before a bracket.
_PLUS_INFINITY = re.compile(rb'"\+Inf"(?=\s*\])')


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    """``isPartial`` is VictoriaMetrics' way to say what others say in ``warnings``."""

    status: str
    data: _Data | None = None
    error: str = ""
    errorType: str = "error"  # noqa: N815
    warnings: list[str] | None = None
    isPartial: bool = False  # noqa: N815


class _Series(msgspec.Struct):
    """Native histograms have neither ``value`` nor ``values``."""

    metric: dict[str, str]
    value: tuple[float, float] | None = None
    values: list[tuple[float, float]] | None = None


T = TypeVar("T")

_ANSWER = msgspec.json.Decoder(_Answer)
# Numbers are strings in this API; strict=False reads them without a Python float() for each.
_SERIES = msgspec.json.Decoder(list[_Series], strict=False)
_SCALAR = msgspec.json.Decoder(tuple[float, float], strict=False)


def scalar(body: bytes, where: str, promql: str) -> float:
    """Raises PrometheusError, as all functions here do, where the answer is an error, half of one or no such thing."""
    return _decoded(_SCALAR, _result(body, where, promql, "scalar"), where)[1]


def samples(body: bytes, where: str, promql: str) -> tuple[Sample, ...]:
    """NaN and infinity are ratios of nothing, so no data; no JSON could keep them either."""
    found = []
    for one in _decoded(_SERIES, _result(body, where, promql, "vector"), where):
        if one.value is None:
            raise _rejected(where, promql, "it gives native histograms, not numbers")
        value = one.value[1]
        # A pod's name is in thirty answers, and in each of its series: kept once, that is half of the memory.
        found.append(Sample(_labels(one.metric), value if math.isfinite(value) else None))
    return tuple(found)


def _labels(metric: dict[str, str]) -> dict[str, str]:
    if len(metric) == 1:
        return _label(*metric.items())
    for label, text in metric.items():
        metric[label] = intern(text)
    return metric


@lru_cache(maxsize=10_000)
def _label(only: tuple[str, str]) -> dict[str, str]:
    """Of a series that says its pod and no more, as most do."""
    label, text = only
    return {label: intern(text)}


def series(body: bytes, where: str, promql: str) -> tuple[Series, ...]:
    found = []
    for one in _decoded(_SERIES, _result(body, where, promql, "matrix"), where):
        if one.values is None:
            raise _rejected(where, promql, "it gives native histograms, not numbers")
        # Only finite numbers have a difference; math.isfinite for each of many points takes several times as long.
        found.append(Series(one.metric, [point for point in one.values if point[1] - point[1] == 0]))
    return tuple(found)


def _result(body: bytes, where: str, promql: str, wanted: str) -> bytes:
    answer = _decoded(_ANSWER, body, where)
    if answer.status != "success":
        raise _rejected(where, promql, f"{answer.errorType}: {answer.error}")
    if answer.data is None:
        raise PrometheusError(problems.other_api(where))
    warnings = [*(answer.warnings or ()), *(["its isPartial is true"] if answer.isPartial else ())]
    if missing := problems.partial(where, warnings):
        raise PrometheusError(missing)
    if answer.data.resultType != wanted:
        raise _rejected(where, promql, f"it gives a {answer.data.resultType}, not a {wanted}")
    return _PLUS_INFINITY.sub(b'"Inf"', bytes(answer.data.result))


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes, where: str) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PrometheusError(_undecodable(body, where, str(error))) from None


def _undecodable(body: bytes, where: str, why: str) -> Problem:
    if body[:1] == b"{" and "truncated" in why:
        return problems.half_an_answer(where)
    return problems.other_api(where)


def _rejected(where: str, promql: str, why: str) -> PrometheusError:
    return PrometheusError(problems.rejected(where, why, promql))
