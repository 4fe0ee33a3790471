"""What all trainings by gradients share: a safe stop, checkpoints, metrics, falling rates.

The loops themselves stand in wmlib.learning. They are exactly resumable because all randomness of
update i is a function of (seed, i): no state of a random generator has to be kept.
"""

import math
import signal
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from wmlib.errors import UserError
from wmlib.records.metrics import Metrics
from wmlib.records.progress import Bar
from wmlib.records.weights import (
    load_checkpoint,
    restore_training,
    save_checkpoint,
    training_tensors,
)
from wmlib.seeds import update_rng

CHECKPOINT_SECONDS = 30.0
"""A killed training loses at most about this much work."""

CHECKPOINT = "checkpoint.safetensors"

STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask a training to save and stop, unless they are ignored (nohup, a job in the
background) or handled outside of Python."""


def hand_on(before: Path, here: Path) -> None:
    """Let the training in the folder `here` go on from where the one in `before` has ended.

    It takes over weights, optimizer and the count of updates; what else went on, and the metrics,
    begin anew.
    """
    tensors, state = load_checkpoint(before / CHECKPOINT)
    tensors = {name: t for name, t in tensors.items() if not name.startswith("extra/")}
    here.mkdir(parents=True, exist_ok=True)
    fresh = {"update": state["update"], "seconds": 0.0, "sums": {}, "counted": 0}
    save_checkpoint(here / CHECKPOINT, tensors, fresh)


def updates_of(folder: Path) -> int:
    """How many updates the training in `folder` has kept."""
    done: int = load_checkpoint(folder / CHECKPOINT)[1]["update"]
    return done


def update_generator(seed: int, update: int) -> torch.Generator:
    """`update_rng` as a torch generator (on the CPU)."""
    return torch.Generator().manual_seed(int(update_rng(seed, update).integers(2**62)))


class Keeper:
    """Keeps a training safe: progress bar, metrics, checkpoints, resuming, a safe stop.

    After each update the loop calls `count(parts)`; when `due`, `log(...)`; then `save_if_due`.
    Ctrl-C (or SIGTERM, or a terminal that closes) lets the update finish, saves, and only then
    raises KeyboardInterrupt; a second one does not wait (a score between two updates can take
    minutes).
    `extra` holds tensors besides weights and optimizer that go on (the LSTM's carried state).
    """

    def __init__(
        self,
        folder: Path,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        total: int,
        log_every: int,
    ) -> None:
        self.stage, self.total, self.log_every = folder.name, total, log_every
        self.path = folder / CHECKPOINT
        self.metrics = Metrics(folder / "metrics.jsonl")
        self.model, self.optimizer = model, optimizer
        self.update, self.extra = 0, dict[str, Tensor]()
        self._sums, self._counted, self._seconds, self._waited = dict[str, float](), 0, 0.0, 0.0
        if self.path.exists():
            self._resume()
        self.metrics.resume_at("update", self.update)

    def _resume(self) -> None:
        tensors, state = load_checkpoint(self.path)
        if missing := [key for key in ("update", "seconds", "sums", "counted") if key not in state]:
            raise UserError(
                f"{self.path} is no checkpoint of this training (it has no {', '.join(missing)}): "
                "put the right one back, or delete it and begin again"
            )
        restore_training(self.model, self.optimizer, tensors)
        prefix = "extra/"
        self.extra = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
        self.update, self._seconds = state["update"], state["seconds"]
        self._sums, self._counted = state["sums"], state["counted"]

    def __enter__(self) -> "Keeper":
        self._stop = False
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            heard = [s for s in STOPS if signal.getsignal(s) not in (signal.SIG_IGN, None)]
            self._old = {s: signal.signal(s, self._ask_to_stop) for s in heard}
        self._bar = Bar(total=self.total, initial=self.update, desc=self.stage, unit="update")
        self._last_save = self._row_start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._in_main:
            for stop, old in self._old.items():
                signal.signal(stop, old)

    def _ask_to_stop(self, *_: object) -> None:
        if self._stop:
            raise KeyboardInterrupt(f"{self.stage} stopped at once")
        self._stop = True
        self._bar.write("stopping after this update; Ctrl-C again: at once", file=sys.stderr)

    def decay(self, factor: float, *rates: float) -> None:
        """Set the learning rates of the optimizer's groups: `rates`, times `factor` per update."""
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor**self.update

    def count(self, parts: dict[str, Tensor]) -> None:
        """Note one finished update; a loss that is not finite ends the training at once."""
        values = dict(zip(parts, torch.stack(list(parts.values())).tolist()))  # one wait for a GPU
        bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise self._diverged(", ".join(bad))
        self.update += 1
        self._counted += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._bar.update()

    def _diverged(self, what: str) -> UserError:
        return UserError(
            f"{self.stage}: {what} at update {self.update}; the last checkpoint is sound. Try a "
            "lower learning rate, and look at the data"
        )

    @property
    def due(self) -> bool:
        """Whether a row of metrics is to be written after this update."""
        return self.update % self.log_every == 0 or self.update == self.total

    def log(self, waited: float | None = None, **more: float) -> None:
        """Write a row: means of the parts since the last row, and `more`.

        `waited` is the total number of seconds spent waiting for data in this process; None where
        none is waited for.
        """
        now = time.perf_counter()
        lasted = now - self._row_start
        means = {name: total / self._counted for name, total in self._sums.items()}
        row = {"update": self.update, **means, **more}
        if waited is not None:
            share = (waited - self._waited) / max(lasted, 1e-9)
            row["waiting_share"], self._waited = round(share, 4), waited
        self.metrics.append(**row, seconds=round(self._seconds + lasted, 2))
        self._bar.set_postfix({k: f"{row[k]:.4g}" for k in ("loss", "val_nll") if k in row})
        self._seconds += lasted
        self._sums, self._counted, self._row_start = {}, 0, now

    def save_if_due(self, **extra: Tensor) -> None:
        """Save a checkpoint twice a minute, at the end, and when asked to stop.

        After the last one it raises KeyboardInterrupt. Weights that are not finite are a UserError
        instead, and the checkpoint before them stays.
        """
        waits = time.perf_counter() - self._last_save < CHECKPOINT_SECONDS
        if not self._stop and waits and self.update < self.total:
            return
        tensors = training_tensors(self.model, self.optimizer)
        # A gradient of NaN shows in no loss before the next update.
        if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise self._diverged(f"{', '.join(bad[:3])} not finite")
        tensors |= {f"extra/{name}": tensor for name, tensor in extra.items()}
        seconds = self._seconds + time.perf_counter() - self._row_start
        state = {"update": self.update, "seconds": seconds}
        save_checkpoint(self.path, tensors, state | {"sums": self._sums, "counted": self._counted})
        self._last_save = time.perf_counter()
        if self._stop:
            raise KeyboardInterrupt(f"{self.stage} stopped at update {self.update} and was saved")
