"""Scores that others have published, to stand beside ours.

From Ha & Schmidhuber (2018), "Recurrent World Models Facilitate Policy Evolution", tables of the
sections "Car Racing Experiment" and "VizDoom Experiment", unless a row names another source.
All are mean ± standard deviation over episodes (100 unless said).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A line of a table: what was played, the published run that is ours, and others' score."""

    label: str
    name: str
    score: tuple[int, int] | None = None


CAR_BEST = (906, 21)
"""The paper's best on CarRacing."""

CAR_RACING = (
    Row("V and M, C linear on (z, h)", "main", CAR_BEST),
    Row("as above, before a second, larger search", "cooled_late"),
    Row("as above, the search cooled after 40 generations", "cooled_early"),
    Row("V and M, second round of data, smaller search", "second_round"),
    Row("V and M, first round of data, smaller search", "first_round"),
    Row("V and M of the first row, C by policy gradient", "learned_seed_0"),
    Row("as above, other random numbers", "learned_seed_1"),
    Row("V alone, C linear on z", "z_only", (632, 251)),
    Row("V alone, C with 40 hidden units", "z_hidden", (788, 141)),
    # Tallec et al., "Reproducing World Models" (ctallec/world-models, docs)
    Row("V and an untrained M, C linear on (z, h)", "random_memory", (870, 120)),
    Row("random policy, uniform at each step", "random_uniform"),
)

CAR_UNTRAINED = (860, 120, 870, 120)
"""The same source: mean, std with a trained M, and with an untrained one."""

DOOM_BEST = (1092, 556)
"""The paper's best, at tau = 1.15. Its released weights, run again, gave 973 ± 540."""

DOOM = (
    Row("C learned by policy gradient in the dream, the published one", "main"),
    Row("C evolved in the dream of the same M", "evolved", DOOM_BEST),
    Row("as above, features scaled, twice the generations", "evolved_scaled"),
    Row("C evolved, second round: less data, its own V and M", "second_round"),
    Row("as above, tau = 1.15, dreams end at even odds (the paper's rule)", "even_odds"),
    Row("C evolved, first round: its data, M and search", "first_round"),
    Row("random policy, uniform at each step", "random_uniform", (210, 108)),
    Row("random policy, held for 1 to 10 tics", "random_held"),
    Row("standing still", "random_still"),
    Row("a clock: to and fro, a turn at fixed times, never looking", "random_sweep"),
)

DOOM_TAU = {
    0.10: ((2086, 140), (193, 58)),
    0.50: ((2060, 277), (196, 50)),
    1.00: ((1145, 690), (868, 511)),
    1.15: ((918, 546), (1092, 556)),
    1.30: ((732, 269), (753, 139)),
}
"""tau -> (score in the dream, score in the real game)"""

CAR_SOLVED = 900
"""points: the average over 100 tracks from which the task counts as solved"""
DOOM_SOLVED = 750
"""tics: the average over 100 episodes from which the Gym task counts as solved"""

CAR_CURVE = {25: 823, 50: 867, 100: 867, 200: 880, 400: 883, 800: 895, 1800: 900}
"""generation -> mean return over 1,024 episodes of the search's mean, from the released logs"""

CAR_GENERATION = 64 * 16 * 1000
"""game steps of one generation of the original: candidates, episodes, steps of an episode"""
