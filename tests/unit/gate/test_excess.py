"""What the test of shares must hold for any traffic; how often it is right is measured in benchmarks/."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshroll.core.gate.excess import Shares, judged, looks_of
from meshroll.core.gate.noise import (
    AS_MEASURED,
    CLUSTERS_UNKNOWN,
    DRAWN_TIMES,
    PIECE_BLOCKS,
    PIECES_MIN,
    SWINGS_MIN,
    SWINGS_USUAL,
    Noise,
    noise_of,
)
from meshroll.core.gate.tails import Array, binomial_tail

NOISE = Noise(np.array([CLUSTERS_UNKNOWN]), np.array([SWINGS_MIN]))
LEVEL = 1e-4


def shares(bad: list[float], total: float = 1500.0, allowed: float = 0.01, planned: int = 0) -> Shares:
    counts = np.array([bad])
    return judged(np.full_like(counts, total), counts, np.array([allowed]), NOISE, planned or len(bad), LEVEL)


def called(found: Shares) -> bool:
    return bool(found.exceeded[0] or found.collapsed[0])


many = st.lists(st.integers(0, 1500).map(float), min_size=1, max_size=30)


@given(many, st.integers(0, 29), st.integers(1, 500))
@settings(max_examples=200)
def test_one_more_failure_never_takes_an_alarm_back(bad: list[float], where: int, more: int) -> None:
    worse = list(bad)
    worse[where % len(bad)] = min(1500.0, worse[where % len(bad)] + more)
    assert called(shares(worse)) or not called(shares(bad))


@given(many, st.floats(0.001, 0.5), st.floats(1.0, 5.0))
def test_a_laxer_limit_never_makes_an_alarm(bad: list[float], allowed: float, factor: float) -> None:
    assert called(shares(bad, allowed=allowed)) or not called(shares(bad, allowed=min(1.0, allowed * factor)))


@given(many)
def test_the_share_lies_between_its_bounds(bad: list[float]) -> None:
    found = shares(bad)
    assert 0 <= found.lower[0] <= found.ratio[0] + 1e-9
    assert found.ratio[0] <= found.upper[0] + 1e-9


@given(many)
def test_what_is_no_more_than_allowed_is_no_alarm(bad: list[float]) -> None:
    assert not called(shares([min(each, 15.0) for each in bad]))


def test_an_alarm_at_a_look_that_was_due_stays_one() -> None:
    assert called(shares([60.0] * 6, planned=20))
    assert called(shares([60.0] * 6 + [0.0] * 14, planned=20))


def test_between_the_looks_only_a_collapse_is_called() -> None:
    assert not called(shares([60.0] * 5, planned=20))
    assert shares([0.0, 400.0, 400.0], planned=20).collapsed[0]


def test_a_single_burst_however_large_is_no_alarm() -> None:
    assert not called(shares([0.0] * 9 + [1500.0] + [0.0] * 10))


def test_no_requests_say_nothing() -> None:
    found = shares([0.0] * 20, total=0.0)
    assert not called(found)
    assert np.isnan(found.ratio[0])
    assert np.isnan(found.upper[0]), "no bound, so never below any"


def test_the_smallest_share_that_would_have_been_found_shrinks_with_traffic() -> None:
    little, much = (shares([0.0] * 20, total=total).smallest[0] for total in (30.0, 3000.0))
    assert 0.01 < much < little < 1


@pytest.mark.parametrize(
    ("blocks", "expected"), [(4, [4]), (6, [6]), (20, [6, 12, 20]), (26, [6, 12, 20, 26])]
)
def test_the_looks_end_with_the_last_block_and_spend_all_there_is(blocks: int, expected: list[int]) -> None:
    assert list(looks_of(blocks)) == expected
    assert sum(looks_of(blocks).values()) == pytest.approx(1)


def measured(total: Array, bad: Array) -> Noise:
    return noise_of(total, bad, drawn_times=AS_MEASURED)


def test_a_history_in_clusters_and_phases_is_known_as_such() -> None:
    dice = np.random.default_rng(5)
    total = np.full((1, 180), 1500.0)
    alone = measured(total, dice.poisson(1.0, (1, 180)).astype(float))
    clusters = measured(total, 8.0 * dice.poisson(0.12, (1, 180)))
    phases = measured(total, dice.poisson(np.tile(np.repeat([10.0, 90.0], 6), 15)[None, :]).astype(float))
    assert clusters.clusters[0] > 2 * alone.clusters[0]
    assert phases.swings[0] > alone.swings[0]


def test_phases_that_last_scatter_more_than_as_many_errors_that_come_and_go() -> None:
    """Else the longest of them would look like a fault: it is the sum over a gate that is judged."""
    total = np.full((2, 180), 1500.0)
    bad = np.array([np.tile([10.0] * 4 + [30.0] * 4, 23)[:180], np.tile([10.0, 30.0], 90)])
    lasting, brief = measured(total, bad).swings
    assert lasting > 2 * brief


@given(st.lists(st.integers(0, 300), min_size=180, max_size=180))
def test_what_a_history_says_of_its_scatter_is_drawn_towards_what_is_usual_and_never_past_it(
    bad: list[int],
) -> None:
    total, counts = np.full((1, 180), 1500.0), np.array([bad], dtype=np.float64)
    found, drawn = measured(total, counts), noise_of(total, counts)
    for name, usual in (("clusters", CLUSTERS_UNKNOWN), ("swings", SWINGS_USUAL)):
        one, other = getattr(found, name)[0], getattr(drawn, name)[0]
        assert min(one, usual) <= other * (1 + 1e-9) and other <= max(one, usual) * (1 + 1e-9)
        assert 1 / DRAWN_TIMES <= other / one * (1 + 1e-9) <= DRAWN_TIMES * (1 + 2e-9)


def test_a_history_that_is_short_says_nothing_of_the_scatter() -> None:
    blocks = PIECE_BLOCKS * PIECES_MIN
    bad = np.tile([0.0, 0.0, 0.0, 40.0, 0.0, 0.0, 0.0, 0.0], blocks)[None, :blocks]
    total = np.full((1, blocks), 1500.0)
    assert noise_of(total, bad).clusters[0] != CLUSTERS_UNKNOWN or noise_of(total, bad).swings[0] > SWINGS_MIN
    short = noise_of(total[:, 1:], bad[:, 1:])
    assert (short.clusters[0], short.swings[0]) == (CLUSTERS_UNKNOWN, SWINGS_MIN)


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_the_binomial_tail_is_the_sum_of_its_terms(total: int, count: int, share: float) -> None:
    from math import comb

    terms = [
        comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(min(count, total), total + 1)
    ]
    assert binomial_tail(float(min(count, total)), float(total), share) == pytest.approx(sum(terms), abs=1e-9)
