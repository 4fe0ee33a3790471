"""Play a policy in the real game and store the episodes (chapter 3).

The episodes to play are a queue over the N slots of one vector environment: when a slot's episode
has ended, the next one begins there, so the batch stays full. What is stored depends on the seeds
alone. How it is stored is told in wmlib/data/store.py.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from wmlib.data.policies import Mixture, Policy, make_policy
from wmlib.data.store import Episode, RolloutStore
from wmlib.errors import UserError
from wmlib.model.actions import action_space
from wmlib.records.progress import EpisodeBar
from wmlib.records.run_folder import PICTURE_ID
from wmlib.tasks import get_task
from wmlib.worlds.crew import Crew, on_cluster
from wmlib.worlds.real import game_id, make_games

PATIENCE = 1000
"""So many episodes in a row that are too short to keep end a collection."""


def play(
    env: VectorEnv,
    policy: Policy,
    next_episode: Callable[[], tuple[int, int] | None],
    record: tuple[str, ...] = (),
    progress: Callable[[int], object] = lambda steps: None,
    patience: int = 0,
) -> Iterator[Episode]:
    """Play episodes over the slots of `env` (autoreset disabled) and yield each as it ends.

    With `patience`, one is also left when so many steps have brought no reward above 0.

    `next_episode()` gives (number, seed), or None when there is none to begin; it is asked again
    whenever an episode has ended and the caller has had it. `record` names values of `info` to
    keep with each frame; `progress` is called with the number of live steps of each step.
    """
    slots: dict[int, Episode] = {}
    free = np.ones(env.num_envs, dtype=bool)
    seeds: Any = [0] * env.num_envs
    observations: Any = None
    seen: dict[str, NDArray] = {}
    while True:
        begin = np.zeros(env.num_envs, dtype=bool)
        for slot in np.flatnonzero(free).tolist():
            slots.pop(slot, None)
            if (job := next_episode()) is not None:
                slots[slot], seeds[slot], begin[slot] = Episode(*job), job[1], True
        if not slots:
            return
        if begin.any():  # a slot without a new episode stands still at the end of its last
            if observations is None:
                begin[:] = True  # at first also slots that will have no episode
            observations, info = env.reset(seed=seeds.copy(), options={"reset_mask": begin.copy()})
            policy.reset(seeds, begin)
            seen = _update(seen, info, record, begin)
        actions = policy.act(observations)
        for slot, episode in slots.items():
            episode.frames.append(np.array(observations[slot]))
            episode.actions.append(np.array(actions[slot]))
            for name in record:
                episode.extras.setdefault(name, []).append(seen[name][slot])
        observations, rewards, terminated, truncated, info = env.step(actions)
        seen = _update(seen, info, record, np.ones_like(free))
        progress(len(slots))
        free[:] = False
        for slot, episode in slots.items():
            episode.rewards.append(float(rewards[slot]))
            left = truncated[slot] or in_vain(episode.rewards, patience)
            if terminated[slot] or left:
                free[slot] = True
                episode.terminated = bool(terminated[slot])
                episode.truncated = bool(left)
                yield episode


def in_vain(rewards: list[float], patience: int) -> bool:
    """Whether the last `patience` steps of an episode brought no reward (0: never)."""
    return 0 < patience <= len(rewards) and max(rewards[-patience:]) <= 0


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


class _Games:
    """Games and who plays them, as a worker of a cluster holds them."""

    def __init__(self, make: Callable[[], VectorEnv], policy: Policy, patience: int) -> None:
        self.env, self.policy, self.patience = make(), policy, patience


def _play_some(
    games: _Games, episodes: list[tuple[int, int]], record: tuple[str, ...]
) -> list[Episode]:
    upcoming = iter(episodes)
    following = partial(next, upcoming, None)
    return list(play(games.env, games.policy, following, record, patience=games.patience))


def _play_spread(
    crew: Crew,
    slots: int,
    next_episode: Callable[[], tuple[int, int] | None],
    record: tuple[str, ...],
    progress: Callable[[int], object],
) -> Iterator[Episode]:
    """As `play`, by the workers of a crew, of which each takes `slots` episodes at a time."""

    def next_task() -> tuple | None:
        some = [job for _ in range(slots) if (job := next_episode()) is not None]
        return (some, record) if some else None

    for _, episodes in crew.run(_play_some, next_task):
        for episode in episodes:
            progress(episode.length)
            yield episode


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
    patience: int = 0,
    cluster: str = "",
    **options: Any,
) -> RolloutStore:
    """Play until `episodes` episodes of at least `min_episode_steps` are stored under `path`.

    Episode i has the environment seed `seed` + i and the policy's randomness comes from the same
    number, so what is stored does not depend on `num_envs` (games side by side) nor on
    interruptions: the same call goes on where the last one stopped. (An agent as the policy
    calculates in batches, whose rounding depends on their size.) `policy` is a name from
    wmlib.data.policies or an object like them; a store may hold episodes of several, its index says
    who played. `game` is "reference" or "batched". With `patience`, an episode is left when so many
    steps have brought no reward. `cluster` is the address of a Ray cluster, or "auto"
    (wmlib.worlds.cluster): then `num_envs` games are played on each of its cores, and stored here.
    `options` go to the environment.
    """
    game_task = get_task(task)
    game_id(game_task, game)  # refuses before anything is written
    facts = {
        "task": task,
        "game": game,
        "seed": seed,
        "max_episode_steps": max_episode_steps,
        "min_episode_steps": min_episode_steps,
        "picture": PICTURE_ID,
        "patience": patience,
    }
    store = RolloutStore(path, facts)
    queue = _Queue(store, episodes, seed)
    if queue.missing == 0:
        store.close()
        return store
    steps = game_task.max_episode_steps if max_episode_steps is None else max_episode_steps
    with ExitStack() as stack:
        stack.callback(store.close)
        player = make_policy(policy, action_space(game_task)) if isinstance(policy, str) else policy
        if player.is_agent:
            store.admit_agents()
        slots = min(num_envs, queue.missing)
        make = partial(make_games, game_task, slots, steps, game, **options)
        bar = EpisodeBar(
            f"{episodes} episodes of {task}",
            episodes,
            steps,
            len(store),
            store.n_frames,
            disable=not progress,
        )
        stack.callback(bar.close)
        if cluster:
            crew = on_cluster(partial(_Games, make, player, patience), cluster)
            stack.callback(crew.close)
            played = _play_spread(crew, slots, queue.next, record, bar.update)
        else:
            env = make()
            stack.callback(env.close)
            played = play(env, player, queue.next, record, bar.update, patience)
        _keep(played, store, queue, player, min_episode_steps, bar)
    return store


def _keep(
    played: Iterator[Episode],
    store: RolloutStore,
    queue: "_Queue",
    player: Policy,
    min_episode_steps: int,
    bar: EpisodeBar,
) -> None:
    """Store the episodes that are long enough, until there are as many as the queue wants."""
    for episode in played:
        keep = episode.length >= min_episode_steps
        who = player.member(episode.seed) if isinstance(player, Mixture) else player
        store.append(episode, who.name, keep)
        queue.finished(episode.number, keep)
        if queue.in_vain >= PATIENCE:
            raise UserError(
                f"{PATIENCE} episodes in a row were shorter than --min-episode-steps "
                f"{min_episode_steps}: lower it, in another --run-dir"
            )
        bar.finish(keep)


class _Queue:
    """Which episode begins next. Numbers are given out in order; those stored are left out.

    An episode begins only while those kept and those in flight are too few, so the numbers kept
    are the same for any number of slots, even when short episodes are dropped.
    """

    def __init__(self, store: RolloutStore, episodes: int, seed: int) -> None:
        self.kept = {row["episode"]: True for row in store.index}
        self.kept |= {row["episode"]: False for row in store.dropped}
        self.missing = max(0, episodes - len(store))
        self.in_flight = 0
        self.number = self.judged = 0
        self.in_vain = 0
        """so many episodes up to number `judged` were too short, in a row"""
        self.seed = seed

    def next(self) -> tuple[int, int] | None:
        """(number, seed) of the next episode, or None."""
        if self.in_flight >= self.missing:
            return None
        while self.number in self.kept:
            self.number += 1
        self.in_flight += 1
        self.number += 1
        return self.number - 1, self.seed + self.number - 1

    def finished(self, number: int, keep: bool) -> None:
        """An episode was played; was it kept?"""
        self.in_flight -= 1
        self.missing -= keep
        self.kept[number] = keep
        while self.judged in self.kept:  # in their order: the short ones end first
            self.in_vain = 0 if self.kept[self.judged] else self.in_vain + 1
            self.judged += 1
