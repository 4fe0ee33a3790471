"""Credit assignment on a game small enough to calculate: lamps and a late bell (chapter 2).

Each step shows a noisy picture in which a lamp points left or right; the player presses a key.
Only the first press counts, and the bell that tells whether it was right rings `delay` steps
later. The player is not told which press counted: this is the credit assignment problem.

Letters: N episodes, D features that the controller sees (pixels, or latents with an encoder V),
T the delay, s the strength of the lamp, theta the D weights of a linear controller.

At theta = 0, where learning starts, everything has a closed form (derived in chapter 2).
Sources: REINFORCE, Williams 1992; evolution strategies against policy gradients, Salimans et al.
2017, section 3.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class LampTask:
    """The game. Frames are x = c u + noise: c = +1 or -1 (the lamp), |u| = strength."""

    delay: int = 10
    """T: presses without effect between the deciding press and the bell"""
    pixels: int = 64
    """size of the picture x"""
    strength: float = 2.0
    """s: length of the lamp's pattern u; the noise has standard deviation 1 in every pixel"""
    background: float = 0.0
    """standard deviation of a second pattern that comes and goes and means nothing"""
    encoder: Array | None = None
    """V, shape (latents, pixels): the controller sees V x instead of x"""

    def __post_init__(self) -> None:
        if self.delay < 0 or self.pixels < 4 or self.pixels % 4:
            raise ValueError("LampTask needs delay >= 0 and a multiple of 4 pixels")
        if self.encoder is not None and self.encoder.shape[-1] != self.pixels:
            raise ValueError(f"encoder must have shape (latents, {self.pixels})")

    @property
    def features(self) -> int:
        """D: the number of inputs, and so of weights, of a linear controller."""
        return self.pixels if self.encoder is None else len(self.encoder)

    @property
    def u(self) -> Array:
        """The lamp's pattern in pixels, (pixels,): one half bright, the other half dark."""
        half = np.ones(self.pixels // 2)
        return self.strength * np.concatenate([half, -half]) / np.sqrt(self.pixels)

    @property
    def v(self) -> Array:
        """The background's pattern (pixels,), length 1, orthogonal to u."""
        stripes = np.where(np.arange(self.pixels) % 2 == 0, 1.0, -1.0)
        return stripes / np.sqrt(self.pixels)

    def observe(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw one step of n episodes: lamps c (n,) in {-1, +1} and features (n, D)."""
        c = rng.integers(0, 2, n) * 2.0 - 1.0
        x = rng.standard_normal((n, self.pixels)) + c[:, None] * self.u
        if self.background:
            x += self.background * rng.standard_normal((n, 1)) * self.v
        return c, x if self.encoder is None else x @ self.encoder.T

    def success(self, theta: Array) -> float:
        """Probability that the press sign(theta . features) is right, exactly; 0.5 is chance."""
        w = theta if self.encoder is None else theta @ self.encoder
        spread = np.sqrt(w @ w + (self.background * (w @ self.v)) ** 2)
        return 0.5 * (1 + math.erf(w @ self.u / spread / math.sqrt(2))) if spread > 0 else 0.5


def reinforce_gradients(
    task: LampTask,
    theta: Array,
    n: int,
    rng: np.random.Generator,
    gamma: float = 1.0,
    offset: float = 0.0,
) -> tuple[Array, Array]:
    """One REINFORCE estimate per episode (n, D), and the returns (n,).

    The press is 1 with probability sigmoid(theta . x). The return is +1 or -1, plus `offset`;
    `gamma` discounts the return by the time that lies between a press and the bell.
    """
    score = np.zeros((n, task.features))
    for t in range(task.delay + 1):
        c, x = task.observe(n, rng)
        p = 1 / (1 + np.exp(-x @ theta))
        a = rng.random(n) < p
        score += gamma ** (task.delay - t) * (a - p)[:, None] * x
        if t == 0:
            R = np.where(a == (c > 0), 1.0, -1.0) + offset
    return R[:, None] * score, R


def mlp_gradients(task: LampTask, hidden: int, n: int, rng: np.random.Generator) -> Array:
    """REINFORCE estimates (n, weights) for a new random network with one tanh layer.

    logit = v . tanh(W x), W of size 1/sqrt(D) and v of size 1/sqrt(hidden): the usual scales.
    """
    W = rng.standard_normal((hidden, task.features)) / np.sqrt(task.features)
    v = rng.standard_normal(hidden) / np.sqrt(hidden)
    score_W, score_v = np.zeros((n, *W.shape)), np.zeros((n, hidden))
    for t in range(task.delay + 1):
        c, x = task.observe(n, rng)
        h = np.tanh(x @ W.T)  # (n, hidden)
        p = 1 / (1 + np.exp(-h @ v))
        a = rng.random(n) < p
        score_v += (a - p)[:, None] * h
        score_W += ((a - p)[:, None] * v * (1 - h**2))[:, :, None] * x[:, None, :]
        if t == 0:
            R = np.where(a == (c > 0), 1.0, -1.0)
    return R[:, None] * np.concatenate([score_W.reshape(n, -1), score_v], axis=1)


def noise_of(gradients: Array, truth: Array) -> tuple[float, float]:
    """Mean squared distance of one-episode estimates (n, D) from the true gradient, and its s.e.

    This is the trace of the covariance matrix: the sum of the variances of all D components.
    """
    squared = np.sum((gradients - truth) ** 2, axis=1)
    return float(squared.mean()), float(squared.std(ddof=1) / np.sqrt(len(squared)))


def signal_and_noise(gradients: Array) -> tuple[float, float]:
    """(|gradient|^2, noise) of one-episode estimates (n, D) whose true mean is not known.

    Both are unbiased: |mean|^2 is too large by noise / n, which is taken off.
    """
    n = len(gradients)
    mean = gradients.mean(0)
    noise = np.sum((gradients - mean) ** 2) / (n - 1)
    return float(mean @ mean - noise / n), float(noise)


def reinforce_noise(task: LampTask, gamma: float = 1.0, offset: float = 0.0) -> tuple[float, float]:
    """Exact (|gradient|^2, noise) of REINFORCE at theta = 0."""
    V = np.eye(task.pixels) if task.encoder is None else task.encoder
    s2 = np.sum((V @ task.u) ** 2)
    energy = np.sum(V**2) + s2 + task.background**2 * np.sum((V @ task.v) ** 2)
    weights = gamma ** (2.0 * np.arange(task.delay + 1))
    signal = weights[-1] * s2 / 4
    second_moment = (1 + offset**2) * weights.sum() * energy / 4
    return float(signal), float(second_moment - signal)


def evolution_noise(task: LampTask, sigma: float = 1.0, n: int = 20_000) -> tuple[float, float]:
    """(|gradient|^2, noise) of evolution at theta = 0.

    The noise is exact; the mean of 1 / |features| in the gradient is averaged over n frames.
    """
    c, x = task.observe(n, np.random.default_rng(0))
    mean = (c[:, None] * x / np.linalg.norm(x, axis=1, keepdims=True)).mean(0)
    along = task.u if task.encoder is None else task.encoder @ task.u
    signal = 2 / np.pi * (mean @ along) ** 2 / (along @ along) / sigma**2
    return float(signal), float(task.features / sigma**2 - signal)


def learn_encoder(task: LampTask, latents: int, frames: int, rng: np.random.Generator) -> LampTask:
    """The same game seen through V: the linear autoencoder of `frames` frames (PCA), no rewards."""
    _, x = replace(task, encoder=None).observe(frames, rng)
    _, _, directions = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return replace(task, encoder=directions[:latents])


def autoencoder_gradients(task: LampTask, w: Array, n: int, rng: np.random.Generator) -> Array:
    """Gradient of V's loss |x - w w.x|^2 / 2 summed over an episode's frames, (n, pixels)."""
    total = np.zeros((n, task.pixels))
    for _ in range(task.delay + 1):
        _, x = replace(task, encoder=None).observe(n, rng)
        code = x @ w
        error = x - code[:, None] * w
        total -= code[:, None] * error + (error @ w)[:, None] * x
    return total


def learn_by_reinforce(
    task: LampTask, updates: int, batch: int, lr: float, rng: np.random.Generator
) -> Array:
    """Gradient ascent with REINFORCE and a batch-mean baseline; success after 0..updates."""
    theta, curve = np.zeros(task.features), [0.5]
    for _ in range(updates):
        g, R = reinforce_gradients(task, theta, batch, rng)
        # g already holds R times the score; taking off b R g = b score needs no second pass,
        # because R is +1 or -1 and so R * g is the score itself.
        theta = theta + lr * (g - R.mean() * R[:, None] * g).mean(0)
        curve.append(task.success(theta))
    return np.array(curve)


def learn_by_evolution(
    task: LampTask, generations: int, population: int, episodes: int, rng: np.random.Generator
) -> Array:
    """CMA-ES on the weights, fitness = mean return of `episodes`; success after 0..generations."""
    import cma

    # The generator is ours: pycma would seed numpy's global one.
    noise = {"seed": np.nan, "randn": lambda *shape: rng.standard_normal(shape)}
    options = {"popsize": population, "verbose": -9, **noise}
    es = cma.CMAEvolutionStrategy(task.features * [0.0], 1.0, options)
    curve = [0.5]
    for _ in range(generations):
        candidates = es.ask()
        es.tell(candidates, [-_mean_return(task, w, episodes, rng) for w in candidates])
        curve.append(task.success(es.mean))
    return np.array(curve)


def _mean_return(task: LampTask, theta: Array, episodes: int, rng: np.random.Generator) -> float:
    c, x = task.observe(episodes, rng)
    return float(np.mean(c * np.sign(x @ theta)))
