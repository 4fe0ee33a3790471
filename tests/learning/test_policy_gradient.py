"""The policy gradient credits the right actions, and can be stopped at any moment."""

import shutil
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from waiting import wait_until

from wmlib import agent
from wmlib.cli import main as cli
from wmlib.configs import DreamWorld, PolicyConfig, RealWorld
from wmlib.errors import UserError
from wmlib.learning.lives import Dreams, Experience, Games
from wmlib.learning.policy_gradient import (
    Learner,
    _learn,
    advantages,
    learn_policy,
    least_updates,
)
from wmlib.model.controller import Controller, load_controllers
from wmlib.model.memory import MDNRNN
from wmlib.records import keeper as training
from wmlib.records.files import read_json
from wmlib.records.metrics import Metrics
from wmlib.seeds import update_rng
from wmlib.tasks import get_task
from wmlib.worlds import noise
from wmlib.worlds.dream import DreamEnv
from wmlib.worlds.features import FeatureVectorEnv, Mind
from wmlib.worlds.play import play

TASK, CAR = get_task("doom_take_cover"), get_task("car_racing")
WORLD = DreamWorld(tau=1.15, max_episode_steps=40)


@pytest.fixture
def env():
    """Eight dreams of a small M whose end head fires where the last action was to the left."""
    torch.manual_seed(0)
    memory = MDNRNN(n_z=4, n_a=1, n_h=8, restart_input=True, heads=("end",))
    with torch.no_grad():
        for weight in memory.lstm.parameters():
            weight *= 0.3
        w_x, *_ = memory.lstm.all_weights[0]
        w_x[:, 4] = 0
        w_x[16, 4], w_x[24, 4] = 3.0, 3.0  # unit 0 (candidate, output gate) reads the action
        memory.output.weight[-1] = 0
        memory.output.weight[-1, 0], memory.output.bias[-1] = -6.0, 0.0
    starts = torch.zeros(5, 4), torch.zeros(5, 4)
    return DreamEnv(TASK, memory, starts, WORLD, num_envs=8)


def config(**changes):
    few = {"updates": 30, "dreams": 8, "steps": 16, "batch_size": 64, "check_every": 10}
    return PolicyConfig(WORLD, **few | {"learning_rate": 0.02} | changes)


def test_it_learns_to_press_where_the_risk_is_lower(env, tmp_path):
    controller = Controller(TASK, "linear", 4, 20)
    learn_policy(Dreams(env, config()), controller, config(updates=60), tmp_path, seed=0)
    _, named, facts = load_controllers(tmp_path / "controller.safetensors", TASK)
    assert {"update_00010", "update_00060", "params"} <= set(named)
    assert facts["chosen"]["update"] == 60
    assert torch.equal(named["params"], named["update_00060"])
    features, _ = env.reset(seed=list(range(8)))
    pressed = []
    for _ in range(20):
        pressed.append(controller.act(named["params"].expand(8, -1), features))
        features, *_ = env.step(pressed[-1])
    assert torch.stack(pressed[3:]).mean() > 0.5


def test_a_deep_c_goes_on_from_a_linear_one(env, tmp_path):
    known = torch.linspace(-1, 1, 20)
    few = config(updates=22, check_every=22, learning_rate=4e-5)  # after the critic's warm-up
    controller = Controller(TASK, "deep", 4, 20)
    learn_policy(Dreams(env, few), controller, few, tmp_path, seed=0, begin=known)
    shape, named, _ = load_controllers(tmp_path / "controller.safetensors", TASK)
    assert shape.kind == "deep"
    moved = (named["params"][:20] - known).abs().max()
    assert 0 < moved < 0.2
    _, _, (outer, _) = shape.matrices(named["params"])
    assert 0 < outer.abs().max() < 0.1


def test_a_finished_training_goes_on_to_more_updates(env, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    controller = Controller(TASK, "linear", 4, 20)
    for name, lengths in (("once", [40]), ("twice", [20, 40])):
        (tmp_path / name).mkdir()
        for updates in lengths:
            learn_policy(
                Dreams(env, config()), controller, config(updates=updates), tmp_path / name, seed=0
            )
    weights = [tmp_path / name / "controller.safetensors" for name in ("once", "twice")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_training_can_end_where_its_c_is_kept(env, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    controller = Controller(TASK, "linear", 4, 20)
    assert least_updates(tmp_path) == 1

    def stop(params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # in update 10; the last checkpoint is of update 9
        learn_policy(Dreams(env, config()), controller, config(), tmp_path, 0, stop)
    assert least_updates(tmp_path) == 10
    for _ in range(2):
        few = config(updates=10, log_every=3)
        ended = learn_policy(Dreams(env, few), controller, few, tmp_path, 0)
        assert ended["update"] == least_updates(tmp_path) == 10


def test_the_generalised_advantage_is_the_weighted_sum_of_errors():
    rng = np.random.default_rng(0)
    reward, value = torch.tensor(rng.normal(size=(6, 3))), torch.tensor(rng.normal(size=(7, 3)))
    over, lost = torch.zeros(6, 3), torch.zeros(6, 3)
    over[2, 1] = over[3, 2] = lost[3, 2] = 1
    none = torch.zeros(0)
    discount = torch.where(torch.arange(6)[:, None] == 1, 0.5, 0.9).expand(6, 3)
    found = advantages(Experience(none, none, none, reward, over, lost, discount), value, 0.8)
    for i in range(3):
        for t in range(6):
            total, weight = 0.0, 1.0
            for k in range(t, 6):
                following = value[k, i] if over[k, i] else value[k + 1, i]
                following = 0.0 if lost[k, i] else following
                total += weight * float(reward[k, i] + discount[k, i] * following - value[k, i])
                weight *= 0.8 * float(discount[k, i])
                if over[k, i]:
                    break
            assert float(found[t, i]) == pytest.approx(total, abs=1e-6)


def one_step_lives(learner, log_ratio=0.0, pays=1.0):
    """Experience of 8 lives in 4 steps, each of which ends one and pays ± `pays`: that is its
    advantage. C's choices are by `log_ratio` times its sign likelier now than when it made them."""
    dice = torch.Generator().manual_seed(0)
    features = torch.randn(5, 8, 3, generator=dice)
    choice = torch.bernoulli(torch.full((4, 8, 1), 0.5), generator=dice)
    sign = torch.tensor([1.0, -1.0]).repeat(4, 4)
    with torch.no_grad():
        log_prob = learner.choices(features[:-1]).log_prob(choice).sum(-1) - log_ratio * sign
    ones = torch.ones(4, 8)
    return Experience(features, choice, log_prob, pays * sign, ones, ones, ones)


def after_one_gradient(seen_by, **changes):
    """After one step of `_learn` on what `seen_by(learner)` shows: whether C and its critic have
    moved, the learner, what it saw, and what was told."""
    learner = Learner(Controller(TASK, "linear", 3, 3))
    with torch.no_grad():
        learner.scaled.copy_(torch.linspace(-1, 1, len(learner.scaled)))
    seen = seen_by(learner)
    weights = learner.scaled, learner.critic[0].weight
    before = [p.detach().clone() for p in weights]
    optimizer = torch.optim.SGD(learner.parameters(), 0.1)
    told = _learn(learner, optimizer, seen, config(epochs=1, **changes), update_rng(0, 0))
    moved = [not torch.equal(*pair) for pair in zip(before, weights)]
    return moved, learner, seen, told


def test_an_undecided_coin_is_rewarded():
    for price, way in ((1.0, 1), (0.0, 0)):
        nothing = partial(one_step_lives, pays=0.0)
        _, learner, seen, told = after_one_gradient(nothing, entropy=price)
        entropy = learner.choices(seen.features[:-1]).entropy().mean()
        assert torch.sign(entropy - told["entropy"]) == way


def test_c_moves_no_further_where_its_choices_have_changed_enough():
    """Good ones are already likelier, bad ones rarer, by more than the bounds: nothing is left."""
    free, bound, back = (
        after_one_gradient(partial(one_step_lives, log_ratio=r), entropy=0.0, clip=0.2)[0]
        for r in (0.1, 0.3, -0.3)
    )
    assert free == back == [True, True]
    assert bound == [False, True]  # the critic learns on


def test_c_is_left_alone_once_its_choices_have_moved_far():
    seen = partial(one_step_lives, log_ratio=0.15)  # exp(r) - 1 - r is 0.011
    near, far, never = (
        after_one_gradient(seen, entropy=0.0, max_divergence=d)[0] for d in (0.02, 0.005, 0.0)
    )
    assert near == never == [True, True]
    assert far == [False, True]


def test_the_c_that_is_kept_is_the_running_mean(env, tmp_path):
    kept = {}
    for average in (1, 3):
        (tmp_path / str(average)).mkdir()
        few = config(updates=3, check_every=1, average=average)
        controller = Controller(TASK, "linear", 4, 20)
        learn_policy(Dreams(env, few), controller, few, tmp_path / str(average), seed=0)
        path = tmp_path / str(average) / "controller.safetensors"
        kept[average] = load_controllers(path, TASK)[1]["update_00003"]
        if average == 1:
            each = [load_controllers(path, TASK)[1][f"update_0000{k}"] for k in (1, 2, 3)]
    torch.testing.assert_close(kept[3], torch.stack(each).mean(0), atol=1e-4, rtol=2e-3)
    assert not torch.allclose(kept[3], kept[1], atol=1e-3)


@pytest.mark.parametrize("weight", [1.0, 10.0, 25.0])
def test_the_risk_is_the_end_heads_without_its_weight(env, weight):
    """An M trained with ends weighted w says odds that are w times too high."""
    memory = env.memory
    memory.end_weight = weight
    with torch.no_grad():
        memory.output.weight[-1] = 0
        memory.output.bias[-1] = float(np.log(weight * 0.02 / 0.98))
    dreams = Dreams(env, config())
    seen = dreams.play(Learner(Controller(TASK, "linear", 4, 20)), update_rng(0, 0))
    assert torch.allclose(seen.reward, 100 * torch.tensor(0.98).log(), rtol=1e-3)
    assert torch.allclose(dreams.alive, torch.tensor(0.98) ** 16, rtol=0.02)
    assert torch.allclose(seen.log_prob, torch.tensor(0.5).log())  # from zeros: a fair coin


def test_the_future_of_a_dream_counts_in_rewards_where_that_is_asked():
    torch.manual_seed(0)
    memory = MDNRNN(n_z=4, n_a=3, n_h=8, heads=("reward",))
    with torch.no_grad():
        memory.output.weight[-1], memory.output.bias[-1] = 0, 1.5  # expected at every step
    dreams = DreamEnv(CAR, memory, (torch.zeros(5, 4), torch.zeros(5, 4)), WORLD, num_envs=8)
    settings = config(discount=0.9, reward_discount=0.5, reward_size=3.0, horizon=4)
    seen = Dreams(dreams, settings).play(
        Learner(Controller(CAR, "linear", 4, 12)), update_rng(0, 0)
    )
    torch.testing.assert_close(seen.discount, torch.full((16, 8), 0.9 * 0.5**0.5))
    torch.testing.assert_close(seen.reward, torch.full((16, 8), 0.15))  # tens of points
    assert seen.over[:, 0].tolist() == [0, 0, 0, 1] * 4  # its horizon


def test_where_m_tells_rewards_a_dream_s_future_is_worth_as_much_as_it_is_likely():
    torch.manual_seed(0)
    memory = MDNRNN(n_z=4, n_a=3, n_h=8, heads=("end", "reward"))
    with torch.no_grad():
        for row in (-1, -2):  # both heads
            memory.output.weight[row], memory.output.bias[row] = 0, 1.5
    dreams = DreamEnv(CAR, memory, (torch.zeros(5, 4), torch.zeros(5, 4)), WORLD, num_envs=8)
    settings = config(discount=0.9, horizon=4, alive_above=1e-9)
    seen = Dreams(dreams, settings).play(
        Learner(Controller(CAR, "linear", 4, 12)), update_rng(0, 0)
    )
    survives = 1 / (1 + np.exp(1.5) / memory.end_weight)
    torch.testing.assert_close(seen.discount, torch.full((16, 8), 0.9 * survives).float())


@pytest.mark.parametrize("patience", [0, 3])
def test_a_dream_in_which_no_reward_is_expected_is_lost_at_a_price(patience):
    torch.manual_seed(0)
    memory = MDNRNN(n_z=4, n_a=3, n_h=8, heads=("reward",))
    with torch.no_grad():
        memory.output.weight[-1], memory.output.bias[-1] = 0, -0.1
    dreams = DreamEnv(CAR, memory, (torch.zeros(5, 4), torch.zeros(5, 4)), WORLD, num_envs=8)
    settings = config(horizon=8, dream_patience=patience, lost_costs=50)
    seen = Dreams(dreams, settings).play(
        Learner(Controller(CAR, "linear", 4, 12)), update_rng(0, 0)
    )
    lost = [0, 0, 1] * 5 + [0] if patience else [0] * 16
    assert seen.lost[:, 0].tolist() == lost
    assert seen.over[:, 0].tolist() == (lost if patience else ([0] * 7 + [1]) * 2)
    paid = [-5.01 if gone else -0.01 for gone in lost]
    assert seen.reward[:, 0].tolist() == pytest.approx(paid)


@pytest.mark.parametrize(
    ("judge", "update", "worth"),
    [("real_return", 20, 9.0), ("mean_return", 30, 6.0)],
    ids=["asked", "not asked"],
)
def test_the_real_game_chooses_where_it_is_asked_and_else_the_last_is_published(
    env, tmp_path, judge, update, worth
):
    scores = iter([(5.0, 5.0), (9.0, 9.0), (7.0, 6.0)])  # in the game, in the dream

    def check(params):
        real, dream = next(scores)
        found = {"mean_return": dream, "sem": 1.0}
        return found | ({"real_return": real, "real_sem": 1.0} if judge == "real_return" else {})

    few = config()
    controller = Controller(TASK, "linear", 4, 20)
    found = learn_policy(Dreams(env, few), controller, few, tmp_path, 0, check)
    _, named, _ = load_controllers(tmp_path / "controller.safetensors", TASK)
    assert (found["update"], found[judge]) == (update, worth)
    assert torch.equal(named["params"], named[f"update_{update:05d}"])


def run_folder(path, task):
    """A run whose V and M are the published ones."""
    for stage in ("vision", "memory", "latents"):
        shutil.copytree(agent.pretrained_folder(task) / stage, path / stage)
    (path / "memory" / "manifest.json").write_text("{}")
    return path


FLAGS = (
    "--task doom_take_cover --dreams 8 --steps 8 --batch-size 32 --updates 120 --check-every 50 "
    "--max-episode-steps 60 --evaluate-episodes 12"
)
CAR_FLAGS = (
    "--task car_racing --dreams 4 --steps 10 --batch-size 32 --updates 120 --check-every 50 "
    "--max-episode-steps 25 --evaluate-episodes 4"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "blow"),
    [(FLAGS, signal.SIGINT), (FLAGS, signal.SIGKILL), (CAR_FLAGS, signal.SIGKILL)],
)
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, flags, blow):
    for name in ("whole", "cut"):
        run_folder(tmp_path / name, flags.split()[1])
    command = [sys.executable, "-m", "wmlib", "policy-gradient", *flags.split()]
    subprocess.run([*command, "--run-dir", tmp_path / "whole"], check=True, capture_output=True)
    started = subprocess.Popen([*command, "--run-dir", tmp_path / "cut"], stderr=subprocess.DEVNULL)
    metrics = tmp_path / "cut" / "policy" / "metrics.jsonl"
    wait_until(lambda: metrics.is_file() and len(metrics.read_text().splitlines()) > 2)
    started.send_signal(blow)
    assert started.wait(60) != 0
    subprocess.run([*command, "--run-dir", tmp_path / "cut"], check=True, capture_output=True)
    weights = [tmp_path / n / "policy" / "controller.safetensors" for n in ("whole", "cut")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_dreams_score_is_that_of_the_published_controller(tmp_path):
    folder = run_folder(tmp_path, "doom_take_cover")
    flags = f"{FLAGS} --updates 2 --check-every 1 --max-episode-steps 300 --run-dir {folder}"
    assert cli.main(["policy-gradient", *flags.split()]) == 0
    told = read_json(folder / "policy" / "manifest.json")["result"]
    trained = agent.load_agent(folder, TASK, controller="policy")
    dream = trained.dream(5, PolicyConfig().world.tau, max_episode_steps=300)
    jobs = [(0, 10_000 + i) for i in range(12)]
    returns = play(dream, trained.controller, trained.params[None], jobs).returns
    assert told["mean_return"] == returns.mean()
    assert returns.std() > 0
    assert told["sem"] == pytest.approx(returns.std(ddof=1) / 12**0.5)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--discount 2", "--discount 2.0: must be at least 0 and at most 1"),
        ("--alive-above 0", "--alive-above 0.0: must be above 0 and below 1"),
        ("--steps 1", "--steps 1: must be at least 2"),
    ],
)
def test_numbers_without_sense_are_refused(flags, told, capsys):
    assert cli.main(["policy-gradient", "--task", "doom_take_cover", *flags.split()]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "flags", "told"),
    [
        ("car_racing", "--world dream", "--heads end reward"),
        ("doom_take_cover", "--world real --game batched", "has no batched simulator"),
        ("doom_take_cover", "--dream-patience 5", "this M has no reward head"),
    ],
)
def test_a_world_that_a_task_does_not_have_is_refused(tmp_path, capsys, task, flags, told):
    folder = str(run_folder(tmp_path, task))
    command = ["policy-gradient", "--task", task, *flags.split(), "--run-dir", folder]
    assert cli.main(command) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_doom_itself_can_be_practised(tmp_path):
    folder = run_folder(tmp_path, "doom_take_cover")
    sizes = "--updates 2 --dreams 2 --steps 8 --batch-size 8 --evaluate-episodes 2"
    flags = f"--world real --max-episode-steps 20 --check-every 1 {sizes}".split()
    command = ["policy-gradient", "--task", "doom_take_cover", "--run-dir", str(folder)]
    assert cli.main([*command, "--output", "practised", *flags]) == 0
    rows = Metrics(folder / "practised" / "metrics.jsonl").read()
    assert [row["mean_return"] for row in rows] == [20, 20]  # nobody dies so young


class Slalom(FeatureVectorEnv):
    """Eight cars that are paid for steering the way one feature points; over every 16 steps."""

    def __init__(self):
        torch.manual_seed(0)
        memory = MDNRNN(n_z=2, n_a=3, n_h=4)
        super().__init__(CAR, Mind(CAR, memory, 8, torch.device("cpu")), 8)

    def reset(self, *, seed, options):
        where, *_ = self._begin(seed, options)
        points = noise.normal(self.mind.seeds, self.mind.steps, 2).sign()
        self.mind.z = torch.where(where[:, None], points, self.z)

    def step(self, actions):
        reward = -(actions[:, 0] - 0.5 * self.z[:, 0]).square()
        mind = self.mind
        mind.steps = mind.steps + 1
        mind.z = noise.normal(mind.seeds, mind.steps, 2).sign()
        over = (mind.steps >= 16).numpy()
        return self.features(), 10 * reward.numpy(), over, np.zeros(8, dtype=bool), {}


def test_a_car_learns_to_steer_as_it_is_paid(tmp_path):
    few = config(updates=80, noise_decay=0.97)
    learn_policy(Games(Slalom(), few), Controller(CAR, "linear", 2, 6), few, tmp_path, seed=0)
    controller, named, _ = load_controllers(tmp_path / "controller.safetensors", CAR)
    features = torch.zeros(2, 6)
    features[:, 0] = torch.tensor([-1.0, 1.0])
    steer = controller.act(named["params"].expand(2, -1), features)[:, 0]
    assert steer.tolist() == pytest.approx([-0.5, 0.5], abs=0.15)
    rows = [row["reward"] for row in Metrics(tmp_path / "metrics.jsonl").read()]
    assert rows[-1] > rows[0] / 2  # minus a square, so half of it is twice as good


def live(games, *told):
    """A step of games that tell this: rewards, terminated, truncated (N,)."""
    games.env.step = lambda actions: (None, *told, {})
    return games._live(None)


def test_games_end_are_lost_and_cut_games_are_not():
    env = Slalom()
    games = Games(env, config())
    cut = np.array([True] * 4 + [False] * 4)
    reward, over, lost, _ = live(games, np.full(8, 30.0), ~cut, cut)
    assert reward.tolist() == [3.0] * 8
    assert over.all()
    assert lost.tolist() == (~cut).tolist()


def test_a_game_without_reward_is_left_behind_at_a_price():
    games = Games(Slalom(), config(patience=3, lost_costs=50, discount=0.9, reward_discount=0.5))
    none, pays = np.zeros(8, dtype=bool), np.arange(8) < 2
    for step in range(1, 4):
        reward = np.where(pays & (step == 2), 3.0, -0.1)
        paid, over, lost, discount = live(games, reward, none, none)
        assert over.tolist() == lost.tolist() == (~pays & (step == 3)).tolist()
        assert paid.tolist() == pytest.approx((reward / 10 - 5.0 * (~pays & (step == 3))).tolist())
        assert discount.tolist() == pytest.approx(np.where(pays & (step == 2), 0.45, 0.9))


@pytest.mark.parametrize(
    ("task", "game"),
    [("car_racing", "batched"), ("car_racing", "reference"), ("doom_take_cover", "reference")],
)
def test_games_go_on_from_their_state(task, game):
    """Three updates in one go are the same as three with all games made anew before the last.

    A game that cannot tell its state is played again from its seed and actions; at the stop one of
    the three is younger than the others."""
    published = agent.load_pretrained(task)
    few = PolicyConfig(RealWorld("real", game, 9), dreams=3, steps=6)
    learner = Learner(published.new_controller())
    seen = []
    for anew in (False, True):
        games = Games(published.real(3, 9, game), few)
        games.play(learner, update_rng(0, 0))
        games.over = torch.tensor([False, True, False])  # one is left early
        games.play(learner, update_rng(0, 1))
        if anew:
            state = {name: tensor.clone() for name, tensor in games.state().items()}
            pictures = games.env.pictures
            games.env.close()
            games = Games(published.real(3, 9, game), few)
            games.restore(state)
            assert np.array_equal(games.env.pictures, pictures)
        seen.append(games.play(learner, update_rng(0, 2)))
        games.env.close()
    assert seen[0].over.sum() == 3  # the games were cut, and new ones begun, after the stop
    for once, twice in zip(*seen):
        assert torch.equal(once, twice)


def test_a_snapshot_of_replayed_games_stays_as_they_play_on():
    games = agent.load_pretrained("doom_take_cover").real(2, 9)
    games.reset(seed=[100_001, 100_002])
    actions = np.zeros((2, 1), np.float32)
    games.step(actions)
    actions += 1  # the caller's array, used again
    state = games.snapshot()
    games.reset(seed=[100_003, 100_004])
    games.close()
    assert state["game_seeds"].tolist() == [100_001, 100_002]
    assert state["game_began"].tolist() == [0, 0]
    assert state["game_actions"].tolist() == [[[0.0], [0.0]]]


@pytest.mark.parametrize("task", ["doom_take_cover", "pendulum"])
def test_seeds_of_any_size_begin_a_game_and_bring_it_back(task):
    games = agent.load_pretrained(task).real(2, 9)
    games.reset(seed=[2**63 - 1, 2**70])
    assert games.np_random_seed == (2**63 - 1, 2**70)
    games.step(np.zeros((2, 1), np.float32))
    state, pictures = games.snapshot(), np.array(games.pictures)
    games.reset(seed=[5, 2**64])
    games.restore(state)
    assert np.array_equal(games.pictures, pictures)
    games.close()


@pytest.mark.parametrize("task", [TASK, CAR])
def test_units_lie_where_the_sizes_do(task):
    with FakeTensorMode():  # it has the rules of a GPU and needs none
        sizes = torch.ones(12, device="cuda")
        assert Controller(task, "linear", 4, 12).units(sizes).device.type == "cuda"


def test_a_diverged_controller_is_told_and_does_not_play(env, tmp_path):
    with pytest.raises(UserError, match="largest_weight = inf at update 0"):
        learn_policy(
            Dreams(env, config()),
            Controller(TASK, "linear", 4, 20),
            config(learning_rate=1e30),
            tmp_path,
            seed=0,
        )
