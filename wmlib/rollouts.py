"""Play a policy, store the episodes, read them back (chapter 3).

A store is a folder in Zarr v3 format, one group per episode, and an index beside it:

    zarr.json                     what was played: game, policy, first seed, picture, versions
    episodes/000007/frames        uint8 (T, 64, 64, 3): x_0 … x_{T-1}
    episodes/000007/actions       float32 (T, A): a_t was chosen after x_t and led to x_{t+1}
    episodes/000007/rewards       float32 (T,): r_t came with a_t
    index.jsonl                   one line per episode: seed, length, how it ended, return

The frame after the last action is not stored: ViZDoom has none. An episode counts once its line is
in the index, which is written last, so a crash at any moment loses only the episodes in flight.
Frames are read in chunks of 50; nothing ever loads a whole set. T steps, A action dims, N slots.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import zarr
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from tqdm.auto import tqdm
from zarr.codecs import ZstdCodec

from wmlib.policies import Policy, make_policy
from wmlib.presets import TASKS, CollectConfig, Task
from wmlib.runs import PICTURE_ID, RunFolder, UserError, stage_manifest, versions
from wmlib.seeds import TRAINING, check

CHUNK = 50  # frames; longer chunks save < 5 % of space and make random reads slower
LEVEL = 3  # zstd; level 9 saves 9 % of space and takes six times as long


@dataclass
class Episode:
    """One episode of T steps in memory."""

    number: int
    seed: int
    frames: list[NDArray] | NDArray = field(default_factory=list)  # (T, ...)
    actions: list[NDArray] | NDArray = field(default_factory=list)  # (T, A)
    rewards: list[float] | NDArray = field(default_factory=list)  # (T,)
    extras: dict[str, list] = field(default_factory=dict)  # each (T, ...)
    terminated: bool = False
    truncated: bool = False

    @property
    def length(self) -> int:
        return len(self.rewards)


class RolloutStore:
    """The episodes stored in a folder; opens what is there, with `facts` also makes a new one.

    Episodes are counted by their place in `index`, which is sorted by episode number. One process
    may write, any number may read meanwhile (`refresh()` reads the index again).
    """

    def __init__(self, path: str | Path, facts: dict[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._index_file = self.path / "index.jsonl"
        self._lock = None
        if facts is not None:
            self._begin_writing(facts)
        try:
            self._root = zarr.open_group(self.path, mode="r+" if self._lock else "r")
        except FileNotFoundError:
            raise UserError(f"{self.path} holds no rollouts: run collect first") from None
        self.facts: dict[str, Any] = dict(self._root.attrs)
        self.refresh()

    def refresh(self) -> None:
        """Read the index: `index` holds the rows of the episodes kept, `dropped` of the others."""
        rows = sorted(_whole_rows(self._index_file), key=lambda row: row["episode"])
        self.index = [row for row in rows if row["kept"]]
        self.dropped = [row for row in rows if not row["kept"]]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_frames(self) -> int:
        """Frames in all episodes."""
        return sum(row["length"] for row in self.index)

    def frames(self, i: int, part: slice = slice(None)) -> NDArray[np.uint8]:
        """Frames x_t of the i-th episode, (T, 64, 64, 3), or a part of them."""
        return self._array(i, "frames")[part]

    def actions(self, i: int) -> NDArray[np.float32]:
        """Actions a_t of the i-th episode, (T, A)."""
        return self._array(i, "actions")[:]

    def rewards(self, i: int) -> NDArray[np.float32]:
        """Rewards r_t of the i-th episode, (T,)."""
        return self._array(i, "rewards")[:]

    def extra(self, i: int, name: str) -> NDArray:
        """A value of the game's `info` recorded with each frame of the i-th episode, (T, ...)."""
        return self._array(i, name)[:]

    def bytes_per_frame(self) -> float:
        """Bytes on disk for each frame, everything counted."""
        size = sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
        return size / max(self.n_frames, 1)

    def append(self, episode: Episode, policy: str, keep: bool = True) -> None:
        """Store an episode; with `keep=False` only a line that says that it was played.

        Raises UserError when the disk is full; the episodes stored before stay as they are.
        """
        row = {
            "episode": episode.number,
            "seed": episode.seed,
            "length": episode.length,
            "terminated": bool(episode.terminated),
            "truncated": bool(episode.truncated),
            "return": float(np.sum(episode.rewards)),
            "policy": policy,
            "kept": keep,
        }
        folder = self.path / _group(episode.number)
        size = self._index_file.stat().st_size
        try:
            shutil.rmtree(folder, ignore_errors=True)  # what a crash left
            if keep:
                self._write(episode)
            with open(self._index_file, "a") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            with open(self._index_file, "r+") as file:
                file.truncate(size)
            raise UserError(
                f"cannot write to {self.path}: {error.strerror}. {len(self)} episodes are safe; "
                "make room and give the same command again"
            ) from error
        (self.index if keep else self.dropped).append(row)
        self.index.sort(key=lambda row: row["episode"])

    def close(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            self._lock.close()

    def _array(self, i: int, name: str) -> zarr.Array:
        return self._root[f"{_group(self.index[i]['episode'])}/{name}"]

    def _write(self, episode: Episode) -> None:
        group = self._root.create_group(_group(episode.number), overwrite=True)
        frames = np.stack(episode.frames)
        padded = -(-len(frames) // CHUNK) * CHUNK
        group.create_array(
            "frames",
            data=frames,
            chunks=(CHUNK, *frames.shape[1:]),
            shards=(padded, *frames.shape[1:]),  # one file for all chunks of an episode
            compressors=ZstdCodec(level=LEVEL),
        )
        small = {"actions": episode.actions, "rewards": episode.rewards, **episode.extras}
        for name, values in small.items():
            data = np.asarray(values, dtype=np.float32)
            group.create_array(name, data=data, chunks=data.shape)

    def _begin_writing(self, facts: dict[str, Any]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "w")  # noqa: SIM115 (held until close)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not (self.path / "zarr.json").exists():
                zarr.create_group(self.path, attributes={**facts, "versions": versions()})
            _drop_torn_row(self._index_file)
        except BlockingIOError:
            raise UserError(f"another process is collecting into {self.path}") from None
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}") from error
        there = zarr.open_group(self.path, mode="r").attrs
        for key, value in facts.items():
            if there.get(key) != value:
                raise UserError(
                    f"{self.path} holds rollouts with {key} {there.get(key)}, not {value}: "
                    "choose another folder, or delete this one"
                )


def _group(number: int) -> str:
    return f"episodes/{number:06d}"


def _whole_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of an index; a last line without its end was being written in a crash."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().split("\n")[:-1]]


def _drop_torn_row(file: Path) -> None:
    with open(file, "ab+") as index:
        index.seek(0)
        index.truncate(index.read().rfind(b"\n") + 1)


# ---------------------------------------------------------------- reading


def sample_frames(store: RolloutStore, count: int, seed: int) -> NDArray[np.uint8]:
    """`count` different frames in random order, uint8 (count, 64, 64, 3), from all episodes.

    Fewer if the store has fewer. 12,288 bytes each: 100,000 frames take 1.2 GB of memory.
    """
    rng = np.random.default_rng(seed)
    lengths = [row["length"] for row in store.index]
    total = sum(lengths)
    count = min(count, total)
    chosen = np.sort(rng.choice(total, count, replace=False, shuffle=False))
    place = rng.permutation(count)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    bounds = np.searchsorted(chosen, starts)  # chosen[bounds[i]:bounds[i + 1]] are in episode i
    sample: NDArray[np.uint8] | None = None
    for i in range(len(store)):
        part = slice(bounds[i], bounds[i + 1])
        if part.start == part.stop:
            continue
        frames = store.frames(i)[chosen[part] - starts[i]]
        if sample is None:
            sample = np.empty((count, *frames.shape[1:]), frames.dtype)
        sample[place[part]] = frames
    if sample is None:
        raise UserError(f"{store.path} holds no frames: run collect first")
    return sample


def episodes(store: RolloutStore) -> Iterator[tuple[dict[str, Any], NDArray, NDArray, NDArray]]:
    """Each episode in turn: its index row, frames, actions, rewards."""
    for i, row in enumerate(store.index):
        yield row, store.frames(i), store.actions(i), store.rewards(i)


# ---------------------------------------------------------------- playing


def play(
    env: VectorEnv,
    policy: Policy,
    next_episode: Callable[[], tuple[int, int] | None],
    record: tuple[str, ...] = (),
) -> Iterator[Episode]:
    """Play episodes over the slots of `env` (autoreset disabled) and yield each as it ends.

    `next_episode()` gives (number, seed), or None when there is none to begin; it is asked again
    whenever an episode has ended and the caller has had it. `record` names values of `info` to
    keep with each frame.
    """
    slots: list[Episode | None] = [None] * env.num_envs
    free = np.ones(env.num_envs, dtype=bool)
    seeds = [0] * env.num_envs
    observations, seen = None, {}
    while True:
        for slot in np.flatnonzero(free):
            slots[slot] = None
            if (episode := next_episode()) is not None:
                slots[slot] = Episode(*episode)
                seeds[slot] = slots[slot].seed
        live = np.array([episode is not None for episode in slots])
        if not live.any():
            return
        begin = free & live  # a slot without a new episode stands still at the end of its last
        if begin.any():
            observations, info = env.reset(seed=list(seeds), options={"reset_mask": begin.copy()})
            policy.reset(seeds, begin)
            seen = _update(seen, info, record, begin)
        actions = policy.act(observations)
        for slot, episode in enumerate(slots):
            if episode is not None:
                episode.frames.append(np.array(observations[slot]))
                episode.actions.append(np.array(actions[slot]))
                for name in record:
                    episode.extras.setdefault(name, []).append(seen[name][slot])
        observations, rewards, terminated, truncated, info = env.step(actions)
        seen = _update(seen, info, record, np.ones_like(free))
        free = (terminated | truncated) & live
        for slot, episode in enumerate(slots):
            if episode is not None:
                episode.rewards.append(float(rewards[slot]))
                if free[slot]:
                    episode.terminated = bool(terminated[slot])
                    episode.truncated = bool(truncated[slot])
                    yield episode


def _update(seen: dict, info: dict, record: tuple[str, ...], mask: NDArray[np.bool_]) -> dict:
    """The newest recorded values (N, ...); a partial reset brings news of its slots only."""
    for name in record:
        if name not in info:
            raise ValueError(f"the game's info has no '{name}': it has {', '.join(info) or 'none'}")
    return {
        name: np.array([new if m else old for m, new, old in zip(mask, info[name], seen[name])])
        if seen
        else np.array(info[name])
        for name in record
    }


def collect(
    task: str,
    policy: str | Policy,
    episodes: int,
    seed: int,
    path: str | Path,
    num_envs: int = 2,
    game: str = "reference",
    max_episode_steps: int | None = None,
    min_episode_steps: int = 1,
    record: tuple[str, ...] = (),
    progress: bool = True,
    **options: Any,
) -> RolloutStore:
    """Play until `episodes` episodes of at least `min_episode_steps` are stored under `path`.

    Episode i has the environment seed `seed` + i and the policy's randomness comes from the same
    number, so what is stored does not depend on `num_envs` (games side by side) nor on
    interruptions: the same call goes on where the last one stopped. `policy` is a name from
    wmlib.policies or an object like them. `game` is "reference" or "batched". `options` go to the
    environment.
    """
    facts = {
        "task": task,
        "game": game,
        "policy": policy if isinstance(policy, str) else policy.name,
        "seed": seed,
        "max_episode_steps": max_episode_steps,
        "min_episode_steps": min_episode_steps,
        "picture": PICTURE_ID,
    }
    store = RolloutStore(path, facts)
    queue = _Queue(store, episodes, seed)
    if queue.missing == 0:
        store.close()
        return store
    if max_episode_steps is not None:
        options["max_episode_steps"] = max_episode_steps
    env = gym.make_vec(
        _env_id(task, game),
        num_envs=min(num_envs, queue.missing),
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.DISABLED,
        **options,
    )
    bar = tqdm(total=episodes, initial=len(store), unit="ep", disable=not progress, desc=task)
    try:
        player = make_policy(policy, env.single_action_space) if isinstance(policy, str) else policy
        frames = 0
        for episode in play(env, player, queue.next, record):
            keep = episode.length >= min_episode_steps
            store.append(episode, player.name, keep)
            queue.finished(keep)
            frames += episode.length
            bar.set_postfix_str(f"{frames / bar.format_dict['elapsed']:.0f} frames/s")
            bar.update(keep)
    finally:
        bar.close()
        env.close()
        store.close()
    return store


class _Queue:
    """Which episode begins next. Numbers are given out in order; those stored are left out.

    An episode begins only while those kept and those in flight are too few, so the numbers kept
    are the same for any number of slots, even when short episodes are dropped.
    """

    def __init__(self, store: RolloutStore, episodes: int, seed: int) -> None:
        self.done = {row["episode"] for row in store.index + store.dropped}
        self.missing = max(0, episodes - len(store))
        self.in_flight = 0
        self.number = 0
        self.seed = seed

    def next(self) -> tuple[int, int] | None:
        """(number, seed) of the next episode, or None."""
        if self.in_flight >= self.missing:
            return None
        while self.number in self.done:
            self.number += 1
        self.in_flight += 1
        self.number += 1
        return self.number - 1, self.seed + self.number - 1

    def finished(self, keep: bool) -> None:
        """An episode was played; was it kept?"""
        self.in_flight -= 1
        self.missing -= keep


def _env_id(task: str, game: str) -> str:
    if task not in TASKS:
        raise UserError(f"no task '{task}': choose one of {', '.join(TASKS)}")
    env_id = {"reference": TASKS[task].env_id, "batched": TASKS[task].batched_id}.get(game)
    if env_id is None:
        raise UserError(f"{task} has no game '{game}': choose reference")
    return env_id


def collect_run(run: RunFolder, task: Task, config: CollectConfig, seed: int) -> RolloutStore:
    """Stage 1 of a run: fill RUN/rollouts as the preset says, and write its manifest.

    `seed` is the run's; run 0 plays the training seeds from 100,000 on, run 1 from 120,000 on, …
    """
    first = TRAINING.start + 20_000 * seed
    check("training", first, config.episodes)
    folder = run.stage("rollouts", create=True)
    with stage_manifest(folder, "collect", config, seed, "cpu") as result:
        store = collect(
            task.name,
            config.policy,
            config.episodes,
            first,
            folder,
            config.num_envs,
            config.game,
            config.max_episode_steps,
            config.min_episode_steps,
        )
        result |= {
            "episodes": len(store),
            "frames": store.n_frames,
            "dropped": len(store.dropped),
            "bytes_per_frame": round(store.bytes_per_frame()),
        }
    return store
