"""The agent in the real games: one `play` for training and score, and the same return again."""

import json
from contextlib import nullcontext
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

import wmlib
from wmlib.agent import Agent, load_agent, pretrained_folder
from wmlib.cli.main import main
from wmlib.configs import EvaluateConfig
from wmlib.errors import UserError
from wmlib.learning import stages
from wmlib.learning.stages import evaluate_run
from wmlib.model.controller import save_controllers
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import VAE, save_vision
from wmlib.records.files import sha256, write_json
from wmlib.records.weights import save_weights
from wmlib.tasks import TASKS
from wmlib.worlds.evaluate import Scores, evaluate
from wmlib.worlds.real import make_games

DOOM, CAR, PENDULUM = (TASKS[name] for name in ("doom_take_cover", "car_racing", "pendulum"))


def new_agent(task):
    """Untrained V, M and C: what is tested here does not need a good one."""
    torch.manual_seed(0)
    if task is DOOM:
        vision, memory = VAE(64), MDNRNN(64, 1, 512, restart_input=True, heads=("end",))
    else:
        vision, memory = VAE(32), MDNRNN(32, 3, 256)
    n_z = vision.n_z
    starts = torch.randn(9, n_z).half().float(), torch.zeros(9, n_z)
    agent = Agent(task, vision.eval(), memory.eval(), starts)
    agent.controller = agent.new_controller()
    agent.controllers = {"params": (torch.randn(agent.controller.n_params) * 0.5).half().float()}
    return agent


@pytest.fixture(scope="module")
def doom():
    return new_agent(DOOM)


def save(agent, folder):
    for name in ("vision", "memory", "latents", "controller"):
        (folder / name).mkdir()
    task = agent.task.name
    save_vision(folder / "vision/vision.safetensors", agent.vision, agent.task)
    save_weights(
        folder / "memory/memory.safetensors",
        agent.memory.state_dict(),
        task=task,
        **agent.memory.shape,
    )
    starts = dict(zip(("mu", "logvar"), agent.starts, strict=True))
    save_weights(folder / "latents/starts.safetensors", starts)
    save_controllers(
        folder / "controller/controller.safetensors", agent.controller, agent.controllers
    )


def test_the_real_game_emits_z_h_c(doom):
    env = doom.real(2, max_episode_steps=20)
    f, _ = env.reset(seed=[7, 8])
    assert f.shape == env.observation_space.shape == (2, 64 + 512 + 512)
    assert (f[:, 64:] == 0).all()  # h and c have not seen z_0
    f1 = env.step(torch.zeros(2, 1))[0]
    expected = doom.memory.advance(
        f[:, :64], torch.zeros(2, 1), torch.ones(2), (torch.zeros(2, 512), torch.zeros(2, 512))
    )
    torch.testing.assert_close(f1[:, 64:], torch.cat(expected, 1), atol=0.02, rtol=0.02)  # bfloat16
    env.close()


class OnTheGpu(torch.Tensor):
    """A tensor that, as a GPU's, has to be fetched before NumPy can read it."""

    def __array__(self, *args, **kwargs):
        raise TypeError("can't convert a tensor on the GPU to numpy")


def test_ends_that_a_game_tells_on_the_gpu_can_be_counted(monkeypatch):
    agent = new_agent(CAR)
    env = agent.real(2, max_episode_steps=3, game="batched")
    step = env.games.step

    def on_the_gpu(actions):
        pictures, *told, info = step(actions)
        return (pictures, *(torch.as_tensor(x).as_subclass(OnTheGpu) for x in told), info)

    expected = evaluate(env, agent.controller, agent.params, 3, 100_000)
    monkeypatch.setattr(env.games, "step", on_the_gpu)
    assert evaluate(env, agent.controller, agent.params, 3, 100_000) == expected
    env.close()


def test_the_dream_has_the_interface_of_the_game(doom):
    real, dream = doom.real(2, max_episode_steps=20), doom.dream(2, max_episode_steps=20)
    assert real.observation_space == dream.observation_space
    assert real.action_space == dream.action_space
    mask = np.array([True, False])
    for env in (real, dream):
        f, info = env.reset(seed=[1, 2])
        assert isinstance(info, dict)
        out = env.step(doom.act(f))
        assert out[0].shape == f.shape
        assert out[0].dtype == torch.float32
        assert [np.asarray(x).shape for x in out[1:4]] == [(2,)] * 3
        env.reset(seed=[5, None], options={"reset_mask": mask})
        env.close()


@pytest.mark.slow
@pytest.mark.parametrize("task", [CAR, DOOM], ids=lambda task: task.name)
def test_saved_and_loaded_it_scores_the_same_on_any_number_of_slots(task, tmp_path):
    agent = new_agent(task)
    save(agent, tmp_path)
    loaded = load_agent(tmp_path, task)
    scores = []
    for one, slots in ((agent, 1), (loaded, 2)):
        if one is agent:  # published weights are float16: compare like with like
            for module in (one.vision, one.memory):
                for p in module.parameters():
                    p.data = p.data.half().float()
        env = one.real(slots, max_episode_steps=60)
        scores.append(evaluate(env, one.controller, one.params, 3, first_seed=1000))
        env.close()
    assert scores[0]["lengths"] == scores[1]["lengths"]
    np.testing.assert_allclose(scores[0]["returns"], scores[1]["returns"], atol=0.02)


def test_evaluate_writes_what_it_prints(doom, tmp_path):
    save(doom, tmp_path)
    config = EvaluateConfig(episodes=2, slots=2, max_episode_steps=40)
    result = evaluate_run(tmp_path, DOOM, config, 1000, torch.device("cpu"))
    assert result["n"] == 2
    assert result["mean"] == np.mean(result["returns"])
    assert result["reference"]
    assert result["seeds"] == "test"
    assert json.loads((tmp_path / "evaluation.json").read_text())["returns"] == result["returns"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"n_actions": 2}, "says that actions are"),
        ({"action_scale": 3.0}, "says that actions are"),
        ({"env_id": "wmlib/PendulumHanging-v1", "action_scale": 2.0}, "V needs pictures uint8"),
    ],
)
def test_a_game_that_is_not_what_its_task_says_is_refused(wrong, told):
    with pytest.raises(UserError, match=told):
        make_games(replace(DOOM, **wrong), 1, 100)


def test_a_task_without_a_known_squash_is_refused():
    with pytest.raises(UserError, match="squash 'softmax'"):
        replace(DOOM, squash="softmax")


def test_a_row_of_a_score_that_is_none_is_played_again(doom, tmp_path):
    save(doom, tmp_path)
    (tmp_path / "evaluation.episodes.jsonl").write_text('{"seed": 1000}\n')
    config = EvaluateConfig(episodes=1, slots=1, max_episode_steps=10)
    assert evaluate_run(tmp_path, DOOM, config, 1000, torch.device("cpu"))["n"] == 1


def test_an_m_from_before_a_part_of_its_shape_existed_still_loads(doom, tmp_path):
    save(doom, tmp_path)
    path = tmp_path / "memory" / "memory.json"
    facts = json.loads(path.read_text())
    del facts["n_mixtures"]  # its default is 5, which is Doom's
    path.write_text(json.dumps(facts))
    assert load_agent(tmp_path, "doom_take_cover").memory.n_mixtures == 5


def test_an_interrupted_score_goes_on_and_a_look_does_not_replace_it(doom, tmp_path, monkeypatch):
    save(doom, tmp_path)
    config = EvaluateConfig(episodes=3, slots=1, max_episode_steps=30)
    cpu = torch.device("cpu")
    keep, played = Scores.keep, []

    def stop_after_two(self, seed, total, length):
        keep(self, seed, total, length)
        played.append(seed)
        if len(played) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Scores, "keep", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        evaluate_run(tmp_path, DOOM, config, 1000, cpu)
    assert not (tmp_path / "evaluation.json").exists()
    whole = evaluate_run(tmp_path, DOOM, config, 1000, cpu)
    assert played == [1000, 1001, 1002]  # nothing twice
    look = evaluate_run(tmp_path, DOOM, replace(config, episodes=1), 1999, cpu)
    assert look["n"] == 1
    assert json.loads((tmp_path / "evaluation.from_1999_cut_30.json").read_text())["n"] == 1
    assert json.loads((tmp_path / "evaluation.json").read_text())["n"] == whole["n"] == 3
    mixed = evaluate_run(tmp_path, DOOM, replace(config, episodes=4), 1998, cpu)
    assert mixed["seeds"] is None  # 2000 and 2001 are no test seeds


def test_only_the_reference_games_call_themselves_so():
    games = make_games(DOOM, 1, 10)
    assert games.metadata["reference"] is True
    games.close()
    games = make_games(CAR, 1, 10, game="batched")
    assert not games.metadata.get("reference")
    games.close()
    with pytest.raises(UserError, match="no batched simulator"):
        make_games(DOOM, 1, 10, game="batched")


def test_an_untrained_memory_is_the_same_for_the_same_seed(doom):
    before = torch.random.get_rng_state()
    one, two, other = (doom.memory.untrained_copy(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.output.weight, two.output.weight)
    assert not torch.equal(one.output.weight, other.output.weight)


def test_a_controller_evolved_behind_an_untrained_memory_gets_that_memory_again(doom, tmp_path):
    save(doom, tmp_path)
    plain = load_agent(tmp_path, DOOM)
    where = tmp_path / "controller/controller.safetensors"
    save_controllers(where, doom.controller, doom.controllers, memory_seed=3)
    blank = load_agent(tmp_path, DOOM)
    assert torch.equal(plain.memory.output.weight, doom.memory.output.weight.half().float())
    assert torch.equal(blank.memory.output.weight, doom.memory.untrained_copy(3).output.weight)


def test_weights_of_another_game_are_refused(doom, tmp_path):
    save(doom, tmp_path)
    with pytest.raises(UserError, match="for doom_take_cover, not for car_racing"):
        load_agent(tmp_path, CAR)
    with pytest.raises(UserError, match="not a folder"):
        load_agent(tmp_path / "nothing", DOOM)


def test_an_m_that_learned_behind_another_v_is_refused(doom, tmp_path):
    save(doom, tmp_path)
    for seen, told in (
        (sha256(tmp_path / "vision/vision.safetensors"), ""),
        ("0" * 64, "another V"),
    ):
        write_json(tmp_path / "memory/config.json", {"inputs": {"vision_sha256": seen}})
        with pytest.raises(UserError, match=told) if told else nullcontext():
            load_agent(tmp_path, DOOM, controller=None)


def test_dreams_are_made_by_their_id():
    dreams = gym.make_vec("wmlib/DoomTakeCoverDream-v0", num_envs=3, tau=1.15)
    f, _ = dreams.unwrapped.reset(seed=5)
    assert f.shape == (3, 64 + 2 * 512)
    assert dreams.unwrapped.world.tau == 1.15


def test_other_published_weights_are_named_behind_a_slash():
    second = load_agent("pretrained/round_02", PENDULUM)
    assert torch.equal(second.params, wmlib.load_pretrained("pendulum", "round_02").params)
    assert not torch.equal(second.params, wmlib.load_pretrained("pendulum").params)
    for wrong in ("round_20", "../car_racing"):
        with pytest.raises(
            UserError, match=rf"no pretrained/{wrong} for pendulum: there is .*_01,"
        ):
            load_agent(f"pretrained/{wrong}", PENDULUM)


def test_a_c_of_another_agent_inside_the_folder_is_refused_and_not_offered():
    with pytest.raises(UserError, match="--weights pretrained/dreamed"):
        load_agent("pretrained", "car_racing", "dreamed/controller")
    with pytest.raises(UserError, match="which has controller, controllers/") as told:
        load_agent("pretrained", "car_racing", "nobody")
    assert "dreamed" not in str(told.value)


def test_a_stopped_look_at_the_published_agent_says_that_nothing_is_kept(monkeypatch, capsys):
    def stopped(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "_score", stopped)
    flags = ["--task", "pendulum", "--weights", "pretrained", "--episodes", "2"]
    assert main(["evaluate", *flags]) == 130
    assert "nothing was kept" in capsys.readouterr().err


@pytest.mark.parametrize("starts", ["first", "anywhere"])
def test_the_cars_dream_has_an_m_of_its_own(starts):
    dreams = gym.make_vec("wmlib/CarRacingDream-v0", num_envs=4, starts=starts).unwrapped
    dreamer, driver = (wmlib.load_pretrained("car_racing", name) for name in ("dreamed", ""))
    same = dreams.memory.output.weight.float(), dreamer.memory.output.weight
    assert torch.allclose(*same, atol=1e-2)  # (bfloat16, where that is faster)
    assert dreamer.memory.heads == ("end", "reward")
    assert not driver.memory.heads
    pairs = zip(dreamer.vision.state_dict().values(), driver.vision.state_dict().values())
    assert all(torch.equal(*pair) for pair in pairs)  # one V
    f, _ = dreams.reset(seed=5)
    paid = 0
    for _ in range(100):
        f, reward, *_ = dreams.step(dreamer.act(f))
        paid += reward.mean()
    assert 20 < paid < 200  # it drives: a real lap of 1,000 steps pays about 900
    with pytest.raises(UserError, match="reward head"):
        driver.dream(2)


def test_the_published_agents_load():
    for task, n_params in (("car_racing", 867), ("doom_take_cover", 1088)):
        agent = wmlib.load_pretrained(task)
        assert agent.controller.n_params == n_params
        assert torch.isfinite(agent.params).all()
        size = sum(f.stat().st_size for f in pretrained_folder(task).rglob("*") if f.is_file())
        assert size <= 16e6
