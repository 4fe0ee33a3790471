"""The settings that tasks come with fit their games."""

import dataclasses

import pytest

from wmlib.presets import get_settings
from wmlib.tasks import TASKS, get_task


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("group", ["evolve", "policy", "gradient", "iterate"])
def test_no_world_of_a_task_is_longer_than_its_game(task, group):
    def worlds(settings):
        for field in dataclasses.fields(settings):
            value = getattr(settings, field.name)
            if field.name == "world":
                yield value
            elif dataclasses.is_dataclass(value):
                yield from worlds(value)

    for preset in ("tiny", "small"):
        found = list(worlds(get_settings(task, preset, group)))
        assert len(found) == (4 if group == "iterate" else 1)
        longest = get_task(task).max_episode_steps
        assert all(world.max_episode_steps <= longest for world in found)
