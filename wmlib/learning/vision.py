"""Training V on a sample of the stored frames (chapter 4)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmlib.configs import VisionConfig
from wmlib.data.latents import encode_run
from wmlib.data.prefetch import Prefetch
from wmlib.data.store import RolloutStore, refuse_other_games, sample_frames
from wmlib.device import autocast
from wmlib.errors import UserError
from wmlib.model.vision import VAE, WEIGHTS, StateVision, Vision, load_vision, save_vision
from wmlib.records.files import read_json
from wmlib.records.keeper import CHECKPOINT, Keeper, update_generator
from wmlib.records.run_folder import RunFolder, is_finished
from wmlib.records.stage import CLAIM, Stage
from wmlib.seeds import ORDER, update_rng
from wmlib.tasks import Task


def vision_run(
    run: RunFolder,
    task: Task,
    config: VisionConfig,
    seed: int,
    device: torch.device,
    given: Vision | None = None,
) -> Vision:
    """Stage 2 of a run: V on RUN/rollouts, then every frame encoded; nothing later touches one.

    Nothing is trained where a V is `given`, nor where the game tells a state: V is then that state,
    scaled. It is written once; a run that is finished can be read-only.
    """
    refuse_other_games(run, task)
    store = RolloutStore(run.stage("rollouts"))
    if given is None and task.pictures:
        vision: Vision = train_vision(run, config, seed, device, task)
    else:
        vision = (given or StateVision(task.state_scale)).to(device)
        path = run.stage("vision", create=True) / WEIGHTS
        if not _published(path, vision, task):
            save_vision(path, vision, task)
    encode_run(run, vision, store, device)
    return vision


def _published(path: Path, vision: Vision, task: Task) -> bool:
    """Whether the file `path` holds this V already, as it is published (float16)."""
    try:
        found = load_vision(path, task).state_dict()
    except UserError:  # there is none, or half of one, or a damaged one
        return False
    wanted = {name: t.cpu().half().float() for name, t in vision.state_dict().items()}
    same = found.keys() == wanted.keys()
    return same and all(torch.equal(found[name], wanted[name]) for name in wanted)


def train_vision(
    run: RunFolder, config: VisionConfig, seed: int, device: torch.device, task: Task
) -> Vision:
    """Train V on a sample of RUN/rollouts into RUN/vision; goes on where it stopped.

    Returns V as it is published (float16 weights), so later stages see what a user would load.
    """
    folder = run.stage("vision", create=True)
    store = RolloutStore(run.stage("rollouts"))
    inputs = {"episodes": len(store)}
    if is_finished(folder):  # a finished V may stay when more episodes come
        inputs = read_json(folder / CLAIM).get("inputs", {})
    with Stage(folder, "vision", config, seed, inputs, device) as stage:
        if not stage.done:
            frames = sample_frames(store, config.frames, seed)  # uint8 (n, 64, 64, 3)
            if len(frames) < config.batch_size:
                raise UserError(
                    f"train-vision needs at least {config.batch_size} frames and the store has "
                    f"{len(frames)}: collect more episodes"
                )
            with torch.random.fork_rng(devices=[]):  # the caller's dice stay
                torch.manual_seed(seed)
                vae = VAE(config.n_z).to(device)
            stage.result |= _fit(vae, frames, folder, config, seed, device)
            save_vision(folder / WEIGHTS, vae, task)
    if (folder / CHECKPOINT).exists():  # else nothing is written where V was finished
        (folder / CHECKPOINT).unlink()
    return load_vision(folder / WEIGHTS, task).to(device)


def _fit(
    vae: VAE,
    frames: np.ndarray,
    folder: Path,
    config: VisionConfig,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """The training loop of V. Returns what the manifest tells about it."""
    per_epoch = len(frames) // config.batch_size
    total = per_epoch * config.epochs
    order: dict[int, np.ndarray] = {}  # of the current epoch

    def make_batch(update: int) -> Tensor:
        epoch, place = divmod(update, per_epoch)
        if epoch not in order:
            order.clear()
            order[epoch] = update_rng(seed, epoch, ORDER).permutation(len(frames))
        rows = order[epoch][place * config.batch_size : (place + 1) * config.batch_size]
        return torch.from_numpy(frames[np.sort(rows)])

    # One fused kernel instead of a pass over 4 million weights for each term of Adam's formula.
    optimizer = torch.optim.Adam(vae.parameters(), config.learning_rate, fused=True)
    keeper = Keeper(folder, vae, optimizer, total, log_every=max(1, total // 500))
    with keeper, Prefetch(make_batch, keeper.update, total) as batches:
        for x in batches:
            generator = update_generator(seed, keeper.update)
            with autocast(device):
                loss, parts = vae.loss(x.to(device), generator, config.kl_tolerance)
            keeper.decay(config.learning_rate_decay, config.learning_rate)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            keeper.count(parts)
            if keeper.due:
                keeper.log(waited=batches.waited)
            keeper.save_if_due()
    return {"frames": len(frames), **keeper.metrics.read()[-1]}
