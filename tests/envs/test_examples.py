"""The examples run, and the appendix shows them as they are."""

import importlib.util
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import wmlib  # noqa: F401  (registers the games)

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {  # what each needs beside wmlib, and how long it plays here
    "use_gymnasium": (None, 400),
    "ppo_car_racing": (None, 16_384),
    "sb3_ppo": ("stable_baselines3", 1_024),
    "torchrl_rollout": ("torchrl", 120),
    "skrl_ppo": ("skrl", 2_000),
}


def test_every_example_is_tried():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


def test_the_appendix_shows_the_examples_as_they_are():
    page = (ROOT / "chapters" / "F_use_these_worlds.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert len(shown) == 5
    sources = [
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.py"))
    ]
    for code in shown:
        assert max(map(len, code.splitlines())) <= 80, "wider than the page"
        inside = textwrap.indent(code, "    ")  # the body of a function
        assert any(code in source or inside in source for source in sources), code[:200]
    for name in EXAMPLES:
        assert f"examples/{name}.py" in page


@pytest.mark.nightly
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name, tmp_path):
    library, steps = EXAMPLES[name]
    if library is not None:
        pytest.importorskip(library)
    path = os.pathsep.join([str(ROOT), *sys.path])
    run = [sys.executable, str(ROOT / "examples" / f"{name}.py"), "--steps", str(steps)]
    done = subprocess.run(
        run, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [], "an example leaves files behind"


@pytest.fixture
def adapter():
    """The class of examples/sb3_ppo.py."""
    pytest.importorskip("stable_baselines3")
    spec = importlib.util.spec_from_file_location("sb3_ppo", ROOT / "examples" / "sb3_ppo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FromGymnasium


@pytest.mark.nightly
@pytest.mark.parametrize(
    "name", ["CarRacingBatched-v3", "PendulumHanging-v1", "DoomTakeCoverDream-v0"]
)
def test_the_adapter_keeps_sb3s_promises(adapter, name):
    def make():
        options = {"num_envs": 2, "max_episode_steps": 3}
        if "Dream" not in name:  # which has autoreset off by default
            options["autoreset_mode"] = AutoresetMode.DISABLED
        return gym.make_vec(f"wmlib/{name}", **options)

    env, plain = adapter(make()), make()
    env.seed(5)
    x = env.reset()
    np.testing.assert_array_equal(x, np.asarray(plain.reset(seed=[5, 6])[0]))
    actions = np.zeros(plain.action_space.shape, np.float32)
    for step in range(1, 7):
        x, rewards, over, infos = env.step(actions)
        if step <= 3:
            last, their_rewards, *_ = plain.step(actions)
            np.testing.assert_allclose(rewards, their_rewards, rtol=1e-6)
        assert x.shape == (2, *env.observation_space.shape)
        assert over.tolist() == [step % 3 == 0] * 2
        assert ["terminal_observation" in info for info in infos] == over.tolist()
        if step == 3:
            assert infos[0]["TimeLimit.truncated"]
            np.testing.assert_array_equal(infos[1]["terminal_observation"], np.asarray(last[1]))
            assert not np.array_equal(x[1], np.asarray(last[1])), "already the next episode"
    env.close()
    plain.close()
