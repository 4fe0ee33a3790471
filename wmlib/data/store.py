"""Episodes on disk, whole or not at all (chapter 3).

A store is a folder in Zarr v3 format, one group per episode, and an index beside it:

    zarr.json                     what was played: game, first seed, picture, versions
    episodes/000007/frames        uint8 (T, 64, 64, 3): x_0 … x_{T-1}
    episodes/000007/actions       float32 (T, A): a_t was chosen after x_t and led to x_{t+1}
    episodes/000007/rewards       float32 (T,): r_t came with a_t
    index.jsonl                   one line per episode: player, seed, length, end, checksums

The frame after the last action is not stored: ViZDoom has none. An episode counts once its line is
in the index, which is written last, so a crash at any moment loses only the episodes in flight.
Each array is compared with its checksum (CRC-32) whenever it is read: what a disk has damaged is
never learned from. Nothing ever loads a whole set. T steps, A action dims.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from filelock import FileLock
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from wmlib.errors import UserError
from wmlib.records.files import crc32, hold
from wmlib.records.metrics import add_row, drop_torn_row, read_rows
from wmlib.records.progress import Bar
from wmlib.records.run_folder import RunFolder, versions
from wmlib.tasks import Task

ROW = {"episode", "seed", "length", "terminated", "return", "kept"}
AGENTS = {"agent", "pretrained", "iterative"}
"""Names in the index of those who are no rule but an agent (wmlib.data.exploring)."""
ACTING = "z sampled"
CHUNK = 50  # frames; longer chunks save at most 5 % of space and make part reads slower
WHOLE: Any = {"write_empty_chunks": True}  # a chunk of zeros is a file too: none is ever missing
LEVEL = 3  # zstd; level 9 saves 8 to 17 % of space and takes about five times as long


@dataclass
class Episode:
    """One episode of T steps in memory."""

    number: int
    seed: int
    frames: list[NDArray] = field(default_factory=list)  # T frames (64, 64, 3)
    actions: list[NDArray] = field(default_factory=list)  # T actions (A,)
    rewards: list[float] = field(default_factory=list)  # T rewards
    extras: dict[str, list] = field(default_factory=dict)  # each (T, ...)
    terminated: bool = False
    truncated: bool = False

    @property
    def length(self) -> int:
        return len(self.rewards)


class RolloutStore:
    """The episodes stored in a folder; opens what is there, with `facts` also makes a new one.

    Episodes are counted by their place in `index`, which is sorted by episode number. One process
    may write, any number may read meanwhile (`refresh()` reads the index again).
    """

    def __init__(self, path: str | Path, facts: dict[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._index_file = self.path / "index.jsonl"
        self._lock: FileLock | None = None
        try:
            if facts is not None:
                self._begin_writing(facts)
            self._root = self._open("r+" if self._lock else "r")
            self.facts: dict[str, Any] = dict(self._root.attrs)
            if facts is not None:
                self._check_facts(facts)
            self.refresh()
        except BaseException:
            self.close()  # else the lock would live as long as the exception, in Jupyter for ever
            raise

    def _open(self, mode: Literal["r", "r+"]) -> zarr.Group:
        try:
            root = zarr.open_group(self.path, mode=mode)
            if "task" in root.attrs:
                return root
        except FileNotFoundError:
            raise UserError(f"{self.path} holds no rollouts: run collect first") from None
        except Exception:  # whatever damaged bytes lead Zarr into
            pass
        raise UserError(
            f"{self.path / 'zarr.json'} is damaged: restore it, or delete that file alone, and "
            "the same collect writes it again"
        )

    def refresh(self) -> None:
        """Read the index: `index` holds the rows of the episodes kept, `dropped` of the others."""
        rows = read_rows(
            self._index_file,
            lambda row: row.keys() >= ROW,
            "delete that line, and collect plays its episode again",
        )
        rows.sort(key=lambda row: row["episode"])
        self.index = [row for row in rows if row["kept"]]
        self.dropped = [row for row in rows if not row["kept"]]

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], NDArray, NDArray, NDArray]]:
        """Each episode in turn: its index row, frames, actions, rewards."""
        for i, row in enumerate(self.index):
            yield row, self.frames(i), self.actions(i), self.rewards(i)

    @property
    def n_frames(self) -> int:
        """Frames in all episodes."""
        return sum(row["length"] for row in self.index)

    def frames(self, i: int, part: slice = slice(None)) -> NDArray[np.uint8]:
        """Frames x_t of the i-th episode, (T, 64, 64, 3), or a part of them."""
        return self._read(i, "frames")[part]

    def actions(self, i: int) -> NDArray[np.float32]:
        """Actions a_t of the i-th episode, (T, A)."""
        return self._read(i, "actions")

    def rewards(self, i: int) -> NDArray[np.float32]:
        """Rewards r_t of the i-th episode, (T,)."""
        return self._read(i, "rewards")

    def extra(self, i: int, name: str) -> NDArray:
        """A value of the game's `info` recorded with each frame of the i-th episode, (T, ...)."""
        return self._read(i, name)

    def bytes_per_frame(self) -> float:
        """Bytes on disk for each frame, everything counted."""
        size = sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
        return size / max(self.n_frames, 1)

    def append(self, episode: Episode, policy: str, keep: bool = True) -> None:
        """Store an episode; with `keep=False` only a line that says that it was played.

        Raises UserError when the disk is full; the episodes stored before stay as they are.
        """
        row: dict[str, Any] = {
            "episode": episode.number,
            "seed": episode.seed,
            "length": episode.length,
            "terminated": bool(episode.terminated),
            "truncated": bool(episode.truncated),
            "return": float(np.sum(episode.rewards)),
            "policy": policy,
            "kept": keep,
        }
        folder = self.path / _group(episode.number)
        size = self._index_file.stat().st_size
        try:
            shutil.rmtree(folder, ignore_errors=True)  # what a crash left
            if keep:
                row["crc32"] = self._write(episode)
            add_row(self._index_file, row)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            with open(self._index_file, "r+") as file:
                file.truncate(size)
            raise UserError(
                f"cannot write to {self.path}: {error.strerror}. {len(self)} episodes are safe; "
                "make room and give the same command again"
            ) from error
        (self.index if keep else self.dropped).append(row)
        self.index.sort(key=lambda row: row["episode"])

    def admit_agents(self) -> None:
        """Agents play into this store from now on; a UserError where some did that acted otherwise.

        (Up to version 0.1.0 an agent that collected took V's mu for z, where it now samples.)
        """
        if self.facts.get("agents") == ACTING:
            return
        if any(row["policy"] in AGENTS for row in self.index):
            raise UserError(
                f"{self.path} holds episodes of agents that acted by an older rule: use another "
                "--run-dir, or the version of wmlib that began it"
            )
        self._root.attrs["agents"] = self.facts["agents"] = ACTING

    def close(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            self._lock.release()

    def _read(self, i: int, name: str) -> NDArray:
        row = self.index[i]
        place = f"{_group(row['episode'])}/{name}"
        try:
            array: Any = self._root[place]
            values = array[:]
            if "crc32" not in row:  # stored by version 0.1.0, which wrote no chunk of zeros
                known = name == "frames" or array.attrs.get("always_written")
                sound = array.nchunks_initialized > 0 or not known
            else:
                sound = crc32(values) == row["crc32"][name]
            if not sound:
                raise ValueError(place)
        except Exception as error:  # whatever damaged bytes lead Zarr into
            raise UserError(
                f"{self.path / place} is lost or damaged: delete the line of episode "
                f"{row['episode']} from {self._index_file}, and collect plays it again"
            ) from error
        return values

    def _write(self, episode: Episode) -> dict[str, int]:
        """Write the arrays of an episode; returns the checksum of each."""
        group = self._root.create_group(_group(episode.number), overwrite=True)
        frames = np.stack(episode.frames)
        padded = -(-len(frames) // CHUNK) * CHUNK
        group.create_array(
            "frames",
            data=frames,
            chunks=(CHUNK, *frames.shape[1:]),
            shards=(padded, *frames.shape[1:]),  # one file for all chunks of an episode
            compressors=ZstdCodec(level=LEVEL),
            config=WHOLE,
        )
        arrays = {"frames": frames}
        small = {"actions": episode.actions, "rewards": episode.rewards, **episode.extras}
        for name, values in small.items():
            arrays[name] = np.array(values, dtype=np.float32)
            group.create_array(name, data=arrays[name], chunks=arrays[name].shape, config=WHOLE)
        return {name: crc32(array) for name, array in arrays.items()}

    def _begin_writing(self, facts: dict[str, Any]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = hold(
                self.path / ".lock", f"another process is collecting into {self.path}"
            )
            if not (self.path / "zarr.json").exists():
                zarr.create_group(self.path, attributes={**facts, "versions": versions()})
            drop_torn_row(self._index_file)
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}") from error

    def _check_facts(self, facts: dict[str, Any]) -> None:
        known = {"patience": 0} | self.facts  # where it is not told, no episode was left
        for key, value in facts.items():
            if known.get(key) != value:
                raise UserError(
                    f"{self.path} holds rollouts with {key} {known.get(key)}, not {value}: "
                    "choose another folder"
                )


def _group(number: int) -> str:
    return f"episodes/{number:06d}"


def sample_frames(store: RolloutStore, count: int, seed: int) -> NDArray[np.uint8]:
    """`count` different frames in random order, uint8 (count, 64, 64, 3), from all episodes.

    Fewer if the store has fewer. 12,288 bytes each: 100,000 frames take 1.2 GB of memory.
    """
    rng = np.random.default_rng(seed)
    lengths = [row["length"] for row in store.index]
    total = sum(lengths)
    count = min(count, total)
    chosen = np.sort(rng.choice(total, count, replace=False, shuffle=False))
    place = rng.permutation(count)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    bounds = np.searchsorted(chosen, starts)  # chosen[bounds[i]:bounds[i + 1]] are in episode i
    sample: NDArray[np.uint8] | None = None
    for i in Bar(range(len(store)), desc="read frames", unit="episode"):
        part = slice(bounds[i], bounds[i + 1])
        if part.start == part.stop:
            continue
        frames = store.frames(i)[chosen[part] - starts[i]]
        if sample is None:
            sample = np.empty((count, *frames.shape[1:]), frames.dtype)
        sample[place[part]] = frames
    if sample is None:
        raise UserError(f"{store.path} holds no frames: run collect first")
    return sample


def refuse_other_games(run: RunFolder, task: Task) -> None:
    """UserError where the episodes of a run are of another game than `task`."""
    try:
        facts = json.loads((run.stage("rollouts") / "zarr.json").read_text())
    except (OSError, ValueError):
        return  # nothing is stored, or it is damaged, which who opens it says
    held = facts.get("attributes", {}).get("task", task.name)
    if held != task.name:
        raise UserError(
            f"{run.path} holds games of {held}, not of {task.name}: change --task or --run-dir"
        )
