"""Doom Take Cover: ViZDoom's scenario as the paper plays it.

Monsters at the far wall throw fireballs; the player can only step left or right. One step is one
tic (35 a second), every tic survived is worth 1, and an episode is cut at 2,100 tics (by the
registration's `max_episode_steps`: ViZDoom's own configuration has no time limit).

We talk to ViZDoom's DoomGame directly instead of its Gymnasium wrapper: the paper's action is one
number in (-1, 1) cut in thirds, and seeds must reproduce an episode frame by frame.
"""

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import vizdoom
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from wmlib.envs.checks import check_action, checked_seed, narrowed_seed
from wmlib.envs.guardian import Guardian
from wmlib.envs.pictures import picture
from wmlib.envs.pool import GameDied, WorkerPool

SKILL = 4  # take_cover.cfg says 4; gym-doom hard-coded 5, but the original's data fit 4
ROWS = 100  # of 120: the same share of the screen as the original's 400 of 480
MAX_FIREBALLS = 32
FIREBALL = "DoomImpBall"
SEED_BITS = 32  # ViZDoom takes no longer seeds
CRASHES = (  # what ViZDoom raises when its process has gone
    vizdoom.ViZDoomErrorException,
    vizdoom.ViZDoomIsNotRunningException,
    vizdoom.ViZDoomUnexpectedExitException,
    vizdoom.MessageQueueException,
    vizdoom.SharedMemoryException,
)


class DoomTakeCover(gym.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """The game itself; observations are its screen, uint8 (120, 160, 3).

    Actions are float32 (1,): below -1/3 the player moves left, above 1/3 right, else stands still.
    The reward is 1 for each tic. `info` holds `x`, the player's place along the wall, and `health`
    (100 at first; below 1 the player is dead).
    With `labels` it also holds `fireballs`, how many are on the screen, and `fireball_boxes`,
    float32 (32, 4): left, top, width, height of each in screen pixels, zeros after the last.

    ViZDoom has no frame after death, so the last live frame is returned again with
    `terminated=True`. Steps after the end change nothing and are worth 0.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 35, "reference": True}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, labels: bool = False) -> None:
        self.render_mode = render_mode
        self.labels = labels
        self.observation_space = Box(0, 255, (120, 160, 3), np.uint8)
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)
        self.game: Any = None  # vizdoom.DoomGame, started by the first reset
        self.screen: Any = None  # uint8 (120, 160, 3) after the first reset
        self.info: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """A new episode; the same seed gives the same episode, frame by frame.

        The seed goes to ViZDoom unchanged (hashed, if it has more than 32 bits; without one it is
        drawn from `np_random`), and before each episode, as otherwise ViZDoom's random stream
        simply goes on.
        """
        seed = checked_seed(seed)
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        if self.game is None:
            self._start()
        with self._alive():
            self.game.set_seed(narrowed_seed(seed, SEED_BITS))
            self.game.new_episode()
            self._look()
        return self.screen, dict(self.info)

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Play one tic."""
        if self.game is None:
            raise ResetNeeded("call reset() before step()")
        check_action(self.action_space, action)
        with self._alive():
            if self.game.is_episode_finished():
                return self.screen, 0.0, True, False, dict(self.info)
            a = float(action[0])
            self.game.make_action([a < -1 / 3, a > 1 / 3])
            terminated = self.game.is_episode_finished()
            if terminated:  # there is no picture any more, but the last wound can be told
                health = self.game.get_game_variable(vizdoom.GameVariable.HEALTH)
                self.info["health"] = float(health)
            else:
                self._look()
        return self.screen, 1.0, terminated, False, dict(self.info)

    def render(self) -> NDArray[np.uint8] | None:
        """The screen, uint8 (120, 160, 3)."""
        return self.screen

    def close(self) -> None:
        """End ViZDoom's own process and remove its folder (also done when the program ends)."""
        if self.game is not None:
            self._end()
            self.game = None

    def _start(self) -> None:
        game = vizdoom.DoomGame()
        game.load_config(os.path.join(vizdoom.scenarios_path, "take_cover.cfg"))
        game.set_doom_skill(SKILL)
        game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        game.set_available_buttons([vizdoom.Button.MOVE_LEFT, vizdoom.Button.MOVE_RIGHT])
        variables = [vizdoom.GameVariable.HEALTH, vizdoom.GameVariable.POSITION_Y]
        game.set_available_game_variables(variables)
        game.set_labels_buffer_enabled(self.labels)
        game.set_window_visible(False)
        game.set_sound_enabled(False)
        game.set_mode(vizdoom.Mode.PLAYER)
        # ViZDoom writes _vizdoom.ini and _vizdoom/ into the folder where it is started.
        folder = tempfile.mkdtemp(prefix="wmlib-doom-")
        game.set_doom_config_path(os.path.join(folder, "_vizdoom.ini"))
        guardian = Guardian(folder)
        try:
            with contextlib.chdir(folder):
                game.init()
        except CRASHES as error:
            _end(game, guardian, folder)
            raise GameDied(f"ViZDoom does not start ({error})") from error
        self.game = game
        self._end = weakref.finalize(self, _end, game, guardian, folder)

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        """Turn the death of ViZDoom's process into one clear error; the next reset starts anew."""
        try:
            yield
        except CRASHES as error:
            self.close()
            raise GameDied(f"ViZDoom's process has died ({error})") from error

    def _look(self) -> None:
        state = self.game.get_state()
        self.screen = state.screen_buffer
        health, x = state.game_variables
        self.info = {"x": float(x), "health": float(health)}
        if self.labels:
            balls = [ball for ball in state.labels if ball.object_name == FIREBALL]
            boxes = np.zeros((MAX_FIREBALLS, 4), np.float32)
            for box, ball in zip(boxes, balls):
                box[:] = ball.x, ball.y, ball.width, ball.height
            self.info |= {"fireballs": len(balls), "fireball_boxes": boxes}


def _end(game: vizdoom.DoomGame, guardian: Guardian, folder: str) -> None:
    game.close()  # first, as it saves its settings into the folder
    guardian.dismiss()
    shutil.rmtree(folder, ignore_errors=True)


def make(render_mode: str | None = None, labels: bool = False) -> gym.Env:
    """`wmlib/DoomTakeCover-v1`: the game with pictures uint8 (64, 64, 3)."""
    return picture(DoomTakeCover(render_mode, labels), ROWS)


def make_vector(num_envs: int, **options: Any) -> VectorEnv:
    """The vector entry point: one process for each of `num_envs` games (see WorkerPool)."""
    return WorkerPool("wmlib/DoomTakeCover-v1", num_envs, **options)


# gymnasium.make looks here, before there is a game, for the rendering modes.
make.metadata = DoomTakeCover.metadata  # type: ignore[attr-defined]
