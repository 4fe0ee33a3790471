"""The games as the pipeline sees them: names, sizes, and how C's outputs become actions."""

from dataclasses import dataclass
from typing import Literal

from wmlib.errors import UserError


@dataclass(frozen=True)
class Task:
    """A game as the pipeline sees it."""

    name: str
    env_id: str
    """the reference game"""
    n_actions: int
    squash: Literal["car", "tanh"]
    """how C's outputs become the game's action"""
    cell_feature: bool
    """whether C also sees the LSTM's cell c"""
    bias: bool
    """whether C has biases (the released Doom code has none)"""
    batched_id: str | None = None
    """our simulator of the game, where there is one"""
    step_reward: float = 0.0
    """reward per step that needs no head: Doom pays 1 for every tic survived"""
    max_episode_steps: int = 1000
    """the cap of the full game"""
    action_scale: float = 1.0
    """squash = tanh: the game's action is in (-scale, scale)"""
    state_scale: tuple[float, ...] = ()
    """for a game that tells a state instead of a picture: z is the state, times these numbers"""
    chance: Literal["noise", "coin"] = "noise"
    """how C explores while it learns by policy gradient: noise on its outputs, or, where full
    left and full right are all there is, a coin"""
    fps: int = 30
    """steps per second of the game, at which it is filmed"""

    @property
    def pictures(self) -> bool:
        """Whether the game is seen (the pendulum tells its state, and needs no V)."""
        return not self.state_scale

    def __post_init__(self) -> None:
        if self.squash not in ("car", "tanh") or (self.squash == "car" and self.n_actions != 3):
            raise UserError(
                f"task {self.name}: squash '{self.squash}' with n_actions {self.n_actions}: choose "
                "'tanh', or 'car' for the three actions of the car (wmlib.model.actions)"
            )


TASKS = {
    "car_racing": Task(
        "car_racing",
        "wmlib/CarRacing-v3",
        n_actions=3,
        squash="car",
        cell_feature=False,
        bias=True,
        batched_id="wmlib/CarRacingBatched-v3",
        fps=50,
    ),
    "doom_take_cover": Task(
        "doom_take_cover",
        "wmlib/DoomTakeCover-v1",
        n_actions=1,
        squash="tanh",
        cell_feature=True,
        bias=False,
        step_reward=1.0,
        max_episode_steps=2100,
        chance="coin",
        fps=35,
    ),
    "pendulum": Task(
        "pendulum",
        "wmlib/PendulumHanging-v1",
        n_actions=1,
        squash="tanh",
        cell_feature=False,
        bias=True,
        max_episode_steps=200,
        action_scale=2.0,
        state_scale=(1.0, 1.0, 0.5),  # the angular velocity matters most where it is small
        fps=20,
    ),
}


def get_task(name: str) -> Task:
    """The task of that name, or a UserError that lists the names."""
    if name not in TASKS:
        raise UserError(f"no task '{name}': choose one of {', '.join(TASKS)}")
    return TASKS[name]
