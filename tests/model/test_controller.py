"""C has the paper's parameter counts and computes tanh(W f + b)."""

import pytest
import torch

from wmlib.errors import UserError
from wmlib.model.controller import Controller, load_controllers, save_controllers
from wmlib.tasks import TASKS

CAR, DOOM = TASKS["car_racing"], TASKS["doom_take_cover"]


@pytest.mark.parametrize(
    ("task", "kind", "n_z", "n_features", "count"),
    [
        (CAR, "linear", 32, 32 + 256, 867),
        (CAR, "hidden", 32, 32 + 256, 1443),
        (CAR, "z", 32, 32 + 256, 99),
        (DOOM, "linear", 64, 64 + 2 * 512, 1088),
        (DOOM, "deep", 64, 64 + 2 * 512, 1088 + 1089 * 128 + 129),  # not the paper's
    ],
)
def test_parameter_counts_of_the_paper(task, kind, n_z, n_features, count):
    assert Controller(task, kind, n_z, n_features).n_params == count


def test_linear_is_a_linear_layer_under_the_squash():
    controller = Controller(CAR, "linear", 32, 288)
    layer = torch.nn.Linear(288, 3)
    params = torch.cat([layer.weight.flatten(), layer.bias])
    f = torch.randn(5, 288)
    steer, gas, brake = torch.tanh(layer(f)).unbind(1)
    expected = torch.stack([steer, (gas + 1) / 2, brake.clamp(0, 1)], 1)
    torch.testing.assert_close(controller.act(params.expand(5, -1), f), expected)


@pytest.mark.parametrize("kind", ["linear", "deep"])
@pytest.mark.parametrize(("task", "n_z", "n_features"), [(CAR, 32, 288), (DOOM, 64, 1088)])
def test_weights_in_their_units_see_features_of_size_one(task, n_z, n_features, kind):
    controller = Controller(task, kind, n_z, n_features)
    sizes = torch.rand(n_features) * 10 + 0.1
    f, params = torch.randn(5, n_features), torch.randn(1, controller.n_params) * 0.05
    expected = controller.act(params.expand(5, -1), f / sizes)
    found = controller.act((params * controller.units(sizes)).expand(5, -1), f)
    torch.testing.assert_close(found, expected)


def test_hidden_is_two_layers():
    controller = Controller(CAR, "hidden", 32, 288)
    first, second = torch.nn.Linear(32, 40), torch.nn.Linear(40, 3)
    params = torch.cat([t.flatten() for m in (first, second) for t in (m.weight, m.bias)])
    f = torch.randn(4, 288)
    steer = torch.tanh(second(torch.tanh(first(f[:, :32]))))[:, 0]
    torch.testing.assert_close(controller.act(params.expand(4, -1), f)[:, 0], steer)


def test_deep_is_a_linear_map_and_units_beside_it():
    controller = Controller(CAR, "deep", 4, 12)
    linear = torch.nn.Linear(12, 3)
    inner, outer = torch.nn.Linear(12, 128), torch.nn.Linear(128, 3)
    layers = linear, inner, outer
    params = torch.cat([t.flatten() for m in layers for t in (m.weight, m.bias)])
    f = torch.randn(2, 5, 12)
    expected = linear(f) + outer(torch.tanh(inner(f)))
    torch.testing.assert_close(controller.outputs(params, f), expected)
    steer = controller.act(params.expand(5, -1), f[0])[:, 0]
    torch.testing.assert_close(steer, torch.tanh(expected[0, :, 0]))


def test_a_deep_controller_begins_by_doing_nothing_or_as_a_linear_one():
    deep, linear = (Controller(DOOM, kind, 4, 12) for kind in ("deep", "linear"))
    params, f = deep.first_weights(), torch.randn(7, 12)
    assert deep.outputs(params, f).abs().max() == 0
    assert deep.matrices(params)[1][0].std() > 0.1
    params[: linear.n_params] = torch.randn(linear.n_params)
    same = linear.outputs(params[: linear.n_params], f)
    torch.testing.assert_close(deep.outputs(params, f), same)
    assert linear.first_weights().abs().max() == 0


def test_each_row_is_driven_by_its_own_candidate():
    controller = Controller(DOOM, "linear", 64, 1088)
    # float64: sums of 1,088 products may differ by their order, and by nothing else
    params, f = torch.randn(2, 3, 1088, dtype=torch.float64)
    together = controller.act(params, f)
    alone = torch.cat([controller.act(params[i : i + 1], f[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone)
    assert (together.abs() <= 1).all()


def test_save_and_load(tmp_path):
    controller = Controller(CAR, "hidden", 32, 288)
    vector = torch.randn(controller.n_params)
    save_controllers(tmp_path / "c.safetensors", controller, {"params": vector})
    loaded, named, _ = load_controllers(tmp_path / "c.safetensors", CAR)
    assert loaded.kind == "hidden"
    assert torch.equal(named["params"], vector.half().float())
    with pytest.raises(UserError, match="for car_racing, not for doom_take_cover"):
        load_controllers(tmp_path / "c.safetensors", DOOM)
