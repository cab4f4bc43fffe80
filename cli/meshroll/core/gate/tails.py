"""Tails of the distributions that counts of bad requests are compared with."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

Array: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]


def nbinom_tail(count: Array, mean: Array, size: Array) -> Array:
    """P(X >= count), for counts that are no integers too."""
    mean = np.maximum(mean, 1e-9)
    tail: Array = betainc(np.maximum(count, 1e-9), size, mean / (mean + size))
    return np.where(count <= 0, 1.0, tail)


def binomial_tail(count: float, total: float, share: float) -> float:
    """P(X >= count) of ``total`` with this share; for parts of requests too."""
    return float(betainc(count, max(total - count, 0.0) + 1, share)) if count > 0 else 1.0


def mean_where_tail(count: Array, size: Array, theta: Array, tail: float) -> Array:
    """The mean at which P(X >= count) is ``tail``, in requests."""
    share = betaincinv(np.maximum(count / theta, 1e-9), size, tail)
    mean: Array = theta * size * share / np.maximum(1 - share, 1e-12)
    return mean
