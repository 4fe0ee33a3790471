"""C by policy gradient: every action is judged by what came after it (the interlude, chapter 8).

Evolution learns one number from a life of a thousand steps: its return. But every step has a
reward, or in the dream a risk, and the policy gradient (Williams, 1992) asks of each action whether
what came after it was better than expected:

    dJ/dtheta = E[ sum_t A_t d log pi(a_t | f_t) / dtheta ],   A_t = what came - what was expected.

While it learns, C acts by chance. Where the game knows left and right it tosses a coin: fully
right with probability sigmoid(2 y), else fully left; the mean of that coin is tanh(y), the action
that the same C gives without it. In the car, normal noise is added to y before the squash, and
fades.

What is expected is told by a critic that sees the same features; A_t is the generalised advantage
(Schulman et al., 2016), and the steps are used several times within the clipped bounds of PPO
(Schulman et al., 2017). C stays what it was: a linear map with as many numbers as the evolved one.
(`--controller deep` puts 128 tanh units beside it.)

Letters as in wmlib.learning.lives.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from wmlib.configs import DreamWorld, PolicyConfig
from wmlib.learning.choosing import Check, best, last, publish
from wmlib.learning.lives import Experience, Lives
from wmlib.model.actions import action_of, choices
from wmlib.model.controller import Controller
from wmlib.records.keeper import Keeper
from wmlib.records.weights import load_checkpoint
from wmlib.seeds import FIRST_LIVES, LIVES, update_rng

WARM_UP = 20
"""updates in which only the critic learns, where C begins as one that can play; in a training of
fewer than four times as many a quarter of them"""


class Learner(nn.Module):
    """What is trained: a C that does nothing at first, and a critic of the same features.

    `scale` says how far each feature swings that C sees; C learns what to make of a swing of 1, so
    that the loud features (the LSTM's cell) do not leave the quiet ones behind. `noise` is the
    standard deviation of what is added to C's outputs y where the action is no coin. `average`
    (n_params,) is the running mean of C's weights: it is what is kept, for they wander.
    """

    scale: Tensor
    average: Tensor

    def __init__(self, controller: Controller, noise: float = 0.5, critic_units: int = 0) -> None:
        super().__init__()
        self.controller, self.noise = controller, noise
        self.n_seen = controller.layers[0][0]
        self.register_buffer("scale", torch.ones(self.n_seen))
        self.register_buffer("average", torch.zeros(controller.n_params))
        last = nn.Linear(critic_units or self.n_seen, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        hidden = [nn.Linear(self.n_seen, critic_units), nn.Tanh()] if critic_units else []
        critic = nn.Sequential(*hidden, last)  # before C: the same one, whatever C is
        self.scaled = nn.Parameter(controller.first_weights())
        self.critic = critic

    @property
    def params(self) -> Tensor:
        """(n_params,) C's weights."""
        return self.scaled * self.controller.units(self.scale)

    @torch.no_grad()
    def set_scale(self, features: Tensor, begin: Tensor | None = None) -> None:
        """Take the swing of features (T, N, F) for `scale`; C's first weights become `begin`, all
        of them or those of the linear map that a deep C begins as."""
        self.scale.copy_(features.std(dim=(0, 1))[: self.n_seen] + 1e-3)
        if begin is not None:
            known = self.controller.units(self.scale)[: len(begin)]
            self.scaled[: len(begin)] = begin.to(self.scale.device) / known
            self.average.copy_(self.params)

    @torch.no_grad()
    def remember(self, share: float) -> None:
        """Let the weights of now make up this share of `average`."""
        self.average.lerp_(self.params, share)

    def choices(self, features: Tensor) -> Distribution:
        """A coin, 1 for right and 0 for left, or y with noise: (..., A) at features (..., F)."""
        y = self.controller.outputs(self.params, features)
        return choices(self.controller.task, y, self.noise)

    def action(self, choice: Tensor) -> Tensor:
        """The game's action (..., A) of a choice (..., A)."""
        return action_of(self.controller.task, choice)

    def value(self, features: Tensor) -> Tensor:
        """(...,) what the critic expects from features (..., F): the discounted future reward."""
        return self.critic(features[..., : self.n_seen]).squeeze(-1)


def advantages(seen: Experience, value: Tensor, smoothing: float) -> Tensor:
    """(T, N) generalised advantage; `value` (T + 1, N) is the critic's.

    A life that is over goes on in the mind of the critic alone: nothing else is known of it. One
    that is lost is worth nothing more.
    """
    found = torch.zeros_like(seen.reward)
    later = torch.zeros_like(value[0])
    for t in reversed(range(len(found))):
        goes_on = 1 - seen.over[t]
        following = torch.where(goes_on > 0, value[t + 1], value[t]) * (1 - seen.lost[t])
        error = seen.reward[t] + seen.discount[t] * following - value[t]
        later = error + seen.discount[t] * smoothing * goes_on * later
        found[t] = later
    return found


def _learn(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    seen: Experience,
    config: PolicyConfig,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """Some epochs of PPO on what the lives showed; returns the losses of the last batch."""
    with torch.no_grad():
        value = learner.value(seen.features)
        advantage = advantages(seen, value, config.smoothing).flatten()
        wanted = advantage + value[:-1].flatten()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    features, choice = seen.features[:-1].flatten(0, 1), seen.choice.flatten(0, 1)
    before = seen.log_prob.flatten()
    parts: dict[str, Tensor] = {}
    far = False  # C has moved as far as this experience can be trusted: only the critic goes on
    for _ in range(config.epochs):
        order = torch.from_numpy(rng.permutation(len(features))).to(features.device)
        for batch in order.split(config.batch_size):
            rows = features.index_select(0, batch)  # twice as fast as [batch]
            choices = learner.choices(rows)
            log_ratio = choices.log_prob(choice[batch]).sum(-1) - before[batch]
            ratio = torch.exp(log_ratio)
            bounded = ratio.clamp(1 - config.clip, 1 + config.clip)
            gain = torch.minimum(ratio * advantage[batch], bounded * advantage[batch]).mean()
            entropy = choices.entropy().sum(-1).mean()
            error = (learner.value(rows) - wanted[batch]).square().mean()
            if config.max_divergence:
                moved = (ratio - 1 - log_ratio).mean()  # Kullback-Leibler, never below 0
                far = far or bool(moved > config.max_divergence)
            optimizer.zero_grad()
            (error if far else error - gain - config.entropy * entropy).backward()
            nn.utils.clip_grad_norm_([learner.scaled], 0.5)
            optimizer.step()
            parts = {"critic": error.detach(), "entropy": entropy.detach()}
    return parts


def _play_and_learn(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    lives: Lives,
    config: PolicyConfig,
    seed: int,
    update: int,
) -> dict[str, Tensor]:
    """One update: play on in all lives, and learn from it; returns what is to be logged."""
    learner.noise = config.noise * config.noise_decay**update
    seen = lives.play(learner, update_rng(seed, update, LIVES))
    parts = _learn(learner, optimizer, seen, config, update_rng(seed, update))
    # What is published is float16: a C beyond it has diverged, and must not play.
    largest = learner.params.detach().half().abs().max()
    return lives.told(seen) | parts | {"largest_weight": largest}


def learn_policy(
    lives: Lives,
    controller: Controller,
    config: PolicyConfig,
    folder: Path,
    seed: int,
    check: Check = lambda params: {},
    begin: Tensor | None = None,
    **facts: Any,
) -> dict[str, float]:
    """Train C in `lives` and leave controllers and metrics in `folder`; resumes bit for bit.

    C begins at zeros, or at `begin` (n_params,), whose play the critic first gets to know.

    The checkpoint stays, so that a finished training can go on to more updates, in other lives too
    (wmlib.records.keeper.hand_on).

    Every `check_every` updates C is kept (`update_00250`, …), and `check` may score it (without
    chance) in the world it learns in, `mean_return`, and in the real game, `real_return`. One is
    published (wmlib.learning.choosing): the best, or of a dream that was not asked about the game
    the last. Rows of metrics:
    mean `risk` of dying or `reward` per 1,000 steps (in the game also lives `lost`), the critic's
    squared error, the entropy of C's choices in nats, C's largest weight. `facts` are stored with
    the controllers. Returns what is known of the published C: {"update", "risk" or "reward"}, and
    the numbers of `check`.
    """
    with torch.random.fork_rng(devices=[]):  # the critic's hidden units; the caller's dice stay
        torch.manual_seed(seed)
        learner = Learner(controller, config.noise, config.critic_units).to(lives.env.device)
    optimizer = torch.optim.Adam([{"params": [learner.scaled]}])
    optimizer.add_param_group({"params": list(learner.critic.parameters())})
    keeper = Keeper(folder, learner, optimizer, config.updates, log_every=config.log_every)
    kept = dict[str, Tensor]()
    if keeper.extra:
        kept = {k: keeper.extra.pop(k) for k in list(keeper.extra) if k.startswith("update_")}
        lives.restore(keeper.extra)
    if keeper.update == 0:  # how far do the features swing while C acts by chance alone?
        by_chance = lives.play(learner, update_rng(seed, 0, FIRST_LIVES))
        learner.set_scale(by_chance.features, begin)
    with keeper:
        while keeper.update < config.updates:
            waits = begin is not None and keeper.update < min(WARM_UP, config.updates // 4)
            rates = 0.0 if waits else config.learning_rate, config.critic_learning_rate
            keeper.decay(config.learning_rate_decay, *rates)
            keeper.count(_play_and_learn(learner, optimizer, lives, config, seed, keeper.update))
            learner.remember(max(1 / config.average, 1 / keeper.update))
            found, name = {}, _name(keeper.update)
            if keeper.update % config.check_every == 0 or keeper.update == config.updates:
                kept[name] = learner.average.half().float()
                found = check(kept[name])
            if name in kept or keeper.due:
                keeper.log(**found)
            keeper.save_if_due(**lives.state(), **kept)
    rows = keeper.metrics.read()
    chosen = last(rows) if isinstance(config.world, DreamWorld) else best(rows)
    told = publish(folder, controller, chosen, kept, "update", **facts)
    return told | {"seconds": rows[-1]["seconds"]}


def least_updates(folder: Path) -> int:
    """The fewest updates at which the training in `folder` can end: with a C that is kept."""
    checkpoint = folder / "checkpoint.safetensors"
    if not checkpoint.exists():
        return 1
    tensors, state = load_checkpoint(checkpoint)
    done: int = state.get("update", 0)
    return done + (f"extra/{_name(done)}" not in tensors)


def _name(update: int) -> str:
    """What the C that is kept after an update is called."""
    return f"update_{update:05d}"
