"""Linear probes: what one linear map can read out of z or h (chapter 5).

If a linear map predicts the car's speed from h on episodes it was not fitted on, then h knows the
speed, in a form that the linear C can use. A probe says nothing about what a deeper network could
read out.

Letters: n rows, D features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge penalties tried; relative to the number of rows and to standardised features."""


@dataclass(frozen=True)
class LinearProbe:
    """x (n, D) -> x @ weight + bias (n,): a value, or log-odds if fitted to yes and no."""

    weight: NDArray[np.float64]
    """(D,)"""
    bias: float

    def __call__(self, x: NDArray) -> NDArray[np.float64]:
        return np.asarray(x, np.float64) @ self.weight + self.bias


def _standardised(x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """x with mean 0 and variance 1 in each column, the means, the scales; constants become 0."""
    x = np.asarray(x, np.float64)
    mean, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    return (x - mean) / scale, mean, scale


def _on_raw(weight: NDArray, bias: float, mean: NDArray, scale: NDArray) -> LinearProbe:
    """The probe on x itself of one fitted on standardised x."""
    raw = weight / scale
    return LinearProbe(raw, float(bias - mean @ raw))


def fit_ridge(x: NDArray, y: NDArray, penalty: float = 1e-3) -> LinearProbe:
    """Least squares with `penalty` * n on the squared weights of standardised x (n, D), y (n,)."""
    _check(x, y)
    u, mean, scale = _standardised(x)
    y = np.asarray(y, np.float64)
    gram = u.T @ u + penalty * len(u) * np.eye(u.shape[1])
    weight = np.linalg.solve(gram, u.T @ (y - y.mean()))
    return _on_raw(weight, float(y.mean()), mean, scale)


def fit_logistic(x: NDArray, y: NDArray, penalty: float = 1e-3, steps: int = 50) -> LinearProbe:
    """Logistic regression of bool y (n,) by Newton's method; the probe gives log-odds.

    The same penalty as in `fit_ridge`; it also keeps the weights finite where yes and no can be
    separated without error.
    """
    _check(x, y)
    y = np.asarray(y, bool)
    if y.all() or not y.any():
        raise ValueError("fit_logistic needs rows with yes and rows with no")
    u, mean, scale = _standardised(x)
    u = np.hstack([u, np.ones((len(u), 1))])
    ridge = np.diag([penalty * len(u)] * (u.shape[1] - 1) + [1e-9])
    w = np.zeros(u.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(u @ w, -30, 30)))
        hessian = (u * (p * (1 - p))[:, None]).T @ u + ridge
        change = np.linalg.solve(hessian, u.T @ (y - p) - ridge @ w)
        w += change
        if np.abs(change).max() < 1e-8:
            break
    return _on_raw(w[:-1], float(w[-1]), mean, scale)


@dataclass(frozen=True)
class Readout:
    """How well a probe predicts episodes that it was not fitted on."""

    predicted: NDArray[np.float64]
    """(n,)"""
    r2: float
    """share of the variance explained: 1 is perfect, 0 is no better than the mean"""
    sem: float
    """standard error of r2 by leaving out one episode at a time (jackknife)"""


def read_out(
    x: NDArray,
    y: NDArray,
    episode: NDArray,
    folds: int = 6,
    penalties: Sequence[float] = PENALTIES,
) -> Readout:
    """Ridge regression of y (n,) on x (n, D), cross-validated over whole episodes.

    `episode` (n,) numbers the episode of each row. Neighbouring frames are nearly the same, so a
    split by rows would test on what it was fitted on. The penalty is chosen inside the fitted part.
    """
    _check(x, y)
    x, y, episode = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(episode)
    names = np.unique(episode)
    if len(names) < 3:
        raise ValueError(f"read_out needs rows of at least 3 episodes, got {len(names)}")
    predicted = np.empty(len(y))
    for test in _parts(names, folds):
        out = np.isin(episode, test)
        best = _choose(x[~out], y[~out], episode[~out], penalties)
        predicted[out] = fit_ridge(x[~out], y[~out], best)(x[out])
    error, spread = (y - predicted) ** 2, (y - y.mean()) ** 2
    sums = np.array([[a[episode == e].sum() for e in names] for a in (error, spread)])
    without = 1 - (sums[0].sum() - sums[0]) / (sums[1].sum() - sums[1])
    count = len(names)
    sem = float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))
    return Readout(predicted, float(1 - sums[0].sum() / sums[1].sum()), sem)


def _parts(names: NDArray, folds: int) -> list[NDArray]:
    return [names[i::folds] for i in range(min(folds, len(names)))]


def _choose(x: NDArray, y: NDArray, episode: NDArray, penalties: Sequence[float]) -> float:
    """The penalty with the smallest error on a third of the episodes after fitting the others."""
    out = np.isin(episode, _parts(np.unique(episode), 3)[0])

    def error(penalty: float) -> float:
        probe = fit_ridge(x[~out], y[~out], penalty)
        return float(((y[out] - probe(x[out])) ** 2).sum())

    return min(penalties, key=error)


def _check(x: NDArray, y: NDArray) -> None:
    if np.ndim(x) != 2 or np.shape(y) != (len(x),):
        raise ValueError(f"a probe needs x (n, D) and y (n,), got {np.shape(x)} and {np.shape(y)}")
