"""M: the recurrent network that predicts the next z as a mixture of Gaussians (chapter 5).

An LSTM reads (z_t, a_t) and gives p(z_{t+1} | z_t, a_t, h_t): for each latent dimension its own
mixture of K Gaussians (Ha & Schmidhuber 2018, appendix A.2; that each dimension has its own mixture
is seen only in the released code). Optional heads predict the end, the reward and the next action.

Letters: B sequences (or N environments), T steps, N_z, N_a, N_h LSTM units, K mixtures.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmlib.configs import MemoryConfig
from wmlib.model.mixture import nll
from wmlib.records.weights import fit_weights, load_weights
from wmlib.tasks import Task

WEIGHTS, MOMENTS = "memory.safetensors", "moments.safetensors"
HEADS = ("end", "reward", "action")
SHAPE = ("n_z", "n_a", "n_h", "n_mixtures", "restart_input", "heads", "end_weight")
LOGSTD_MIN, LOGSTD_MAX = -7.0, 7.0
"""Beyond these log sigma is clamped, so that no square of (z - mu) / sigma overflows."""

State = tuple[Tensor, Tensor]
"""(h, c), each (N, N_h)."""


class Moments(NamedTuple):
    """Moments of real episodes at which a dream can begin, S of them."""

    mu: Tensor
    """(S, N_z) of V's z"""
    logvar: Tensor
    """(S, N_z)"""
    h: Tensor
    """(S, N_h) what this M remembered there; 0 at an episode's first frame"""
    c: Tensor
    """(S, N_h)"""
    first: Tensor
    """(S,) 1 where the moment is an episode's first frame"""

    @classmethod
    def of_first_frames(cls, mu: Tensor, logvar: Tensor, n_h: int) -> "Moments":
        """First frames (S, N_z), at which no M remembers anything."""
        nothing = torch.zeros(len(mu), n_h)
        return cls(mu.float(), logvar.float(), nothing, nothing, torch.ones(len(mu)))


class Prediction(NamedTuple):
    """What M says about the next step; leading shape (B, T) or (N,). Absent heads are None."""

    logpi: Tensor
    """(..., N_z, K) log weights, normalised over K"""
    mu: Tensor
    """(..., N_z, K)"""
    logstd: Tensor
    """(..., N_z, K) log sigma"""
    end_logit: Tensor | None
    """(...,) above 0: M thinks it more likely than not that the action ended the episode"""
    reward: Tensor | None
    """(...,) expected reward of the action"""
    action: Tensor | None
    """(..., N_a) the action that would be taken next"""


class Batch(NamedTuple):
    """One update's data; all float32."""

    z: Tensor
    """(B, T, N_z) sampled inputs z_t"""
    a: Tensor
    """(B, T, N_a) inputs a_t"""
    restart: Tensor
    """(B, T) 1 where t is the first step of an episode"""
    z_next: Tensor
    """(B, T, N_z) targets z_{t+1}"""
    a_next: Tensor
    """(B, T, N_a) targets a_{t+1}"""
    reward: Tensor
    """(B, T) rewards of a_t"""
    end: Tensor
    """(B, T) 1 where a_t ended the game"""
    valid: Tensor
    """(B, T) 1 where there is a step at all, 0 in the padding"""
    has_next: Tensor
    """(B, T) 1 where z_{t+1} and a_{t+1} exist"""
    floor: Tensor
    """() mean entropy of the targets' Gaussians in nats per dim: no NLL can be below it (0 where
    no step has a target)"""
    fresh: bool
    """whether the LSTM starts from zero instead of going on where the last batch ended"""

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        moved = {k: x.to(device) for k, x in self._asdict().items() if isinstance(x, Tensor)}
        return self._replace(**moved)  # type: ignore[arg-type]


class MDNRNN(nn.Module):
    """LSTM with a mixture-density output: 422,368 trainable parameters for CarRacing.

    `end_weight` is how often a step counts that ends the game when the end head is trained.
    PyTorch's LSTM has a second bias that only repeats the first: it is frozen at zero here and does
    not count.
    """

    def __init__(
        self,
        n_z: int,
        n_a: int,
        n_h: int,
        n_mixtures: int = 5,
        restart_input: bool = False,
        heads: Sequence[str] = (),
        end_weight: float = 10.0,
    ) -> None:
        super().__init__()
        unknown = set(heads) - set(HEADS)
        if unknown:
            raise ValueError(f"unknown heads {sorted(unknown)}: choose from {', '.join(HEADS)}")
        self.n_z, self.n_a, self.n_h, self.n_mixtures = n_z, n_a, n_h, n_mixtures
        self.restart_input, self.end_weight = restart_input, end_weight
        self.heads = tuple(head for head in HEADS if head in heads)
        sizes = {"end": 1, "reward": 1, "action": n_a}
        self.sizes = [3 * n_z * n_mixtures, *(sizes[head] for head in self.heads)]
        self.lstm = nn.LSTM(n_z + n_a + restart_input, n_h, batch_first=True)
        self.output = nn.Linear(n_h, sum(self.sizes))
        with torch.no_grad():
            _, _, bias, second_bias = self.lstm.all_weights[0]
            second_bias.zero_()
            # A forget gate that starts open (as in the original) lets gradients reach far back.
            bias[n_h : 2 * n_h] += 1.0
        second_bias.requires_grad_(False)

    @classmethod
    def of(cls, n_z: int, n_a: int, config: MemoryConfig) -> "MDNRNN":
        """An M of the shape that `config` names."""
        shape = {name: getattr(config, name) for name in SHAPE if hasattr(config, name)}
        return cls(n_z, n_a, **shape)

    @property
    def shape(self) -> dict[str, Any]:
        """The arguments that make an M of this shape."""
        return {name: getattr(self, name) for name in SHAPE}

    def untrained_copy(self, seed: int) -> "MDNRNN":
        """An M of this shape that has learned nothing, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return MDNRNN(**self.shape).eval()

    def initial_state(self, n: int, device: torch.device | str = "cpu") -> State:
        """h = c = 0 for n environments."""
        h = torch.zeros(n, self.n_h, device=device)
        return h, h.clone()

    def _inputs(self, z: Tensor, a: Tensor, restart: Tensor) -> Tensor:
        """(..., D) from z (..., N_z), a (..., N_a), restart (...,)."""
        parts = [z, a, restart.unsqueeze(-1)] if self.restart_input else [z, a]
        return torch.cat(parts, dim=-1)

    def forward(
        self, z: Tensor, a: Tensor, restart: Tensor, state: State | None = None
    ) -> tuple[Prediction, State]:
        """Whole sequences: z (B, T, N_z), a (B, T, N_a), restart (B, T) -> prediction, last state.

        `restart` is 1 at the first step of an episode, and read only by an M made to read it.
        """
        h, c = self.initial_state(len(z), z.device) if state is None else state
        x = self._inputs(z, a, restart)
        # cuDNN's LSTM knows no bfloat16: autocast would run it in float16, in which most of M's
        # gradients are 0. In float32 it has TF32.
        with torch.autocast("cuda", enabled=False):
            y, (h, c) = self.lstm(x, (h[None].to(x.dtype), c[None].to(x.dtype)))  # y (B, T, N_h)
        return self.predict(y), (h[0].float(), c[0].float())

    def advance(self, z: Tensor, a: Tensor, restart: Tensor, state: State) -> State:
        """One step of the LSTM for N environments: what M remembers after (z, a).

        Equal to `forward` for T = 1, without the overhead that nn.LSTM has for one step.
        """
        h, c = state
        w_x, w_h, bias, _ = self.lstm.all_weights[0]
        from_inputs = F.linear(self._inputs(z, a, restart), w_x, bias)
        gates = torch.addmm(from_inputs, h, w_h.T)  # (N, 4 N_h)
        i, f, g, o = gates.float().chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def predict(self, h: Tensor) -> Prediction:
        """What M says of the next step, from h (..., N_h) after `advance`."""
        parts = self.output(h).float().split(self.sizes, dim=-1)
        mixture = parts[0].unflatten(-1, (3, self.n_z, self.n_mixtures))
        logits, mu, logstd = mixture.unbind(-3)  # each (..., N_z, K)
        head = dict(zip(self.heads, parts[1:]))
        return Prediction(
            torch.log_softmax(logits, dim=-1),
            mu,
            logstd.clamp(LOGSTD_MIN, LOGSTD_MAX),
            head["end"].squeeze(-1) if "end" in head else None,
            head["reward"].squeeze(-1) if "reward" in head else None,
            head.get("action"),
        )

    def step(self, z: Tensor, a: Tensor, restart: Tensor, state: State) -> tuple[Prediction, State]:
        """`advance`, then `predict`: z (N, N_z), a (N, N_a), restart (N,)."""
        state = self.advance(z, a, restart, state)
        return self.predict(state[0]), state

    def loss(
        self,
        batch: Batch,
        state: State | None = None,
        reward_weight: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor], State]:
        """The scalar to minimise, its parts, and the state after the batch.

        Parts: `nll` (nats per latent dimension, over steps that have a next z), `end` (binary
        cross-entropy, ends weighted by M's `end_weight`), `reward` and `action` (mean squared
        errors; the reward's times `reward_weight`).
        """
        out, state = self(batch.z, batch.a, batch.restart, state)
        parts = {"nll": _mean(nll(batch.z_next, *out[:3]).mean(-1), batch.has_next)}
        if out.end_logit is not None:
            parts["end"] = end_error(out.end_logit, batch, self.end_weight) / batch.valid.sum()
        if out.reward is not None:
            error = (out.reward - batch.reward).square()
            parts["reward"] = reward_weight * _mean(error, batch.valid)
        if out.action is not None:
            error = (out.action - batch.a_next).square().mean(-1)
            parts["action"] = _mean(error, batch.has_next)
        loss = torch.stack(list(parts.values())).sum()
        return loss, {k: v.detach() for k, v in {"loss": loss, **parts}.items()}, state


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (B, T) where mask (B, T) is 1."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def end_error(end_logit: Tensor, batch: Batch, end_weight: float) -> Tensor:
    """Binary cross-entropy summed over the valid steps (B, T), an end counting `end_weight`."""
    weight = batch.valid * (1 + (end_weight - 1) * batch.end)
    return F.binary_cross_entropy_with_logits(end_logit, batch.end, weight, reduction="sum")


def load_memory(path: Path, task: Task) -> MDNRNN:
    """M from published weights, in evaluation mode on the CPU; refuses another task's."""
    tensors, facts = load_weights(path, task.name, n_z=int, n_a=int, n_h=int)
    # What is newer than the file had its default then.
    memory = MDNRNN(**{name: facts[name] for name in SHAPE if name in facts})
    fit_weights(memory, tensors, str(path))
    return memory.eval()
