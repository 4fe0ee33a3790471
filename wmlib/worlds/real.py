"""The real game seen through V and M: it emits the same features as the dream (wmlib.worlds.dream).

So training, evaluation and the chapters call the same `play` for both, and C cannot tell them
apart.

Letters: N games side by side, F features.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from wmlib.envs.checks import narrowed_seed
from wmlib.errors import UserError
from wmlib.model.actions import action_space
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import Vision
from wmlib.tasks import Task
from wmlib.worlds.features import FeatureVectorEnv, Mind

PICTURE = gym.spaces.Box(0, 255, (64, 64, 3), np.uint8)
"""What V sees."""


class GameFeatures(FeatureVectorEnv):
    """The real game seen through V and M: emits [z, h] (or [z, h, c]) instead of pictures.

    `self.pictures` holds the frames (N, 64, 64, 3) behind `self.z`.
    """

    def __init__(
        self,
        task: Task,
        games: gym.vector.VectorEnv,
        vision: Vision,
        memory: MDNRNN,
        device: torch.device | str = "cpu",
    ) -> None:
        mind = Mind(task, memory, games.num_envs, torch.device(device), vision)
        super().__init__(task, mind, games.num_envs)
        _check_games(task, games)
        self.games = games
        self._tape = None if hasattr(games, "snapshot") else _Tape(games.num_envs)
        self.pictures: Any = None

    @torch.no_grad()
    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[Tensor, dict]:
        """Begin episodes in the masked slots (all by default); one seed per slot."""
        where, mask, seeds = self._begin(seed, options)
        # What the tape keeps is int64, and brings a game back by the very seed that it had.
        slot_seeds = [None if s is None else narrowed_seed(s, 63) for s in seeds]
        self.pictures, info = self.games.reset(seed=slot_seeds, options={"reset_mask": mask})  # type: ignore[arg-type]
        self.mind.look(self.pictures, where)
        if self._tape:
            self._tape.begin(slot_seeds, mask)
        return self.features(), info

    @torch.no_grad()
    def step(self, actions: Any) -> tuple[Tensor, Any, Any, Any, dict]:
        """M remembers (z, a), the game moves, V looks at the new picture."""
        actions = self._checked(actions)
        self.mind.remember(actions)
        on_gpu = self.device.type == "cuda" and getattr(self.games, "emits_torch", False)
        played = actions if on_gpu else actions.cpu().numpy()
        self.pictures, *rest, info = self.games.step(played)
        if self._tape:
            self._tape.actions.append(np.array(played))  # the caller may use its array again
        told = _on_its_way(rest)
        self.mind.look(self.pictures)
        reward, terminated, truncated = told()
        return self.features(), reward, terminated, truncated, info

    def snapshot(self) -> dict[str, Tensor]:
        """As in the dream, with the games themselves (`game_…`): their state where they can tell
        it, else what was done in each since it began, for the same actions lead there again."""
        games = self._tape.told() if self._tape else self.games.snapshot()  # type: ignore[attr-defined]
        return super().snapshot() | {f"game_{k}": torch.as_tensor(v) for k, v in games.items()}

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Go back to a `snapshot`: the same actions then lead to the same episodes."""
        games = {k.removeprefix("game_"): v for k, v in kept.items() if k.startswith("game_")}
        super().restore({k: v for k, v in kept.items() if not k.startswith("game_")})
        if self._tape:
            self.pictures = self._tape.play_again(self.games, games)
            return
        on_gpu = getattr(self.games, "emits_torch", False)
        self.pictures = self.games.restore(  # type: ignore[attr-defined]
            {k: v.to(self.device) if on_gpu else v.cpu().numpy() for k, v in games.items()}
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Close the games behind."""
        self.games.close()


class _Tape:
    """What was done in N games since each of them began.

    It stands for the state of games that cannot tell it (Doom's engine, Box2D): with the same seed
    and the same actions a game comes to the same place.
    """

    def __init__(self, num_envs: int) -> None:
        self.seeds = np.zeros(num_envs, dtype=np.int64)
        self.began = np.zeros(num_envs, dtype=np.int64)
        """(N,) how many of `actions` came before the game's first"""
        self.actions: list[np.ndarray] = []
        """T times (N, A)"""

    def begin(self, slot_seeds: list, mask: np.ndarray) -> None:
        """The games in `mask` (N,) begin anew; what no game needs any more is forgotten."""
        self.seeds[mask] = [seed for seed, new in zip(slot_seeds, mask) if new]
        self.began[mask] = len(self.actions)
        first = int(self.began.min())
        del self.actions[:first]
        self.began -= first

    def told(self) -> dict[str, np.ndarray]:
        """All of it as it is now, by name."""
        actions = np.stack(self.actions) if self.actions else np.zeros((0, len(self.seeds), 1))
        return {"seeds": self.seeds.copy(), "began": self.began.copy(), "actions": actions}

    def play_again(self, games: Any, told: dict[str, Tensor]) -> Any:
        """Bring `games` to where they were when this was `told`; returns the pictures (N, …).

        Each game begins when its turn comes, so that all arrive together; until then it plays
        along, for nothing.
        """
        self.seeds, self.began = told["seeds"].numpy().copy(), told["began"].numpy().copy()
        self.actions = list(told["actions"].numpy())
        pictures, _ = games.reset(seed=self.seeds.tolist())
        for t in range(len(self.actions) + 1):
            starting = self.began == t
            if t and starting.any():
                seeds, mask = self.seeds.tolist(), {"reset_mask": starting}
                pictures, _ = games.reset(seed=seeds, options=mask)
            if t < len(self.actions):
                pictures, *_ = games.step(self.actions[t])
        return pictures


def _on_its_way(told: list) -> Callable[[], list[np.ndarray]]:
    """Rewards and ends (N,) of a game, for the CPU, which counts them: to be asked for later.

    From a GPU one copy is sent, begun before V looks: whoever then waits for it does not wait for
    V, and can prepare the next step meanwhile.
    """
    if not isinstance(told[0], Tensor):
        return lambda: told
    copy = torch.stack([x.double() for x in told]).to("cpu", non_blocking=True)
    arrived = torch.cuda.current_stream().record_event() if told[0].is_cuda else None

    def ask() -> list[np.ndarray]:
        if arrived is not None:
            arrived.synchronize()
        reward, terminated, truncated = copy.numpy()
        return [reward, terminated != 0, truncated != 0]

    return ask


def make_games(
    task: Task, num_envs: int, max_episode_steps: int, game: str = "reference", **kwargs: Any
) -> gym.vector.VectorEnv:
    """The task's real games side by side, autoreset off; `batched` is our CarRacing simulator."""
    games = gym.make_vec(
        game_id(task, game),
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        max_episode_steps=max_episode_steps,
        autoreset_mode=AutoresetMode.DISABLED,
        **kwargs,
    )
    try:
        _check_games(task, games)
    except UserError:
        games.close()
        raise
    return games


def game_id(task: Task, game: str) -> str:
    """Gymnasium's id of the task's `reference` or `batched` game, or a UserError."""
    if game not in ("reference", "batched"):
        raise UserError(f"no game '{game}': choose reference or batched")
    env_id = task.env_id if game == "reference" else task.batched_id
    if env_id is None:
        raise UserError(f"{task.name} has no batched simulator: use --game reference")
    return env_id


def _check_games(task: Task, games: gym.vector.VectorEnv) -> None:
    """UserError where a game is not what its task says, or what the pipeline can play."""
    said, actions = action_space(task), games.single_action_space
    if actions != said:
        raise UserError(f"task {task.name} says that actions are {said}, its game has {actions}")
    seen = games.single_observation_space
    if task.pictures and seen != PICTURE:
        raise UserError(
            f"{task.name} shows {seen}, V needs pictures uint8 (64, 64, 3): wmlib.envs.pictures"
        )
    if games.metadata.get("autoreset_mode") != AutoresetMode.DISABLED:
        raise UserError(
            f"{task.name}: the games must take autoreset_mode=AutoresetMode.DISABLED and say so in "
            'their metadata["autoreset_mode"]'
        )
