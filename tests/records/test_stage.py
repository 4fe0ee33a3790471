"""A stage can be stopped, resumed and passed over, and never mixes two settings."""

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
import torch
from annotated_types import Ge, Interval

from wmlib import configs
from wmlib.data.latents import EncodeConfig
from wmlib.errors import UserError
from wmlib.records import weights
from wmlib.records.files import read_json, sha256
from wmlib.records.run_folder import is_finished
from wmlib.records.settings import CHANGES, FOLLOWS, GROWS, SPEED, Checked, changed
from wmlib.records.stage import CLAIM, Stage

RESULTS = Path(__file__).resolve().parents[2] / "results"


@dataclass(frozen=True)
class Inner(Checked):
    slots: Annotated[int, SPEED] = 4
    size: int = 1
    rounds: Annotated[int, GROWS] = 1


@dataclass(frozen=True)
class Other(Checked):
    kind: Literal["other"] = "other"
    heat: float = 1.0


@dataclass(frozen=True)
class Kind(Checked):
    kind: Literal["kind"] = "kind"
    size: int = 1


@dataclass(frozen=True)
class Settings(Checked):
    size: int = 3
    rounds: Annotated[int, GROWS] = 1
    who: Annotated[str, CHANGES] = "a"
    data: Annotated[str, FOLLOWS] = "x"
    inner: Inner = Inner()
    world: Kind | Other = Kind()


def begin(folder, settings=None, seed=1, made=True, **kwargs):
    """Start a stage and stop it by Ctrl-C; whether there was anything to do."""
    stage = Stage(folder, "evolve", settings or Settings(), seed, **kwargs)
    with contextlib.suppress(KeyboardInterrupt), stage:
        if made:
            (folder / "metrics.jsonl").write_text("{}")
        raise KeyboardInterrupt
    return not stage.done


def finish(folder, settings=None, seed=1, **kwargs):
    with Stage(folder, "evolve", settings or Settings(), seed, **kwargs) as stage:
        if not stage.done:
            (folder / "metrics.jsonl").write_text("{}")
            stage.result["loss"] = 1.0
    return stage


def test_a_stage_is_finished_only_if_it_ended_without_error(tmp_path):
    begin(tmp_path, seed=7)
    assert not is_finished(tmp_path)
    weights.save_weights(tmp_path / "w.safetensors", {"w": torch.zeros(1)})
    assert not finish(tmp_path, seed=7).done
    manifest = read_json(tmp_path / "manifest.json")
    assert manifest["seed"] == 7
    assert manifest["config"] == dataclasses.asdict(Settings())
    assert manifest["result"] == {"loss": 1.0}
    assert manifest["sha256"]["w.safetensors"] == sha256(tmp_path / "w.safetensors")
    again = finish(tmp_path, seed=7)
    assert (again.done, again.result) == (True, {"loss": 1.0})


def test_its_wall_time_adds_up_over_interruptions(tmp_path):
    begin(tmp_path)
    (tmp_path / "progress.json").write_text('{"seconds": 1000.0}')
    finish(tmp_path)
    assert 1000 <= read_json(tmp_path / "manifest.json")["seconds"] < 1100


def test_a_folder_started_with_other_settings_is_refused(tmp_path):
    assert begin(tmp_path, Settings(2), made=False)
    assert begin(tmp_path, Settings(3))  # nothing was made with 2
    assert begin(tmp_path, Settings(3))
    for other, told in (
        (Settings(4), "size 3 → 4"),
        (Settings(3, inner=Inner(size=2)), r"inner\.size 1 → 2"),
        (Settings(3, rounds=2, inner=Inner(rounds=2)), r"inner\.rounds 1 → 2"),  # of its own stage
        (Settings(3, world=Other()), r"world\.kind kind → other"),
        (Settings(3, world=Kind(size=2)), r"world\.size 1 → 2"),
    ):
        with pytest.raises(UserError, match=told):
            finish(tmp_path, other)
    with pytest.raises(UserError, match="seed 1 → 2"):
        finish(tmp_path, Settings(3), seed=2)
    assert begin(tmp_path, Settings(3, inner=Inner(slots=9)))  # only speed


def test_a_finished_stage_may_go_on_for_longer_but_not_shorter(tmp_path):
    finish(tmp_path, Settings(rounds=5))
    assert finish(tmp_path, Settings(rounds=5)).done
    with pytest.raises(UserError, match="rounds 5 → 4"):
        finish(tmp_path, Settings(rounds=4))
    assert begin(tmp_path, Settings(rounds=9))
    assert not is_finished(tmp_path)  # it goes on
    with pytest.raises(UserError, match="rounds 9 → 8"):
        finish(tmp_path, Settings(rounds=8))


def test_an_unfinished_stage_may_end_sooner_but_not_before_what_is_done(tmp_path):
    begin(tmp_path, Settings(rounds=9))
    with pytest.raises(UserError, match=r"rounds 6: more are done already in .* give 7"):
        finish(tmp_path, Settings(rounds=6), least=7)
    assert read_json(tmp_path / CLAIM)["config"]["rounds"] == 9
    assert not finish(tmp_path, Settings(rounds=7), least=7).done
    with pytest.raises(UserError, match="rounds 7 → 5"):  # finished
        finish(tmp_path, Settings(rounds=5), least=5)


def test_what_may_change_only_changes_when_it_goes_on(tmp_path):
    begin(tmp_path, Settings(rounds=5))
    with pytest.raises(UserError, match="who a → b"):
        finish(tmp_path, Settings(rounds=5, who="b"))
    assert begin(tmp_path, Settings(rounds=6, who="b"))
    with pytest.raises(UserError, match="size 3 → 4"):
        finish(tmp_path, Settings(4, rounds=7, who="b"))


def test_what_follows_the_data_may_always_change(tmp_path):
    assert not finish(tmp_path).done
    assert not finish(tmp_path, Settings(data="y")).done
    assert finish(tmp_path, Settings(data="y")).done


def test_a_stage_made_from_other_inputs_is_refused(tmp_path):
    begin(tmp_path, inputs={"vision": "0" * 64})
    with pytest.raises(UserError, match=r"other data or weights \(vision 000000000000 → 111"):
        finish(tmp_path, inputs={"vision": "1" * 64})
    with pytest.raises(UserError, match=r"other data or weights \(start None → 222"):
        finish(tmp_path, inputs={"vision": "0" * 64, "start": "2" * 64})
    finish(tmp_path, inputs={"vision": "0" * 64, "starts": "2" * 64})  # an older claim lacks it


def test_two_processes_do_not_work_in_one_folder(tmp_path):
    with Stage(tmp_path, "evolve", Settings(rounds=5), 1):
        for other in (Settings(rounds=5), Settings(size=4), Settings(rounds=9)):
            with pytest.raises(UserError, match="another process is at work"):
                Stage(tmp_path, "evolve", other, 1).__enter__()
            assert read_json(tmp_path / CLAIM)["config"]["rounds"] == 5
    assert finish(tmp_path, Settings(rounds=5)).done  # the folder is free again


def test_a_finished_stage_is_read_where_nothing_can_be_written(tmp_path):
    finish(tmp_path)
    (tmp_path / ".stage.lock").unlink(missing_ok=True)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert finish(tmp_path).done
    assert sorted(p.name for p in tmp_path.iterdir()) == before  # not even a lock


def test_a_stage_whose_result_is_gone_is_not_finished(tmp_path):
    weights.save_weights(tmp_path / "w.safetensors", {"w": torch.zeros(1)})
    finish(tmp_path)
    assert is_finished(tmp_path)
    (tmp_path / "w.safetensors").unlink()
    assert not is_finished(tmp_path)
    assert not finish(tmp_path).done


def test_a_claim_without_what_it_needs_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "metrics.jsonl").write_text("{}")
    with pytest.raises(UserError, match=r"config\.json is damaged \(it has no config, seed"):
        finish(tmp_path)


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class Numbers(Checked):
    count: int = 1
    amount: float = 1.0
    free: Annotated[int, Ge(0)] = 0
    share: Annotated[float, Interval(gt=0, le=1)] = 0.5
    way: Literal["there", "back"] = "there"
    stops: tuple[Literal["home", "sea"], ...] = ()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"count": 0}, "--count 0: must be at least 1"),
        ({"amount": 0.0}, "--amount 0.0: must be above 0"),
        ({"amount": float("nan")}, "--amount nan: must be a finite number"),
        ({"free": -1}, "--free -1: must be at least 0"),
        ({"share": 0.0}, "must be above 0 and at most 1"),
        ({"share": 1.5}, "must be above 0 and at most 1"),
        ({"way": "up"}, "--way up: choose one of there, back"),
        ({"stops": ("home", "moon")}, "--stops moon: choose one of home, sea"),
    ],
)
def test_numbers_and_words_without_sense_are_refused(wrong, told):
    with pytest.raises(UserError, match=told):
        Numbers(**wrong)
    Numbers(free=0, share=1.0, way="back", stops=("sea",))


def test_settings_come_back_from_json():
    settings = Settings(4, inner=Inner(size=7), world=Other(heat=2.0))
    again = Settings.of(json.loads(json.dumps(dataclasses.asdict(settings))))
    assert again == settings
    assert changed(settings, again) == {}
    assert set(changed(settings, Settings(4))) == {
        "inner.size",
        "world.kind",
        "world.heat",
        "world.size",
    }
    assert Settings.of({"size": 4}) == Settings(4)  # what is newer than the file has its default


KINDS = {
    "collect": configs.CollectConfig,
    "vision": configs.VisionConfig,
    "latents": EncodeConfig,
    "memory": configs.MemoryConfig,
    "evolve": configs.EvolveConfig,
    "policy-gradient": configs.PolicyConfig,
}


def test_every_published_manifest_can_be_read_as_settings():
    seen = set()
    for path in sorted(RESULTS.glob("**/manifest.json")):
        manifest = read_json(path, stage=str, config=dict)
        kind = KINDS[manifest["stage"]]
        settings = kind.of(manifest["config"])
        assert kind.of(dataclasses.asdict(settings)) == settings
        stored = dict(manifest["config"])
        flat = isinstance(stored.get("world", "dream"), str)  # as they were up to version 0.1.0
        if flat and hasattr(settings, "world"):
            assert settings.world.kind == stored.pop("world", "dream")
            for name in ("tau", "end_above", "game", "max_episode_steps"):
                if hasattr(settings.world, name) and name in stored:
                    assert getattr(settings.world, name) == stored[name]
                stored.pop(name, None)
            if manifest["stage"] == "policy-gradient":  # now M's own, which is 10 in all
                assert stored.pop("end_odds", stored.pop("end_weight", 10.0)) == 10.0
        for name, value in stored.items():
            found = getattr(settings, name)
            if dataclasses.is_dataclass(found):  # the world, as new manifests hold it
                found = dataclasses.asdict(found)
            assert (list(found) if isinstance(found, tuple) else found) == value
        seen.add(manifest["stage"])
    assert seen == set(KINDS)


def test_every_published_iteration_can_be_read_as_settings():
    for path in RESULTS.glob("pendulum/*/rounds.json"):
        stored = read_json(path, config=dict)["config"]
        config = configs.IterateConfig.of(stored)
        assert dataclasses.asdict(config.evolve.world) == stored["evolve"]["world"]
        assert config.memory.n_h == stored["memory"]["n_h"]
