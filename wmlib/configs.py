"""What a run depends on: one frozen dataclass for each stage.

Every field is a flag of the stage's command (wmlib.cli) and lands in its manifest; its docstring is
the help. The numbers are in wmlib.presets. Where the paper's text and its released code disagree,
the line under the field says which one we follow (appendix "Details that matter" has the list).
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import tyro
from annotated_types import Ge, Interval

from wmlib.errors import UserError
from wmlib.records.settings import CHANGES, GROWS, SPEED, Checked

Count = Annotated[int, Ge(0)]
Amount = Annotated[float, Ge(0)]
Probability = Annotated[float, Interval(gt=0, lt=1)]
Share = Annotated[float, Interval(ge=0, le=1)]


_KIND = tyro.conf.arg(name="world", metavar="{dream,real}")


@dataclass(frozen=True)
class DreamWorld(Checked):
    """C plays inside M."""

    kind: Annotated[Literal["dream"], _KIND] = "dream"
    """where C plays: in M alone (dream), or in the real game behind V and M; the flags follow"""
    tau: float = 1.0
    """temperature. Paper's best 1.15; released code 1.25; we state ours"""
    end: Literal["threshold", "sampled"] = "threshold"
    """a dream ends where the end head's probability is above --end-above, or by a coin with it"""
    end_above: Probability = 0.5
    """that probability (paper: 0.5); lower, near misses end a dream too, which teaches more
    caution from shorter dreams"""
    max_episode_steps: int = 1000
    """an episode is cut after this many steps"""
    starts: Literal["first", "anywhere"] = "first"
    """where dreams begin: at first frames of real episodes (as the original's), or anywhere in
    them, with what M remembered there"""


@dataclass(frozen=True)
class RealWorld(Checked):
    """C plays the real game, seen through V and M."""

    kind: Annotated[Literal["real"], _KIND] = "real"
    """where C plays: in the real game behind V and M, or in M alone (dream); the flags follow"""
    game: Literal["reference", "batched"] = "reference"
    """the game itself in processes, or our batched simulator (CarRacing only)"""
    max_episode_steps: int = 1000
    """an episode is cut after this many steps"""


World = DreamWorld | RealWorld

# On the command line a world's settings are flags like the others, and --world chooses its kind.
_FLAT = tyro.conf.arg(name="")
WorldFlags = Annotated[World, _FLAT, tyro.conf.AvoidSubcommands]
DreamFlags = Annotated[DreamWorld, _FLAT]


class _InWorld(Checked):
    """Settings whose manifests, before, had a word for the world and its settings beside it."""

    OLD_GAME: ClassVar[str] = "reference"
    """what was played where they did not say so"""

    @classmethod
    def migrated(cls, facts: dict[str, Any]) -> dict[str, Any]:
        """The world's settings in one place."""
        word = facts.get("world", "dream")  # the oldest policy gradients knew only dreams
        if not isinstance(word, str):
            return facts
        kind: Any = DreamWorld if word == "dream" else RealWorld
        known = {"game": cls.OLD_GAME, **facts}
        inside = {f.name: known[f.name] for f in fields(kind) if f.name in known}
        return facts | {"world": inside | {"kind": word}}


@dataclass(frozen=True)
class CollectConfig(Checked):
    """Stage 1: play a policy and store what it sees; a later round may add episodes of another."""

    policy: Annotated[str, CHANGES]
    """uniform, held, brownian, sweep, still, original (car only; wmlib.data.policies), a run folder
    or "pretrained" (an agent that explores); several, with commas between them, take turns"""
    episodes: Annotated[int, GROWS]
    """episodes to store"""
    max_episode_steps: int
    """an episode is cut after this many steps (the games' own caps: 1,000 and 2,100)"""
    min_episode_steps: int = 1
    """shorter episodes are dropped; Doom 101, as in the released code (the text is silent)"""
    game: Literal["reference", "batched"] = "reference"
    """the real game in processes, or the batched simulator (CarRacing only)"""
    exploration: Annotated[float, Ge(0), CHANGES] = 0.5
    """an agent's noise: each episode has a share of this, in half ranges of the action"""
    num_envs: Annotated[int, SPEED] = 2
    """games played side by side; which episodes are played does not depend on it"""
    cluster: Annotated[str, SPEED] = ""
    """play on a Ray cluster, `num_envs` games on each core: HOST:PORT, or auto (this machine's
    cluster, else its cores)"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_episode_steps > self.max_episode_steps:
            raise UserError(
                f"--min-episode-steps {self.min_episode_steps} is more than --max-episode-steps "
                f"{self.max_episode_steps}: every episode would be dropped; change one of them"
            )


@dataclass(frozen=True)
class VisionConfig(Checked):
    """Stage 2: V, the variational autoencoder."""

    n_z: int
    """latent dimensions N_z"""
    frames: int
    """frames drawn from the store and held in memory (12,288 bytes each)"""
    epochs: int
    """passes over these frames; text: 1, released code: 10, which is what `paper` follows"""
    batch_size: int = 100
    """frames per update"""
    learning_rate: float = 1e-4
    """Adam"""
    learning_rate_decay: float = 1.0
    """factor per update (original: constant); short trainings end better with a falling rate"""
    kl_tolerance: Amount = 0.5
    """KL below this many nats per latent dimension costs nothing (released code only)"""


@dataclass(frozen=True)
class MemoryConfig(Checked):
    """Stage 3: M, the mixture-density recurrent network."""

    n_h: int
    """LSTM units N_h"""
    updates: int
    """gradient steps; `paper` follows the released code (4,000 car, 24,400 Doom), not the text"""
    n_mixtures: int = 5
    """Gaussians per latent dimension; each dimension has a mixture of its own (released code)"""
    heads: tuple[Literal["end", "reward", "action"], ...] = ()
    """what M predicts besides z': any of end, reward, action"""
    restart_input: bool = False
    """tell M with an input that a new episode begins (released Doom code)"""
    batching: Literal["episodes", "streams"] = "episodes"
    """whole episodes from h = 0 (car), or long streams that carry h over windows (Doom)"""
    batch_size: int = 100
    """episodes or streams per update"""
    window: int = 1000
    """steps per update: the longest episode (car), the window of a stream (Doom: 500)"""
    learning_rate: float = 1e-3
    """Adam"""
    learning_rate_decay: float = 1.0
    """factor per update (released Doom code: 0.99999)"""
    gradient_clip: float = 1.0
    """every entry of the gradient is clipped to ± this (released code)"""
    end_weight: float = 10.0
    """weight of the frames where the episode ends (released Doom code)"""
    reward_weight: float = 1.0
    """weight of the reward head's squared error; small where rewards are large"""
    reward_limit: Amount = 0.0
    """the reward head learns rewards cut to ± this (0: as they are): one -100 among many 3 would
    be most of its error"""
    recent: Count = 0
    """half of the sequences, and of the moments where dreams begin, are from this many last
    episodes, those of the present C (0: all episodes count alike); for `batching` episodes"""
    begin_within: Count = 0
    """dreams begin at most this many steps after a reward, or at first frames (0: anywhere): where
    a bad C has lost its road there is little to learn"""


@dataclass(frozen=True)
class EvolveConfig(_InWorld):
    """Stage 4: C, evolved by CMA-ES."""

    world: WorldFlags
    """where candidates play"""
    generations: Annotated[int, GROWS]
    """CMA-ES updates"""
    population: Annotated[int, Ge(3)] = 64
    """candidates per generation"""
    episodes: int = 16
    """episodes per candidate; its fitness is their mean return"""
    sigma0: float = 0.1
    """first standard deviation of the search"""
    start: str = ""
    """folder of a controller of this run at which the search begins (default: at zeros); give
    another --output, and another --seed for other tracks"""
    scaled: bool = False
    """divide that of each weight by the size of its feature, so that loud features (the LSTM's
    cell) do not drown quiet ones (z) in the first generations; for `controller` linear"""
    cool_from: Annotated[int, Ge(0), CHANGES] = 0
    """from this generation on that deviation also shrinks by `cooling` each time (0: never); noisy
    fitness keeps CMA-ES from shrinking it by itself, and the mean then ends in a blurred optimum"""
    cooling: Annotated[float, CHANGES] = 0.9
    """factor per generation"""
    controller: Literal["linear", "z", "hidden"] = "linear"
    """linear on all features, linear on z alone, or z through 40 tanh units"""
    random_memory: bool = False
    """put an untrained M in front of C (the control experiment of chapter 7)"""
    slots: Annotated[int, SPEED] = 16
    """episodes played side by side, in each process; the results depend on it by rounding only"""
    workers: Annotated[int, Ge(0), SPEED] = 0
    """spread the candidates over this many processes (0: play them all in this one)"""
    cluster: Annotated[str, SPEED] = ""
    """spread them over a Ray cluster, `slots` episodes on each core: HOST:PORT, or auto (this
    machine's cluster, else its cores). What `real_episodes` asks for is still played here"""
    evaluate_every: int = 25
    """evaluate the mean of the search distribution every this many generations"""
    evaluate_episodes: int = 64
    """episodes of that evaluation, on validation seeds"""
    average: int = 1
    """evaluate, and store, the mean averaged over this many generations (original: 1); where
    fitness is noisy the mean wanders about its goal, and the average of its places is nearer"""
    real_episodes: Count = 0
    """world = dream: also play that mean in the real game, this many validation episodes"""


@dataclass(frozen=True)
class EvaluateConfig(Checked):
    """Stage 5: score in the real game."""

    episodes: int
    """episodes, one for each of the seeds seed, seed + 1, …"""
    slots: Annotated[int, SPEED] = 2
    """games played side by side; the results depend on it by rounding only"""
    max_episode_steps: int = 1000
    """an episode is cut after this many steps"""
    cluster: Annotated[str, SPEED] = ""
    """play on a Ray cluster, `slots` games on each core: HOST:PORT, or auto (this machine's
    cluster, else its cores)"""


@dataclass(frozen=True)
class GradientConfig(Checked):
    """C by backpropagation through the dream: gradient ascent on the return that M predicts."""

    updates: Annotated[int, GROWS] = 100
    """steps of Adam"""
    dreams: int = 64
    """dreams per update"""
    horizon: int = 50
    """steps of each dream: the gradient passes through all of them"""
    choice: Literal["held", "relaxed", "implicit", "score"] = "held"
    """how the gradient passes the choice of a Gaussian: not at all, through a soft choice, through
    the mixture's cumulative, or by the choice's log-probability (the same where M has only one)"""
    critic_units: Count = 0
    """tanh units of a learned value of what follows the horizon (0: nothing counts after it)"""
    critic_learning_rate: float = 1e-3
    """Adam, for that value"""
    discount: Share = 1.0
    """weight of the next step's reward against this one's; below 1 with a learned value"""
    learning_rate: float = 0.02
    """Adam"""
    clip: float = 1.0
    """largest norm of one update's gradient"""
    controller: Literal["linear", "z", "hidden"] = "linear"
    """linear on all features, linear on z alone, or z through 40 tanh units"""
    scale: float = 0.1
    """standard deviation of the random weights that C begins with"""
    tries: int = 1
    """random Cs to begin with: the one that dreams pay most is taken"""
    world: DreamFlags = DreamWorld()
    """the dreams"""
    check_every: int = 25
    """keep C and score it every this many updates"""
    evaluate_episodes: int = 64
    """dreams of that score, as long as the world lets them be"""
    real_episodes: Count = 16
    """episodes of the reference game beside them, on validation seeds"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.critic_units and self.discount >= 1:
            raise UserError(
                "--critic-units: a value of all that follows is finite only with a --discount "
                "below 1, for example 0.98"
            )


@dataclass(frozen=True)
class PolicyConfig(_InWorld):
    """C by policy gradient (proximal policy optimisation, Schulman et al., 2017)."""

    OLD_GAME: ClassVar[str] = "batched"
    world: WorldFlags = DreamWorld(tau=1.15, max_episode_steps=2100)
    """where C learns: M alone, or the game itself"""
    controller: Literal["linear", "z", "deep"] = "linear"
    """linear on all features, linear on z alone, or deep: linear with 128 tanh units beside it"""
    random_memory: bool = False
    """put an untrained M in front of C (the control experiment of chapter 7)"""
    team: int = 1
    """Cs that learn apart from each other, from other seeds; the mean of their weights is published
    (of linear ones it is their ensemble)"""
    updates: Annotated[int, GROWS] = 1000
    """rounds of playing and learning, of each C"""
    dreams: int = 128
    """dreams, or games, side by side (each reference game is a process)"""
    steps: Annotated[int, Ge(2)] = 128
    """steps that each of them goes on between two updates"""
    alive_above: Probability = 0.3
    """world = dream: a dream is over when the chance that C still lives in it falls below this"""
    horizon: Count = 0
    """world = dream: a dream is left after this many steps, for a new one at another moment: M's
    errors add up (0: it goes on to --max-episode-steps, as it does when C is scored)"""
    patience: Count = 100
    """world = real: a game is lost when so many steps have brought no reward above 0 (0: never)"""
    dream_patience: Count = 0
    """world = dream: a dream is lost when for so many steps M expected no reward (0: never)"""
    lost_costs: Amount = 0.0
    """points that a game or a dream lost like this costs (a car off its road pays for the tiles
    that it will miss, more than the critic can look ahead)"""
    noise: float = 0.5
    """car: standard deviation of what is added to C's outputs while it learns (Doom: a coin)"""
    noise_decay: float = 1.0
    """factor per update: C is played without noise in the end, and must come to rely on none"""
    discount: Share = 0.99
    """weight of the next step's reward against this one's"""
    reward_discount: Share = 1.0
    """weight of what comes after a reward; with a `discount` near 1 the future counts in tiles
    instead of seconds, and haste pays little more than the game itself pays for it"""
    reward_size: float = 1.0
    """world = dream: how large a reward is (a tile: 1000 over their number); what M expects, over
    this, is the chance that one came"""
    smoothing: Share = 0.95
    """lambda of the generalised advantage (Schulman et al., 2016): 0 asks the critic at once, 1
    adds up all rewards to the end"""
    epochs: int = 3
    """passes over the steps of one update"""
    batch_size: int = 4096
    """steps in one gradient"""
    learning_rate: float = 4e-4
    """Adam, for C"""
    critic_units: Count = 0
    """tanh units of the critic (0: it is linear in the features, as C is)"""
    critic_learning_rate: Amount = 1e-3
    """Adam, for the critic (0: it stays at 0, so C learns without one)"""
    learning_rate_decay: float = 1.0
    """factor per update, for both"""
    average: int = 1
    """keep C as the running mean of its weights over about this many updates, as evolution does"""
    clip: float = 0.2
    """an action's probability may change by this share in one update"""
    max_divergence: Amount = 0.0
    """the passes end early once C's choices have moved this far, in nats per step (0: never)"""
    entropy: Amount = 0.01
    """reward for an undecided coin, so that C goes on trying both ways"""
    log_every: int = 20
    """a row of metrics every this many updates"""
    check_every: int = 250
    """keep C and score it every this many updates"""
    evaluate_episodes: int = 128
    """episodes of that score, from validation seeds (a dream ends as --end says)"""
    real_episodes: Count = 0
    """episodes of the reference game beside them; the best C there is published (0: the best of
    the game it learns in; of a dream, which praises what cheats it, the last)"""


@dataclass(frozen=True)
class IterateConfig(Checked):
    """The iterative procedure (paper, section "Iterative Training Procedure")."""

    iterations: Annotated[int, GROWS]
    """rounds of play, M, C"""
    episodes: int
    """real episodes played in each round"""
    exploration: Amount
    """standard deviation of the noise on C's actions while collecting, in half ranges of the
    action"""
    memory: MemoryConfig
    """M, which is trained in each round on all data so far, anew unless --memory-goes-on"""
    evolve: EvolveConfig
    """learner = evolve: C is evolved in M in each round, from zeros"""
    policy: PolicyConfig = PolicyConfig()
    """learner = policy: C learns in M by policy gradient"""
    gradient: GradientConfig = GradientConfig(real_episodes=0)
    """learner = gradient: C follows the gradient through M's dreams"""
    learner: Literal["evolve", "policy", "gradient"] = "evolve"
    """how C learns"""
    also_real: Annotated[bool, CHANGES] = False
    """after its dreams C goes on in the real game, by policy gradient (the paper's option that C
    learns while it plays, too); the steps of that count as real steps"""
    practice: Annotated[PolicyConfig, CHANGES] = PolicyConfig(RealWorld(), dreams=32)
    """also_real: how it goes on"""
    memory_goes_on: Count = 0
    """later rounds train the last M on, with all that it remembers and its last learning rate, by
    this many updates, instead of a new one (0). M then changes little, and C can go on, too"""
    go_on: Amount = 0.0
    """later rounds go on from the last C instead of from zeros (0): evolution with this share of
    --evolve.sigma0, the policy gradient (1) with its critic. For a C that sees h only with
    --memory-goes-on: an h belongs to one M"""
    vision: Annotated[VisionConfig, CHANGES] = VisionConfig(n_z=32, frames=1, epochs=1)
    """V, for a game with pictures"""
    see: Annotated[tuple[int, ...], CHANGES] = (1,)
    """rounds in which V is trained anew, on all data so far, and M and C begin anew behind it; in
    the others it stays"""
    vision_from: str = ""
    """see through the V of this run folder, or the published one (pretrained), until a later round
    of --see (default: --start's, if there is one)"""
    start: str = ""
    """begin with the V, M and C of this run folder, or the published ones (pretrained), instead of
    random ones, and let it play the first round; M goes on with --memory-goes-on, C with
    --go-on, V stays until --see"""
    first: str = ""
    """who plays the first round, without --start: names as collect's --policy takes them (default:
    the random C)"""
    first_episodes: Count = 0
    """episodes of the first round (0: as many as in each)"""
    game: Literal["reference", "batched"] = "reference"
    """where data are collected; scores are the reference game's in any case"""
    min_episode_steps: int = 1
    """shorter episodes are dropped"""
    patience: Count = 0
    """an episode is left when this many steps have brought no reward (0: never)"""
    varied: bool = False
    """each episode has a share of the exploration noise, from a C at its best to a clumsy one"""
    score_episodes: int = 16
    """episodes of the score after a round, on validation seeds"""
    score_every: int = 1
    """rounds from score to score; the last one has one in any case"""


@dataclass(frozen=True)
class Preset:
    """All stages of one run."""

    collect: CollectConfig
    vision: VisionConfig
    memory: MemoryConfig
    evolve: EvolveConfig
    evaluate: EvaluateConfig
