"""The page of a run: whole, in one file, with what is there and nothing of what is not."""

import json
import re

import numpy as np
import pytest
import torch

from wmlib.book import run_pictures
from wmlib.book.run_page import write_page
from wmlib.cli import main as cli
from wmlib.data.store import Episode, RolloutStore
from wmlib.errors import UserError
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import VAE, save_vision
from wmlib.records.files import write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder
from wmlib.records.weights import save_weights
from wmlib.tasks import get_task

DOOM = get_task("doom_take_cover")


def stage(folder, rows=(), finished=True, **config):
    """A stage's folder as wmlib.records.stage leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"config": config, "seed": 7}
    write_json(folder / "config.json", facts)
    if finished:
        write_json(folder / "manifest.json", facts | {"seconds": 75.0, "device": "a CPU"})
    for row in rows:
        Metrics(folder / "metrics.jsonl").append(**row)


@pytest.fixture
def run(tmp_path):
    """Episodes, V and M of Doom, untrained, with C under way."""
    folder = tmp_path / "run"
    rng = np.random.default_rng(0)
    store = RolloutStore(folder / "rollouts", {"task": DOOM.name})
    for number in range(3):
        frames = list(rng.integers(1, 255, (30, 64, 64, 3), dtype=np.uint8))
        actions = list(rng.uniform(-1, 1, (30, 1)).astype(np.float32))
        store.append(Episode(number, number, frames, actions, [1.0] * 30, {}, True), "held", True)
    store.close()
    torch.manual_seed(0)
    (folder / "vision").mkdir()
    (folder / "memory").mkdir()
    save_vision(folder / "vision" / "vision.safetensors", VAE(4), DOOM)
    memory = MDNRNN(4, 1, 6, 2)
    save_weights(
        folder / "memory" / "memory.safetensors",
        memory.state_dict(),
        task=DOOM.name,
        **memory.shape,
    )
    stage(folder / "rollouts", episodes=3, policy="held")
    losses = [{"update": u, "recon": 90.0 / u, "kl_raw": 3.0, "seconds": u} for u in (1, 2, 3)]
    stage(folder / "vision", losses, n_z=4, kl_tolerance=0.5, epochs=1)
    nats = [
        {"update": u, "nll": 2.0, "floor": 1.0, "val_nll": 2.25, "val_floor": 1.0} for u in (1, 2)
    ]
    stage(folder / "memory", nats, updates=2)
    world = {"kind": "dream", "tau": 1.15}
    row = {"generation": 1, "fitness": [1.0, 3.0], "sigma": 0.1, "steps": 9, "seconds": 4.0}
    rows = [row, row | {"generation": 2, "mean_return": 321.0, "sem": 4.0}]
    stage(folder / "controller", rows, finished=False, generations=40, world=world)
    return folder


def page_of(folder, tmp_path, **options):
    output = tmp_path / "page.html"
    write_page(folder, output, **options)
    return output.read_text()


def test_the_page_shows_every_stage_that_there_is(run, tmp_path):
    page = page_of(run, tmp_path)
    for word in ("Episodes", "V: squared error", "V: KL", "nats above the floor", "C: controller"):
        assert word in page
    assert "generation 2 of 40" in page
    assert "its tolerance is 2" in page  # 4 latents, half a nat each
    assert "ends at 1.250 above it" in page
    assert "321 ± 4 in the dream" in page
    assert "world.tau" in page
    assert "Scores" not in page
    assert page.count('class="film"') == 1
    assert "V's reconstructions" in page.replace("&#x27;", "'")


def test_the_page_needs_no_other_file(run, tmp_path):
    page = page_of(run, tmp_path)
    links = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert links
    assert all(link.startswith("data:") for link in links)
    assert "http-equiv" not in page
    assert '<meta http-equiv="refresh" content="20">' in page_of(run, tmp_path, every=20)


def test_scores_come_with_their_error_and_what_they_stand_beside(run, tmp_path):
    score = {"task": DOOM.name, "returns": [1.0, 3.0], "mean": 2.0, "std": 1.4, "sem": 1.0, "n": 2}
    write_json(run / "evaluation.json", score)
    (run / "notes.json").write_text('["a reader\'s own"]')
    page = page_of(run, tmp_path)
    assert "2.0 ± 1.4 (standard error 1.0, n = 2)" in page
    assert "the best published by others 1,092" in page
    write_json(run / "evaluation.json", score | {"returns": [2.0], "std": 0.0, "sem": 0.0, "n": 1})
    page = page_of(run, tmp_path)
    assert "2.0, a single episode" in page
    assert "± 0" not in page


def test_a_team_is_counted_by_its_members(run, tmp_path):
    rows = [
        {"update": 8 * k, "member": k, "reward": -8000.0 * k, "critic": 1.0, "seconds": 1.0 * k}
        for k in (1, 2)
    ]
    world = {"kind": "dream", "tau": 1.0}
    stage(run / "team", rows, finished=False, team=3, updates=8, world=world)
    page = page_of(run, tmp_path)
    assert "member 2 of 3" in page
    assert "from −8,000 to −16,000" in page


def test_a_run_that_has_just_begun_has_a_page(run, tmp_path):
    for name in ("vision", "memory", "controller"):
        for path in (run / name).iterdir():
            path.unlink()
    page = page_of(run, tmp_path)
    assert "Episodes" in page
    assert "V: KL" not in page
    assert 'class="film"' not in page


def test_a_damaged_part_is_said_and_the_rest_is_shown(run, tmp_path):
    (run / "memory" / "metrics.jsonl").write_text("{\n{}\n")
    page = page_of(run, tmp_path)
    assert "cannot be shown" in page
    assert "321 ± 4 in the dream" in page


def test_an_iteration_shows_its_rounds_and_the_last_of_them(run, tmp_path):
    whole = tmp_path / "whole"
    for number in (1, 2):
        row = {"round": number, "real_steps": 30 * number, "dream_return": 5.0}
        row |= {"real_return": 100.0 * number, "real_sem": 3.0, "n": 4}
        (whole / f"round_0{number}").mkdir(parents=True)
        write_json(whole / f"round_0{number}" / "round.json", row)
    for part in run.iterdir():
        target = whole if part.name == "rollouts" else whole / "round_02"
        part.rename(target / part.name)
    page = page_of(whole, tmp_path)
    assert "200 ± 3 in the game at the end" in page
    assert "round_02" in page
    assert "generation 2 of 40" in page
    assert 'class="film"' in page  # all rounds share the episodes
    assert "generation 2 of 40" in page_of(whole / "round_02", tmp_path)
    write_json(whole / "round_02" / "round.json", row | {"real_sem": 0.0, "n": 1})
    page = page_of(whole, tmp_path)
    assert "200 in the game at the end" in page  # one episode tells no error
    assert "<td>0</td>" not in page


def test_the_dream_is_awake_for_ten_steps_and_then_alone(run):
    folder = RunFolder(run)
    vision, memory = run_pictures.open_vision(folder, DOOM), run_pictures.open_memory(folder, DOOM)
    store = run_pictures.open_store(folder)
    seen = run_pictures.dream_of(DOOM, vision, memory, store)
    assert seen.real.shape == seen.dreamed.shape == (30, 64, 64, 3)
    assert (seen.real == store.frames(2)[:30]).all()
    changed = store.frames(2).copy()
    changed[run_pictures.AWAKE + 1 :] = 0

    store.frames = lambda i, part: changed[part]
    again = run_pictures.dream_of(DOOM, vision, memory, store)
    np.testing.assert_array_equal(again.dreamed_z, seen.dreamed_z)
    changed[run_pictures.AWAKE] = 0
    other = run_pictures.dream_of(DOOM, vision, memory, store)
    assert (other.dreamed_z[run_pictures.AWAKE] != seen.dreamed_z[run_pictures.AWAKE]).any()


def test_what_is_no_run_is_refused_in_one_line(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no run folder"):
        write_page(tmp_path / "empty", tmp_path / "page.html")
    with pytest.raises(UserError, match="--output"):
        write_page(run, tmp_path / "nowhere" / "page.html")


def test_show_writes_into_the_run_where_it_is_told_no_other_place(run, capsys):
    assert cli.main(["show", str(run)]) == 0
    assert (run / "show.html").is_file()
    assert "show.html" in capsys.readouterr().err
    json.loads((run / "controller" / "config.json").read_text())  # nothing else was touched
