"""What V makes of a run's frames: (mu, logvar) of every frame, and what else M needs (chapter 5).

All episodes lie one behind the other in flat arrays, in memory as on disk (Zarr): 10,000 episodes
of 1,000 frames are 1.3 GB. Step t of an episode has the frame seen *before* action a_t, then a_t
and its reward; `terminated` says whether the last action ended the game. The frame after the last
action is not stored.

Letters: n steps of all episodes together, E episodes, N_z, N_a.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import zarr

from wmlib.data.prefetch import Prefetch
from wmlib.data.store import RolloutStore
from wmlib.device import autocast
from wmlib.errors import UserError
from wmlib.model.vision import VAE, Vision
from wmlib.records.files import crc32, read_json, sha256
from wmlib.records.progress import Bar
from wmlib.records.run_folder import RunFolder, is_finished
from wmlib.records.settings import FOLLOWS, Checked
from wmlib.records.stage import Stage
from wmlib.records.weights import save_weights

BLOCK = 4096
"""Frames that are encoded before they are written; a crash loses at most these."""

STARTS = 1000
"""First frames kept as places where dreams begin (as many as the original keeps)."""


@dataclass(frozen=True)
class Latents:
    """The latents of a run, in memory: (mu, logvar) float16 (n, N_z), actions float32 (n, N_a)."""

    mu: np.ndarray
    logvar: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    """float32 (n,)"""
    first: np.ndarray
    """int64 (E + 1,): episode i is [first[i], first[i + 1])"""
    terminated: np.ndarray
    """bool (E,)"""

    def __len__(self) -> int:
        return len(self.terminated)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each episode, int64 (E,)."""
        return np.diff(self.first)

    @cached_property
    def marks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bool (n,) each: first step of an episode, last step, step whose action ended the game."""
        is_first, is_last, is_end = np.zeros((3, len(self.mu)), dtype=bool)
        is_first[self.first[:-1]] = True
        is_last[self.first[1:] - 1] = True
        is_end[self.first[1:] - 1] = self.terminated
        return is_first, is_last, is_end

    def sample(self, rows: slice | np.ndarray, seed: int) -> torch.Tensor:
        """z ~ N(mu, exp(logvar)) of those rows (...), float32 (..., N_z)."""
        mu, logvar = (torch.from_numpy(x[rows].astype(np.float32)) for x in (self.mu, self.logvar))
        dice = torch.Generator().manual_seed(seed)
        return VAE.sample(mu, logvar, torch.randn(mu.shape, generator=dice))

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Episodes to train on and to validate on: every 19th is held out, at least one.

        The rule uses no seed, so from 19 episodes on each stays on its side when others are added.
        19 is prime: policies that take turns (wmlib.data.policies.Mixture) are all in it.
        """
        if len(self) < 2:
            raise UserError("train-memory needs at least 2 episodes: collect more")
        every = min(19, len(self))
        held_out = np.arange(len(self)) % every == every - 1
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def identity(folder: Path) -> dict[str, Any]:
    """What finished latents were made from (an EncodeConfig as a dict): what M is trained on."""
    if not is_finished(folder):
        raise UserError(f"{folder} has no latents, or not all of them: run train-vision first")
    return read_json(folder / "manifest.json", config=dict)["config"]


def load_latents(folder: Path) -> Latents:
    """Read RUN/latents, or say what is missing."""
    identity(folder)
    return _read(folder / "data")


def _read(data: Path) -> Latents:
    """All that is encoded so far, compared with its checksums."""
    try:
        group = zarr.open_group(data, mode="r")
        sums: Any = group.attrs.get("crc32")
        read = {name: np.asarray(array[:]) for name, array in group.arrays()}
        if sums is None:  # of version 0.1.0, where a lost chunk is taken for zeros
            arrays: list[Any] = [group["mu"], group["logvar"]]
            sound = all(array.nchunks_initialized == array.nchunks for array in arrays)
        else:
            counts = {name: _count(group, name) for name in sums}
            read = {name: read[name][: counts[name]] for name in sums}
            sound = sums == {name: crc32(values) for name, values in read.items()}
        if not sound:
            raise ValueError("not what was written")
        return _in_episodes(read, _count(group, "lengths"))
    except Exception as error:  # whatever damaged bytes lead Zarr into
        raise UserError(
            f"{data} is lost or damaged: delete that folder (not the one above), and train-vision "
            "encodes the frames again"
        ) from error


def _in_episodes(read: dict[str, np.ndarray], episodes: int) -> Latents:
    lengths = read["lengths"][:episodes]
    first = np.concatenate([[0], np.cumsum(lengths)])
    flat = {name: read[name][: first[-1]] for name in ("mu", "logvar", "actions", "rewards")}
    return Latents(**flat, first=first, terminated=read["terminated"][:episodes])


def _count(group: zarr.Group, name: str) -> int:
    """How much of an array counts as written: so many episodes, or steps."""
    return int(str(group.attrs["episodes" if name in ("lengths", "terminated") else "steps"]))


@dataclass(frozen=True)
class EncodeConfig(Checked):
    """What the latents are made from; goes into their manifest."""

    vision_sha256: Annotated[str, FOLLOWS]
    episodes: Annotated[int, FOLLOWS]


def encode_run(run: RunFolder, vision: Vision, store: RolloutStore, device: torch.device) -> None:
    """Encode every stored frame into RUN/latents; goes on where it stopped, or where data grew.

    Also writes `starts.safetensors`: (mu, logvar) of up to 1,000 first frames, for dreams.
    """
    folder = run.stage("latents", create=True)
    config = EncodeConfig(sha256(run.stage("vision") / "vision.safetensors"), len(store))
    if is_finished(folder):
        made = EncodeConfig.of(identity(folder))
        if made == config and (folder / "data").is_dir():
            return
        if made.episodes > len(store):
            raise UserError(
                f"{folder} holds more episodes than {store.path}, which has {len(store)}: "
                "collect plays lost ones again"
            )
    with Stage(folder, "latents", config, 0, device=device) as stage:
        if stage.done:
            stage.reopen()
        group = _begun(folder / "data", config.vision_sha256)
        _encode(group, vision.to(device).eval(), store, device)
        latents = _read(folder / "data")
        starts = latents.first[:-1][:: max(1, len(latents) // STARTS)][:STARTS]
        pair = {"mu": latents.mu[starts], "logvar": latents.logvar[starts]}
        tensors = {name: torch.from_numpy(array) for name, array in pair.items()}
        save_weights(folder / "starts.safetensors", tensors)
        stage.result |= {"episodes": len(latents), "frames": len(latents.mu)}


def _begun(data: Path, vision_sha256: str) -> zarr.Group:
    """The arrays to go on with; new ones where those are another V's, or have no checksums."""
    try:
        group = zarr.open_group(data, mode="r+")
        if group.attrs["vision_sha256"] == vision_sha256 and "crc32" in group.attrs:
            return group
    except (KeyError, ValueError, OSError):  # none, or their description is damaged
        pass
    group = zarr.open_group(data, mode="w")
    group.attrs.update({"vision_sha256": vision_sha256, "episodes": 0, "steps": 0, "crc32": {}})
    return group


def _encode(group: zarr.Group, vision: Vision, store: RolloutStore, device: torch.device) -> None:
    """Encode the episodes that `group` lacks, in blocks of whole episodes."""
    lengths = np.array([row["length"] for row in store.index], dtype=np.int64)
    done = int(str(group.attrs["episodes"]))
    blocks, begin = [], done
    for i in range(done, len(lengths)):
        if lengths[begin : i + 1].sum() >= BLOCK or i == len(lengths) - 1:
            blocks.append(range(begin, i + 1))
            begin = i + 1

    def read(block: int) -> dict[str, np.ndarray]:
        rows = blocks[block]
        return {
            "frames": np.concatenate([store.frames(i, slice(None)) for i in rows]),
            "actions": np.concatenate([store.actions(i) for i in rows]).astype(np.float32),
            "rewards": np.concatenate([store.rewards(i) for i in rows]).astype(np.float32),
            "lengths": lengths[rows.start : rows.stop],
            "terminated": np.array([store.index[i]["terminated"] for i in rows], dtype=bool),
        }

    total = int(lengths.sum())
    bar = Bar(total=total, initial=int(lengths[:done].sum()), desc="encode", unit="frame")
    with bar, Prefetch(read, 0, len(blocks), ahead=1) as batches:
        for rows, block in zip(blocks, batches):
            frames = block.pop("frames")
            block["mu"], block["logvar"] = encode_frames(vision, frames, device)
            _append(group, block, episodes=rows.stop)
            bar.update(len(frames))


@torch.inference_mode()
def encode_frames(
    vision: Vision, frames: np.ndarray, device: torch.device, batch: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """(mu, logvar) float16 (n, N_z) of uint8 frames (n, 64, 64, 3)."""
    found = []
    with autocast(device):
        for x in torch.from_numpy(frames).split(batch):
            found.append(torch.stack(vision.encode(x.to(device))).half().cpu())
    mu, logvar = torch.cat(found, dim=1).numpy()
    return mu, logvar


def sample_z(mu: np.ndarray, logvar: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """z ~ N(mu, exp(logvar)), float32, for (mu, logvar) as stored (..., N_z)."""
    noise = torch.from_numpy(rng.standard_normal(mu.shape, dtype=np.float32))
    given = [torch.from_numpy(x.astype(np.float32)) for x in (mu, logvar)]
    return VAE.sample(given[0], given[1], noise).numpy()


def _append(group: zarr.Group, block: dict[str, np.ndarray], episodes: int) -> None:
    """Write a block behind what is counted as written, then count it: a torn write is redone."""
    steps = int(str(group.attrs["steps"])) + len(block["mu"])
    sums: Any = dict(group.attrs["crc32"])  # type: ignore[arg-type]
    for name, values in block.items():
        end = episodes if name in ("lengths", "terminated") else steps
        if name not in group:
            shape, chunks = ((n, *values.shape[1:]) for n in (0, 4 * BLOCK))
            whole: Any = {"write_empty_chunks": True}  # none is ever missing
            group.create_array(name, shape=shape, chunks=chunks, dtype=values.dtype, config=whole)
        array = group[name]
        assert isinstance(array, zarr.Array)
        array.resize((end, *values.shape[1:]))
        array[end - len(values) : end] = values
        sums[name] = crc32(values, sums.get(name, 0))
    group.attrs.update({"episodes": episodes, "steps": steps, "crc32": sums})
