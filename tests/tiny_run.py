"""A run of seconds, for tests of what becomes of runs."""

FLAGS = {
    "collect.episodes": 4,
    "collect.max-episode-steps": 30,
    "memory.updates": 4,
    "memory.n-h": 8,
    "evolve.generations": 2,
    "evolve.population": 4,
    "evolve.episodes": 1,
    "evolve.max-episode-steps": 20,
    "evolve.evaluate-episodes": 2,
    "evaluate.episodes": 1,
    "evaluate.max-episode-steps": 20,
}


def command(**longer: int) -> list[str]:
    """`run` of the pendulum, with the flags above, or `longer` (memory_updates=100)."""
    flags = FLAGS | {name.replace("_", ".", 1).replace("_", "-"): n for name, n in longer.items()}
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    return ["run", "--task", "pendulum", "--preset", "tiny", *words]
