from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.latency import Bucket, bucket, quantile, unresolved

BOUNDS = (1.0, 5.0, 10.0, 50.0, 100.0, math.inf)
counts = st.lists(st.integers(0, 1000), min_size=len(BOUNDS), max_size=len(BOUNDS))


def cumulative(inside: list[int]) -> dict[float, float]:
    return {bound: float(sum(inside[: index + 1])) for index, bound in enumerate(BOUNDS)}


@pytest.mark.parametrize(
    "inside", [[10, 20, 30, 20, 10, 10], [0, 0, 100, 0, 0, 0], [0, 0, 0, 0, 0, 7], [1, 0, 0, 0, 0, 0]]
)
def test_it_is_what_histogram_quantile_says(promtool: str, tmp_path: Path, inside: list[int]) -> None:
    buckets = cumulative(inside)
    case = {
        "fuzzy_compare": True,
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f'b{{le="{"+Inf" if math.isinf(bound) else bound}"}}', "values": str(value)}
                    for bound, value in buckets.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f"histogram_quantile({share}, b)",
                        "eval_time": "0s",
                        "exp_samples": [{"labels": "{}", "value": quantile(buckets, share)}],
                    }
                    for share in (0.5, 0.95, 0.99)
                ],
            }
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case))
    done = subprocess.run(
        [promtool, "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_observed_is_no_latency() -> None:
    assert quantile({}, 0.5) is None
    assert quantile(cumulative([0] * 6), 0.5) is None
    assert quantile({5.0: 3.0}, 0.5) is None, "without +Inf the answer was not whole"


@given(counts)
def test_quantiles_are_in_order_and_inside_the_buckets(inside: list[int]) -> None:
    found = [quantile(cumulative(inside), share) for share in (0.5, 0.95, 0.99)]
    if sum(inside):
        p50, p95, p99 = (value for value in found if value is not None)
        assert 0 <= p50 <= p95 <= p99 <= 100


@given(counts, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_its_bucket(inside: list[int], share: float) -> None:
    found, value = bucket(cumulative(inside), share), quantile(cumulative(inside), share)
    assert (found is None) == (value is None)
    if found and value is not None:
        assert found[0] <= value <= found[1]


@pytest.mark.parametrize(
    ("now", "before", "limit_ms", "said"),
    [
        ((50.0, 100.0), (50.0, 100.0), None, "a change of p99 is not resolvable: bucket (50, 100] ms"),
        ((50.0, 100.0), (20.0, 50.0), None, ""),
        ((50.0, 100.0), None, None, ""),
        ((50.0, 100.0), None, 80.0, "whether p99 is above 80 ms is not resolvable: bucket (50, 100] ms"),
        ((50.0, 100.0), None, 100.0, ""),
        ((50.0, 100.0), None, 50.0, ""),
        (
            (5e4, math.inf),
            None,
            6e4,
            "whether p99 is above 60000 ms is not resolvable: bucket (50000, +Inf] ms",
        ),
        (None, None, 80.0, ""),
    ],
)
def test_what_buckets_leave_open_is_said(
    now: Bucket | None, before: Bucket | None, limit_ms: float | None, said: str
) -> None:
    assert unresolved("latency_p99_ms", now, before, limit_ms) == said
