"""The games, real and imagined, registered with Gymnasium."""

from gymnasium.envs.registration import register


def register_all() -> None:
    """Register every wmlib environment id (called once by `import wmlib`).

    Entry points are strings, so a game is only imported when it is made.
    """
    register(
        "wmlib/DoomTakeCover-v1",
        entry_point="wmlib.envs.doom:make",
        vector_entry_point="wmlib.envs.doom:make_vector",
        max_episode_steps=2_100,
    )
