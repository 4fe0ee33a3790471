"""The games, real and imagined, registered with Gymnasium."""

from gymnasium.envs.registration import register


def register_all() -> None:
    """Register every wmlib environment id (called once by `import wmlib`).

    Entry points are strings, so a game is only imported when it is made.
    """
    for name, module, steps in (
        ("CarRacing-v3", "car_racing", 1_000),
        ("DoomTakeCover-v1", "doom", 2_100),
        ("PendulumHanging-v1", "pendulum", 200),
    ):
        register(
            f"wmlib/{name}",
            entry_point=f"wmlib.envs.{module}:make",
            vector_entry_point=f"wmlib.envs.{module}:make_vector",
            max_episode_steps=steps,
        )
    alone = "wmlib.envs.entry:only_vector"  # for `gymnasium.make`
    register(
        "wmlib/CarRacingBatched-v3",
        entry_point=alone,
        vector_entry_point="wmlib.envs.batched_car_racing.vector_env:CarRacingBatched",
        max_episode_steps=1_000,
    )
    for name, task, steps in (
        ("CarRacingDream", "car_racing", 1_000),
        ("DoomTakeCoverDream", "doom_take_cover", 2_100),
        ("PendulumHangingDream", "pendulum", 200),
    ):
        register(
            f"wmlib/{name}-v0",
            entry_point=alone,
            vector_entry_point="wmlib.agent:make_dream",
            max_episode_steps=steps,
            kwargs={"task": task},
        )
