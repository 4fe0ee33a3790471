"""The iterative procedure: play, learn M from all that was seen, learn C in M, again (chapter 10;
paper, section "Iterative Training Procedure").

    1. M and C begin with random parameters (or with those of an agent, to go on from it).
    2. C, with exploration noise, plays N episodes of the real game; everything is stored.
    3. M learns p(x', r', … | x, a, h) from all episodes so far; C learns inside M.
    4. Back to 2 until the task is done.

M and C may learn anew in each round, or go on where the last one left them: then rounds can be
many and short, and C is seldom far from what M has seen of it.

Each round is a run folder, RUN/round_01 and so on, made of the stages of any run; all rounds share
RUN/rollouts. So it stops and resumes as the stages do, and an agent of any round can be loaded,
scored and filmed.

The paper lets C learn in the real game, too. Here it learns in dreams alone, unless the settings
say `also_real`: then it goes on by policy gradient in the game, behind its V and M, and the steps
of that count as real steps.
"""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from wmlib import seeds
from wmlib.agent import Agent, agent_folder, load_agent
from wmlib.configs import EvaluateConfig, IterateConfig, PolicyConfig
from wmlib.data.exploring import ExploringPolicy, make_player
from wmlib.data.policies import Policy
from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore
from wmlib.device import one_thread
from wmlib.errors import UserError
from wmlib.learning.control import evolve_run, gradient_run, policy_run
from wmlib.learning.memory import train_memory
from wmlib.learning.refusals import check_first_agent, check_iteration, given_vision
from wmlib.learning.stages import evaluate_run
from wmlib.learning.vision import vision_run
from wmlib.model.memory import MDNRNN, WEIGHTS
from wmlib.model.vision import VAE, StateVision, Vision, load_vision
from wmlib.model.vision import WEIGHTS as VISION
from wmlib.records.files import read_json, write_json
from wmlib.records.keeper import hand_on, updates_of
from wmlib.records.progress import tell
from wmlib.records.run_folder import RunFolder, is_finished
from wmlib.records.stage import CLAIM, Stage
from wmlib.tasks import Task
from wmlib.worlds.play import in_words

LEARN: dict[str, Callable[..., dict[str, Any]]] = {
    "evolve": evolve_run,
    "policy": policy_run,
    "gradient": gradient_run,
}

BEFORE = "before_practice"
"""the folder of a round's C before it practises in the game"""


def random_agent(task: Task, config: IterateConfig, seed: int) -> Agent:
    """V, M and C with random parameters: where the procedure begins."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = VAE(config.vision.n_z).eval() if task.pictures else None
    vision: Vision = vae or StateVision(task.state_scale)
    memory = MDNRNN.of(vision.n_z, task.n_actions, config.memory).untrained_copy(seed)
    empty = torch.zeros(1, vision.n_z)
    agent = Agent(task, vision, memory, (empty, empty))
    agent.controller = agent.new_controller(getattr(config, config.learner).controller)
    params = torch.randn(agent.controller.n_params, generator=generator) * config.evolve.sigma0
    agent.controllers = {"params": params.half().float()}
    return agent


def iterate(
    run: RunFolder, task: Task, config: IterateConfig, seed: int, device: torch.device
) -> list[dict[str, Any]]:
    """All rounds; returns one row for each (see `_Round`), and writes them to RUN/rounds.json.

    Resumes where it stopped, or where rounds were lost.
    """
    check_iteration(run, task, config, seed, device)
    agent = load_agent(config.start, task) if config.start else random_agent(task, config, seed)
    check_first_agent(agent, config)
    rows = list[dict[str, Any]]()
    small = one_thread() if not task.pictures else contextlib.nullcontext()
    with small, Stage(run.stage("", create=True), "iterate", config, seed, device=device) as stage:
        numbers = range(1, config.iterations + 1)
        made = {here.number for here in run.rounds()}
        if stage.done and not made.issuperset(numbers):
            tell(f"{run.path} has lost rounds: they are made again")
            stage.reopen()
        if stage.done:
            rows = stage.result["rounds"]
        for number in numbers[len(rows) :]:
            row = _stored_row(run.round(number)) if number in made else None
            rows.append(row or _Round(run, agent, config, seed, number, device).done())
            tell(_told(rows[-1], config))
            agent = load_agent(run.round(number).path, task)
        stage.result["rounds"] = rows
    _tell_rounds(run, rows)
    return rows


def _tell_rounds(run: RunFolder, rows: list[dict[str, Any]]) -> None:
    """Write RUN/rounds.json: what all rounds share, from the manifest, and a row for each."""
    path, manifest = run.path / "rounds.json", read_json(run.path / "manifest.json")
    shared = ("command", "config", "seed", "device", "versions", "seconds")
    told = {key: manifest[key] for key in shared if key in manifest} | {"rounds": rows}
    with contextlib.suppress(UserError):  # it is lost or damaged, and written again
        if read_json(path) == told:
            return  # a finished run can be read-only
    write_json(path, told)


def _told(row: dict[str, Any], config: IterateConfig) -> str:
    """One line about a round, for those who wait."""
    told = (
        f"round {row['round']} of {config.iterations}: {row['real_steps']:,} real steps, dream "
        f"{row['dream_return']:.0f}"
    )
    if "real_return" in row:
        told += f", game {in_words(row['real_return'], row['real_sem'], row['n'])}"
    return told


def _stored_row(here: RunFolder) -> dict[str, Any] | None:
    """What came of a round that is finished; up to version 0.1.0 its manifest told it."""
    if (here.path / "round.json").exists():
        return read_json(here.path / "round.json", dream_return=float)
    if (here.path / "manifest.json").exists():
        return read_json(here.path / "manifest.json", result=dict)["result"]
    return None


@dataclass(frozen=True)
class _Round:
    """One round: play with the agent `before`, train M and C."""

    run: RunFolder
    before: Agent
    config: IterateConfig
    seed: int
    number: int
    device: torch.device

    @property
    def task(self) -> Task:
        return self.before.task

    @property
    def here(self) -> RunFolder:
        return self.run.round(self.number)

    @property
    def last(self) -> RunFolder:
        """The folder of the round before; there is none before the first."""
        return self.run.round(self.number - 1)

    @property
    def born(self) -> int:
        """The round whose V this one sees through; M and C that go on began there, too."""
        return max((n for n in self.config.see if 1 < n <= self.number), default=1)

    def done(self) -> dict[str, Any]:
        """All of it; what came of it goes to round.json, too."""
        number, config = self.number, self.config
        first = config.first_episodes or config.episodes
        new = first if number == 1 else config.episodes
        self.here.stage("", create=True)
        self._tell(1, f"play {new} episodes")
        store = self._play(first + config.episodes * (number - 1), new)
        self._tell(2, "train M" if self.task.state_scale else "V and M")
        self._see()
        self._remember()
        self._tell(3, "C learns in M's dream")
        dreamed = self._dream()
        row = {"round": number} | _row(store, new, self.task)
        row["dream_return"] = dreamed["mean_return"]
        practised = (_stored_row(self.last) or {}).get("practised", 0) if number > 1 else 0
        if config.also_real:
            self._tell(3, "C learns in the game, too")
            practised += self._practise()
        if practised:
            row |= {"practised": practised, "real_steps": row["real_steps"] + practised}
        if number % config.score_every == 0 or number == config.iterations:
            self._tell(4, "score it in the game")
            row |= self._score()
        write_json(self.here.path / "round.json", row)
        return row

    def _tell(self, stage: int, what: str) -> None:
        tell(f"round {self.number} of {self.config.iterations}, {stage} of 4: {what}")

    def _play(self, episodes: int, new: int) -> RolloutStore:
        """The store with all `episodes` so far, of which `new` are this round's."""
        config = self.config
        player: Policy = ExploringPolicy(self.before, config.exploration, config.varied)
        if self.number == 1 and config.first and not config.start:
            player = make_player(config.first, self.task, config.exploration)
        store = collect(
            self.task.name,
            player,
            episodes,
            seeds.first_of_run(self.seed),
            self.run.path / "rollouts",
            num_envs=min(new, 64 if config.game == "batched" else 16),
            game=config.game,
            max_episode_steps=self.task.max_episode_steps,
            min_episode_steps=config.min_episode_steps,
            patience=config.patience,
        )
        if len(store) > episodes:  # M would learn from what this round cannot know
            raise UserError(
                f"{self.here.path} is lost, and {store.path} has games of later rounds: put it "
                "back, or begin again in another --run-dir"
            )
        return store

    def _see(self) -> None:
        """The round's V: a new one, the last one, or another run's."""
        given = given_vision(self.task, self.config) if self.born == 1 else None
        if self.number > self.born:
            _keep_seeing(self.last, self.here)
            if self.task.pictures:
                given = load_vision(self.here.path / "vision" / VISION, self.task)
        vision_run(self.here, self.task, self.config.vision, self.seed, self.device, given)

    def _remember(self) -> None:
        """The round's M: a new one, or the last one trained on."""
        more, settings, begin = self.config.memory_goes_on, self.config.memory, None
        if more and self.number > self.born:
            rate = settings.learning_rate * settings.learning_rate_decay**settings.updates
            settings = replace(
                settings,
                updates=settings.updates + (self.number - self.born) * more,
                learning_rate=rate,
                learning_rate_decay=1.0,
            )
            self._go_on("memory")
        elif more and self.config.start and self.number == 1:
            begin = agent_folder(self.config.start, self.task).stage("memory") / WEIGHTS
        train_memory(self.here, settings, self.seed, self.device, self.task, more > 0, begin)

    def _dream(self) -> dict[str, Any]:
        """C in the dream of the round's M; what is known of it."""
        config = self.config
        settings, begin = getattr(config, config.learner), None
        output = BEFORE if config.also_real else "controller"
        known = self.number > self.born or (self.number == 1 and config.start)  # what C sees
        if config.go_on and known:
            if config.learner == "evolve":
                settings = replace(settings, sigma0=config.go_on * settings.sigma0)
                begin = self.before.params
            elif self._critic_is_strange(settings):
                begin = self.before.params
            else:
                done, rate, noise = settings.updates, settings.learning_rate, settings.noise
                settings = replace(
                    settings,
                    updates=updates_of(self.last.path / output) + done,
                    learning_rate=rate * settings.learning_rate_decay**done,
                    learning_rate_decay=1.0,
                    noise=noise * settings.noise_decay**done,
                    noise_decay=1.0,
                )
                self._go_on(output)
        more = {} if begin is None else {"begin": begin}
        learn = LEARN[config.learner]
        return learn(self.here, output, self.task, settings, self.seed, self.device, **more)

    def _critic_is_strange(self, settings: PolicyConfig) -> bool:
        """Whether there is no critic to go on with, or one that knows the game or another C."""
        practised = self.config.also_real or (self.last.path / BEFORE).exists()
        return self.number == 1 or practised or settings.team > 1

    def _practise(self) -> int:
        """The dreamed C goes on in the real game; how many steps that takes."""
        settings, dreamed = self.config.practice, load_agent(self.here.path, self.task, BEFORE)
        where = self.here, "controller", self.task
        seed = self.seed + seeds.RUNS * (self.number - 1)  # no round plays the last one's games
        policy_run(*where, settings, seed, self.device, dreamed.params)
        # Before the first update all play once, to see how far C's features swing.
        return settings.team * (settings.updates + 1) * settings.dreams * settings.steps

    def _score(self) -> dict[str, float]:
        """What C is worth in the reference game, on other episodes than it was chosen by."""
        episodes = self.config.score_episodes
        scoring = EvaluateConfig(episodes, min(8, episodes), self.task.max_episode_steps)
        first = seeds.for_rounds(episodes, chosen=0).start
        score = evaluate_run(self.here.path, self.task, scoring, first, self.device)
        return {"real_return": score["mean"], "real_sem": score["sem"], "n": score["n"]}

    def _go_on(self, stage: str) -> None:
        """Begin a training where the last round's has ended, unless it has begun already."""
        if not (self.here.path / stage / CLAIM).exists():
            hand_on(self.last.path / stage, self.here.path / stage)


def _keep_seeing(before: RunFolder, here: RunFolder) -> None:
    """V of the round before, and what it has encoded so far: only new episodes are added."""
    for stage in ("vision", "latents"):
        if before.stage(stage).exists() and not is_finished(here.path / stage):
            for folder in (half := here.path / f"{stage}.part", here.path / stage):
                shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(before.stage(stage), half)
            half.rename(here.path / stage)  # a copy that was killed is no finished stage


def _row(store: RolloutStore, new: int, task: Task) -> dict[str, float]:
    """Real steps so far, the mean return of the `new` episodes, and for a game that tells a state
    the highest first number of one (the pendulum's height)."""
    row = {
        "real_steps": store.n_frames + sum(row["length"] for row in store.dropped),
        "collected_return": float(np.mean([row["return"] for row in store.index[-new:]])),
    }
    if not task.pictures:
        row["highest"] = float(max(store.frames(i)[:, 0].max() for i in range(len(store))))
    return row
