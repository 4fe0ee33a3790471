"""Latents on disk, and the batches cut from them: nothing may be off by one."""

import json
import shutil

import numpy as np
import pytest
import torch

from wmlib.data.batches import EpisodeBatches, StreamBatches
from wmlib.data.latents import Latents, encode_frames, encode_run, load_latents
from wmlib.data.store import Episode, RolloutStore
from wmlib.errors import UserError
from wmlib.model.vision import VAE
from wmlib.records.run_folder import RunFolder
from wmlib.records.weights import save_weights

CPU = torch.device("cpu")


def counted_latents(lengths=(5, 3, 7, 4), n_z=2):
    """Step t of episode e has mu = 100 e + t, action = mu + 0.25, reward = mu + 0.5; no noise."""
    mu = np.concatenate([100 * e + np.arange(n) for e, n in enumerate(lengths)])
    return Latents(
        mu=np.repeat(mu[:, None], n_z, 1).astype(np.float16),
        logvar=np.full((len(mu), n_z), -40, dtype=np.float16),
        actions=mu[:, None].astype(np.float32) + 0.25,
        rewards=mu.astype(np.float32) + 0.5,
        first=np.concatenate([[0], np.cumsum(lengths)]),
        terminated=np.arange(len(lengths)) % 2 == 0,
    )


def check_alignment(latents, batch):
    """Every target stands where it should, told from the counting numbers."""
    valid, has_next = batch.valid.bool(), batch.has_next.bool()
    z = batch.z[..., 0].round()  # the noise is 2e-9, not 0
    t, e = z % 100, (z // 100).long()
    length = torch.from_numpy(latents.lengths)[e]
    died = torch.from_numpy(latents.terminated)[e]
    torch.testing.assert_close(batch.z_next[has_next], batch.z[has_next] + 1)
    torch.testing.assert_close(batch.a_next[has_next], batch.a[has_next] + 1)
    torch.testing.assert_close(batch.a[..., 0][valid], z[valid] + 0.25)
    torch.testing.assert_close(batch.reward[valid], z[valid] + 0.5)
    assert torch.equal(batch.restart.bool()[valid], (t == 0)[valid])
    assert torch.equal(has_next, valid & (t < length - 1))
    assert torch.equal(batch.end.bool(), valid & (t == length - 1) & died)


def test_whole_episodes_are_aligned_and_padded():
    latents = counted_latents()
    batch = EpisodeBatches(latents, np.arange(4), 4, 1000, seed=0).make(0)
    assert batch.z.shape == (4, 7, 2)
    assert batch.fresh
    assert sorted(batch.valid.sum(1).tolist()) == [3, 4, 5, 7]
    check_alignment(latents, batch)


def test_windows_of_long_episodes_are_aligned_and_move():
    latents = counted_latents((50, 60, 3))
    data = EpisodeBatches(latents, np.arange(3), 3, 10, seed=0)
    starts = set()
    for update in range(20):
        batch = data.make(update)
        assert batch.z.shape == (3, 10, 2)
        check_alignment(latents, batch)
        starts |= set(batch.z[:, 0, 0].tolist())
    assert len(starts) > 20


@pytest.mark.parametrize("kind", [EpisodeBatches, StreamBatches])
def test_where_no_step_has_a_next_one_the_floor_is_0(kind):
    batch = kind(counted_latents((1, 1, 1)), np.arange(3), 2, window=1, seed=0).make(0)
    assert not batch.has_next.any()
    assert torch.equal(batch.floor, torch.tensor(0.0))


def test_half_of_the_sequences_are_recent():
    latents = counted_latents((5,) * 20)
    data = EpisodeBatches(latents, np.arange(20), 10, 5, seed=0, recent=2)
    batches = [data.make(update) for update in range(30)]
    share = np.mean([float((b.z[:, 0, 0].round() >= 1800).float().mean()) for b in batches])
    assert 0.5 < share < 0.6  # and those that any other batch has
    for batch in batches[:3]:
        check_alignment(latents, batch)


def test_streams_are_aligned_and_go_on_where_the_last_window_ended():
    latents = counted_latents((5, 3, 7, 4, 9, 6))
    data = StreamBatches(latents, np.arange(6), batch_size=2, window=4, seed=0)
    assert data.per_epoch == 34 // 2 // 4
    before = None
    for update in range(3 * data.per_epoch):
        batch = data.make(update)
        check_alignment(latents, batch)
        assert batch.fresh == (update % data.per_epoch == 0)
        if not batch.fresh:
            goes_on = before.has_next[:, -1].bool()
            assert torch.equal(batch.restart[:, 0].bool(), ~goes_on)
            expected = before.z_next[:, -1][goes_on]
            torch.testing.assert_close(batch.z[:, 0][goes_on], expected)
        before = batch


@pytest.mark.parametrize("kind", [EpisodeBatches, StreamBatches])
def test_a_batch_depends_on_seed_and_update_alone(kind):
    latents = counted_latents((5, 3, 7, 4, 9, 6))
    object.__setattr__(latents, "logvar", np.zeros_like(latents.logvar))  # now z is noisy
    data = kind(latents, np.arange(6), 2, 4, 1)
    in_order = [data.make(update) for update in range(8)]
    again = kind(latents, np.arange(6), 2, 4, 1).make(5)
    for one, other in zip(in_order[5], again):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    assert not torch.equal(in_order[0].z, kind(latents, np.arange(6), 2, 4, 2).make(0).z)


def test_z_is_sampled_anew_with_the_stored_sigma():
    n = 20_000
    latents = Latents(
        mu=np.full((n, 1), 3, dtype=np.float16),
        logvar=np.full((n, 1), np.log(0.25), dtype=np.float16),
        actions=np.zeros((n, 1), dtype=np.float32),
        rewards=np.zeros(n, dtype=np.float32),
        first=np.array([0, n // 2, n]),
        terminated=np.zeros(2, dtype=bool),
    )
    data = EpisodeBatches(latents, np.arange(2), 2, n, seed=0)
    first, second = data.make(0), data.make(1)
    assert not torch.equal(first.z, second.z)
    assert first.z.mean().item() == pytest.approx(3, abs=0.02)
    assert first.z.std().item() == pytest.approx(0.5, abs=0.01)
    assert first.floor.item() == pytest.approx(1.4189 + np.log(0.5), abs=1e-3)


def test_too_little_data_is_said_so():
    with pytest.raises(UserError, match="need 400"):
        StreamBatches(counted_latents(), np.arange(4), batch_size=4, window=100, seed=0)
    with pytest.raises(UserError, match="at least 2 episodes"):
        counted_latents((5,)).split()


def test_split_is_disjoint_and_stable_when_data_grows():
    small, large = counted_latents((2,) * 40).split(), counted_latents((2,) * 70).split()
    for train, held_out in (small, large):
        assert not set(train) & set(held_out)
    assert list(small[1]) == [18, 37]
    assert set(small[1]) <= set(large[1])
    assert set(small[0]) <= set(large[0])


# ---------------------------------------------------------------- on disk


def add_episodes(store, lengths):
    rng = np.random.default_rng(len(store))
    for length in lengths:
        number = len(store)
        store.append(
            Episode(
                number,
                100_000 + number,
                frames=rng.integers(0, 256, (length, 64, 64, 3), dtype=np.uint8),
                actions=rng.uniform(-1, 1, (length, 1)).astype(np.float32),
                rewards=rng.normal(size=length).astype(np.float32),
                terminated=number % 2 == 0,
                truncated=number % 2 == 1,
            ),
            policy="test",
        )


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path)
    torch.manual_seed(0)
    vae = VAE(4)
    path = run.stage("vision", create=True) / "vision.safetensors"
    save_weights(path, vae.state_dict(), task="doom_take_cover", n_z=4)
    store = RolloutStore(run.stage("rollouts"), {"task": "doom_take_cover"})
    add_episodes(store, [4, 9, 6])
    yield run, vae, store
    store.close()


def check_stored(run, vae, store):
    latents = load_latents(run.stage("latents"))
    assert list(latents.lengths) == [row["length"] for row in store.index]
    assert list(latents.terminated) == [row["terminated"] for row in store.index]
    for i in range(len(store)):
        part = slice(latents.first[i], latents.first[i + 1])
        mu, logvar = encode_frames(vae, store.frames(i), CPU)
        np.testing.assert_allclose(latents.mu[part], mu, atol=1e-2)
        np.testing.assert_allclose(latents.logvar[part], logvar, atol=1e-2)
        np.testing.assert_array_equal(latents.actions[part], store.actions(i))
        np.testing.assert_array_equal(latents.rewards[part], store.rewards(i))
    return latents


def test_encoding_goes_on_after_a_crash_and_when_data_grows(run, monkeypatch):
    run, vae, store = run
    monkeypatch.setattr("wmlib.data.latents.BLOCK", 4)  # one episode a block
    encode, calls = vae.encode, []

    def break_in_the_second(x):
        calls.append(len(x))
        if len(calls) == 2:
            raise RuntimeError("power cut")
        return encode(x)

    monkeypatch.setattr(vae, "encode", break_in_the_second)
    with pytest.raises(RuntimeError, match="power cut"):
        encode_run(run, vae, store, CPU)
    assert not (run.stage("latents") / "manifest.json").exists()
    with pytest.raises(UserError, match="has no latents, or not all of them"):
        load_latents(run.stage("latents"))
    encode_run(run, vae, store, CPU)
    assert calls == [4, 9, 9, 6]  # the first episode was not encoded again
    check_stored(run, vae, store)
    add_episodes(store, [5])
    before = len(calls)
    encode_run(run, vae, store, CPU)
    assert calls[before:] == [5]
    assert len(check_stored(run, vae, store)) == 4


def test_another_v_means_other_latents(run, monkeypatch):
    run, vae, store = run
    encode_run(run, vae, store, CPU)
    other = VAE(6)
    path = run.stage("vision") / "vision.safetensors"
    save_weights(path, other.state_dict(), task="doom_take_cover", n_z=6)
    encode, calls = other.encode, []

    def break_in_the_second(x):
        calls.append(len(x))
        if len(calls) == 2:
            raise RuntimeError("power cut")
        return encode(x)

    monkeypatch.setattr("wmlib.data.latents.BLOCK", 4)  # one episode a block
    monkeypatch.setattr(other, "encode", break_in_the_second)
    with pytest.raises(RuntimeError, match="power cut"):
        encode_run(run, other, store, CPU)
    with pytest.raises(UserError, match="not all of them"):  # the first V's are gone
        load_latents(run.stage("latents"))
    encode_run(run, other, store, CPU)
    assert check_stored(run, other, store).mu.shape[1] == 6


def test_missing_latents_name_the_command(tmp_path):
    with pytest.raises(UserError, match="train-vision"):
        load_latents(tmp_path)


ARRAYS = ("mu", "logvar", "actions", "rewards", "lengths", "terminated")


def damage(file, how):
    """Delete a file, cut it, or flip its middle bit."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 16
    if how == "delete":
        file.unlink()
    else:
        file.write_bytes(data if how == "flip" else data[: len(data) // 2])


@pytest.mark.parametrize("how", ["delete", "cut", "flip"])
@pytest.mark.parametrize("name", ARRAYS)
def test_damage_to_any_array_is_noticed_and_the_remedy_works(run, name, how):
    run, vae, store = run
    encode_run(run, vae, store, CPU)
    data = run.stage("latents") / "data"
    damage(next(p for p in (data / name / "c").rglob("0") if p.is_file()), how)
    with pytest.raises(UserError, match=r"data is lost or damaged: delete that folder"):
        load_latents(run.stage("latents"))
    shutil.rmtree(data)  # as told
    with pytest.raises(UserError, match=r"train-vision encodes the frames again"):
        load_latents(run.stage("latents"))
    encode_run(run, vae, store, CPU)
    check_stored(run, vae, store)


def test_latents_of_version_0_1_0_are_read_and_encoded_anew_when_data_grows(run):
    run, vae, store = run
    encode_run(run, vae, store, CPU)
    data = run.stage("latents") / "data"
    facts = json.loads((data / "zarr.json").read_text())
    del facts["attributes"]["crc32"]
    (data / "zarr.json").write_text(json.dumps(facts))
    check_stored(run, vae, store)
    add_episodes(store, [5])
    encode_run(run, vae, store, CPU)
    assert len(check_stored(run, vae, store)) == 4
    assert "crc32" in json.loads((data / "zarr.json").read_text())["attributes"]


def test_zeros_are_data_too(run):
    run, vae, store = run
    shape = (3, 64, 64, 3)
    store.append(
        Episode(3, 1, list(np.zeros(shape, np.uint8)), [np.zeros(1)] * 3, [0.0] * 3),
        policy="test",
    )
    encode_run(run, vae, store, CPU)
    assert len(check_stored(run, vae, store)) == 4
    for place in (run.path / "rollouts/episodes/000003", run.stage("latents") / "data"):
        for array in place.iterdir():
            assert array.name == "zarr.json" or [p for p in array.rglob("*") if p.name != "c"]
