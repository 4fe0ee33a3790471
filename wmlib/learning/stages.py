"""The first and the last stage of a run: collect data, score the agent."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import torch

from wmlib import seeds
from wmlib.agent import Agent, is_published, load_agent, weights_of
from wmlib.configs import (
    CollectConfig,
    EvaluateConfig,
)
from wmlib.data.exploring import make_player
from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore, refuse_other_games
from wmlib.device import check_spread
from wmlib.errors import UserError, keeping_nothing
from wmlib.records.progress import EpisodeBar, tell
from wmlib.records.run_folder import RunFolder
from wmlib.records.stage import Stage
from wmlib.tasks import Task
from wmlib.worlds.evaluate import Scores, evaluate
from wmlib.worlds.play import Arena
from wmlib.worlds.real import GameFeatures, game_id


def collect_run(run: RunFolder, task: Task, config: CollectConfig, seed: int) -> RolloutStore:
    """Stage 1 of a run: fill RUN/rollouts as the preset says, and write its manifest.

    `seed` is the run's, which decides the training seeds it plays (wmlib.seeds).
    """
    seeds.check_games(seed, config.episodes)
    if run.rounds(begun=True):
        raise UserError(f"{run.path} holds the rounds of iterate: give another --run-dir")
    player = make_player(config.policy, task, config.exploration)  # a mistake shows before
    game_id(task, config.game)  # the folder is claimed
    refuse_other_games(run, task)
    folder = run.stage("rollouts", create=True)
    with Stage(folder, "collect", config, seed) as stage:
        if stage.done:
            store = RolloutStore(folder)
            if len(store) == stage.result["episodes"]:
                return store
            tell(f"{folder} has lost episodes: they are played again")
            stage.reopen()
        store = collect(
            task.name,
            player,
            config.episodes,
            seeds.first_of_run(seed),
            folder,
            config.num_envs,
            config.game,
            config.max_episode_steps,
            config.min_episode_steps,
            cluster=config.cluster,
        )
        stage.result |= {
            "episodes": len(store),
            "policies": dict(Counter(row["policy"] for row in store.index)),
            "frames": store.n_frames,
            "dropped": len(store.dropped),
            "bytes_per_frame": round(store.bytes_per_frame()),
        }
    return store


# ---------------------------------------------------------------- the score


def evaluate_run(
    weights: str | Path,
    task: Task,
    config: EvaluateConfig,
    first_seed: int,
    device: torch.device,
    controller: str = "controller",
) -> dict[str, Any]:
    """Stage 5: score an agent in the reference game; the result lands in its run folder.

    Episodes are kept as they end: an interrupted scoring goes on where it stopped. (The published
    agent has no run folder, so its score is returned and nothing is kept.)
    """
    if config.cluster:
        check_spread("--cluster", device)
    agent = load_agent(weights, task, controller)
    facts: dict[str, Any] = {
        "max_episode_steps": config.max_episode_steps,
        "seeds": seeds.kind_of(first_seed, config.episodes),
    }
    if is_published(weights):
        with keeping_nothing():
            return facts | _score(agent, config, first_seed, device)
    run = RunFolder(weights).latest()
    facts["weights"] = weights_of(run, controller)
    scores = Scores(run.path, controller, facts, first_seed, config.episodes)
    if scores.finished:
        return scores.finished
    return scores.store(_score(agent, config, first_seed, device, scores.known, scores.keep))


def _score(
    agent: Agent, config: EvaluateConfig, first_seed: int, device: torch.device, *kept: Any
) -> dict[str, Any]:
    """Play with a progress bar; `kept` as in wmlib.worlds.evaluate."""
    assert agent.controller is not None
    slots, total = min(config.slots, config.episodes), config.episodes
    make = partial(agent.real, slots, config.max_episode_steps, device=device)
    arena = Arena(make, cluster=config.cluster)
    known, keep = kept or ({}, lambda *row: None)
    steps = sum(length for _, length in known.values())
    bar = EpisodeBar(f"play {total} episodes", total, config.max_episode_steps, len(known), steps)

    def ended(*row: Any) -> None:
        keep(*row)
        bar.finish()

    try:
        given = agent.controller, agent.params, total, first_seed
        result = evaluate(arena, *given, bar.update, known, ended)
        return result | {"reference": arena.ask(_is_reference)}
    finally:
        bar.close()
        arena.close()


def _is_reference(world: GameFeatures) -> bool:
    """Whether scores may be published on that game."""
    return bool(world.games.metadata.get("reference"))
