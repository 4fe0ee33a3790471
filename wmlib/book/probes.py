"""Probes: what can be read out of z or h (chapters 5 and 9).

If a linear map predicts the car's speed from h on episodes it was not fitted on, then h knows the
speed, in a form that the linear C can use. A probe says nothing about what a deeper network could
read out.

Letters: n rows, D features.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from wmlib.agent import pretrained_folder
from wmlib.records.weights import load_weights, save_weights

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge penalties tried; relative to the number of rows and to standardised features."""
FOLDS = 6
"""Parts of the episodes, each predicted from the others."""
FIREBALLS = pretrained_folder("doom_take_cover") / "probes" / "fireballs.safetensors"
"""The published CountProbe."""


@dataclass(frozen=True)
class LinearProbe:
    """x (n, D) -> x @ weight + bias (n,)."""

    weight: NDArray[np.float64]
    """(D,)"""
    bias: float

    def __call__(self, x: NDArray) -> NDArray[np.float64]:
        return np.asarray(x, np.float64) @ self.weight + self.bias


def fit_ridge(x: NDArray, y: NDArray, penalty: float = 1e-3) -> LinearProbe:
    """Least squares with `penalty` * n on the squared weights of standardised x (n, D), y (n,)."""
    _check(x, y)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    mean, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 1e-9, scale, np.inf)  # a constant tells nothing: it becomes 0
    u = (x - mean) / scale
    gram = u.T @ u + penalty * len(u) * np.eye(u.shape[1])
    weight = np.linalg.solve(gram, u.T @ (y - y.mean())) / scale
    return LinearProbe(weight, float(y.mean() - mean @ weight))


@dataclass(frozen=True)
class Readout:
    """How well a probe predicts episodes that it was not fitted on."""

    predicted: NDArray[np.float64]
    """(n,)"""
    r2: float
    """share of the variance explained: 1 is perfect, 0 is no better than the mean"""
    without: NDArray[np.float64]
    """(E,) r2 without each of the E episodes in turn"""

    @property
    def sem(self) -> float:
        """Standard error of r2 over episodes."""
        return jackknife_error(self.without)


def jackknife_error(without: NDArray) -> float:
    """Standard error of a quantity from its values (E,) without each episode in turn.

    For the difference of two that were read out of the same episodes give the differences.
    """
    count = len(without)
    return float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))


def read_out(x: NDArray, y: NDArray, episode: NDArray) -> Readout:
    """Ridge regression of y (n,) on x (n, D), cross-validated over whole episodes.

    `episode` (n,) numbers the episode of each row. Neighbouring frames are nearly the same, so a
    split by rows would test on what it was fitted on. The penalty is chosen inside the fitted part.
    What would be predicted beyond every y that was fitted is cut to the nearest one: an episode
    unlike all others would else decide the result by how far a line can run.
    """
    _check(x, y)
    x, y, episode = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(episode)
    names = np.unique(episode)
    if len(names) < 3:
        raise ValueError(f"read_out needs rows of at least 3 episodes, got {len(names)}")
    predicted = np.empty(len(y))
    for test in _parts(names, FOLDS):
        out = np.isin(episode, test)
        best = _choose(x[~out], y[~out], episode[~out])
        said = fit_ridge(x[~out], y[~out], best)(x[out])
        predicted[out] = said.clip(y[~out].min(), y[~out].max())
    error, spread = (y - predicted) ** 2, (y - y.mean()) ** 2
    sums = np.array([[a[episode == e].sum() for e in names] for a in (error, spread)])
    without = 1 - (sums[0].sum() - sums[0]) / (sums[1].sum() - sums[1])
    return Readout(predicted, float(1 - sums[0].sum() / sums[1].sum()), without)


def _parts(names: NDArray, folds: int) -> list[NDArray]:
    return [names[i::folds] for i in range(min(folds, len(names)))]


def _choose(x: NDArray, y: NDArray, episode: NDArray) -> float:
    """The penalty with the smallest error on a third of the episodes after fitting the others."""
    out = np.isin(episode, _parts(np.unique(episode), 3)[0])

    def error(penalty: float) -> float:
        probe = fit_ridge(x[~out], y[~out], penalty)
        return float(((y[out] - probe(x[out])) ** 2).sum())

    return min(PENALTIES, key=error)


# ---------------------------------------------------------------- counting, published


@dataclass(frozen=True)
class CountProbe:
    """How many things z shows: a small network with an output for each of "at least 1", …, "M".

    The count is the number of outputs whose probability is above 1/2. "Fireballs" in this book, in
    pictures and in dreams alike, are what the published probe of this kind counts: it was fitted
    to ViZDoom's own labels. It is no linear probe, for it shall count well, not tell what C sees.
    """

    layers: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    """weight (n_out, n_in) and bias (n_out,) of each layer; ReLU between two"""

    @property
    def most(self) -> int:
        """M, the largest count."""
        return len(self.layers[-1][1])

    def log_odds(self, z: NDArray) -> NDArray[np.float64]:
        """(..., M) log-odds of "at least m", from z (..., N_z)."""
        x = np.asarray(z, np.float64)
        for place, (weight, bias) in enumerate(self.layers):
            x = (x if place == 0 else np.maximum(x, 0)) @ weight.T + bias
        return x

    def __call__(self, z: NDArray) -> NDArray[np.int64]:
        """(...,) counts of z (..., N_z); M means M or more."""
        return (self.log_odds(z) > 0).sum(-1)

    def scores(self, z: NDArray, counts: NDArray) -> dict[str, Any]:
        """Precision and recall of "at least one", and the count's correlation with the truth."""
        said, true = self(z), np.asarray(counts)
        both = ((said > 0) & (true > 0)).sum()
        capped = np.minimum(true, self.most)
        return {
            "precision": float(both / max((said > 0).sum(), 1)),
            "recall": float(both / max((true > 0).sum(), 1)),
            "share_with_any": float((true > 0).mean()),
            "mean_count": float(capped.mean()),
            "mean_counted": float(said.mean()),
            "correlation": correlation(said, capped),
        }


def correlation(x: NDArray, y: NDArray) -> float:
    """Pearson's correlation of x and y (n,); 0 if one of them is constant and so tells nothing."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


HIDDEN, EPOCHS = (128, 64), 12
"""Units of the hidden layers of a CountProbe, and how often it sees its data."""


def fit_counts(z: NDArray, counts: NDArray, most: int) -> CountProbe:
    """A network on z (n, N_z) for "at least 1" to "at least `most`", by AdamW on cross-entropy."""
    x = torch.from_numpy(np.asarray(z, np.float32))
    steps = torch.arange(1, most + 1)
    y = (torch.from_numpy(np.asarray(counts))[:, None] >= steps).float()  # (n, M)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        sizes = [x.shape[1], *HIDDEN, most]
        linear = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes)]
        net = nn.Sequential(*(m for layer in linear for m in (layer, nn.ReLU())))[:-1]
        optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(256):
                loss = F.binary_cross_entropy_with_logits(net(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    arrays = [[p.detach().double().numpy() for p in layer.parameters()] for layer in linear]
    return CountProbe(tuple((weight, bias) for weight, bias in arrays))


def save_probe(path: Path, probe: CountProbe, **facts: Any) -> None:
    """Store a probe as float16 safetensors with a manifest; `facts` say what it was fitted to."""
    tensors: dict[str, torch.Tensor] = {}
    for place, (weight, bias) in enumerate(probe.layers):
        tensors[f"weight_{place}"] = torch.from_numpy(weight)
        tensors[f"bias_{place}"] = torch.from_numpy(bias)
    save_weights(path, tensors, **facts)


def load_probe(path: Path = FIREBALLS) -> CountProbe:
    """The published probe, which counts fireballs, or the one stored at `path`."""
    tensors, _ = load_weights(path)
    arrays = {key: tensor.double().numpy() for key, tensor in tensors.items()}
    pairs = ((arrays[f"weight_{i}"], arrays[f"bias_{i}"]) for i in range(len(arrays) // 2))
    return CountProbe(tuple(pairs))


def _check(x: NDArray, y: NDArray) -> None:
    if np.ndim(x) != 2 or np.shape(y) != (len(x),):
        raise ValueError(f"a probe needs x (n, D) and y (n,), got {np.shape(x)} and {np.shape(y)}")
