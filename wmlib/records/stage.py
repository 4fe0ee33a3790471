"""One stage of a run in its folder: claimed at the start, its manifest written at the end.

config.json    settings, seed and inputs that the folder was started with
manifest.json  what was run, on what, for how long, and the hashes of what came out

    with Stage(folder, "memory", config, seed, inputs) as stage:
        if not stage.done:
            stage.result |= fit(...)
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from wmlib.device import device_name
from wmlib.errors import UserError
from wmlib.records.files import hold, read_json, sha256, write_json
from wmlib.records.progress import tell
from wmlib.records.run_folder import git_commit, is_finished, versions
from wmlib.records.settings import CHANGES, FOLLOWS, GROWS, Checked, changed

if TYPE_CHECKING:
    import torch

NAMED_LATER = {"starts"}
"""inputs that claims of version 0.1.0 do not tell, and that cannot be compared with theirs"""

CLAIM, PROGRESS, STAGE_LOCK = "config.json", "progress.json", ".stage.lock"


class Stage:
    """A stage of a run that can be stopped, resumed and passed over when it is finished.

    A folder started with other settings, or from other `inputs` (what the stage reads, by name:
    hashes, counts), is refused, so that a resumed training never mixes two. What may differ all the
    same is said at the setting's field (wmlib.configs): SPEED changes no result; GROWS may become
    more (episodes to collect, generations), and what is marked CHANGES may be another then. An
    unfinished stage that says at which number it can end, at `least`, may also end sooner.

    `done` says that all is finished already; `result` is then the stored one. Else what the stage
    puts into `result` is stored, with its wall time, which adds up over interruptions (a stage that
    logs its time itself says it as "seconds", which even kill -9 cannot make forget). Raises
    UserError where another process is at work in the same folder.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        config: Checked,
        seed: int,
        inputs: dict[str, Any] | None = None,
        device: "torch.device | str" = "cpu",
        least: int | None = None,
    ) -> None:
        self.folder, self.name, self.config, self.seed = folder, name, config, seed
        self.inputs, self.device, self.least = inputs or {}, device, least
        self.done, self.result = False, dict[str, Any]()
        self._lock: FileLock | None = None

    def __enter__(self) -> "Stage":
        if not self._new() and self._same() and is_finished(self.folder):
            self.done = True
            self.result = read_json(self.folder / "manifest.json", result=dict)["result"]
            tell(f"{self.folder}: already finished")
            return self
        self._open()
        return self

    def check(self) -> None:
        """UserError where it would refuse to begin or to go on: asked before other work is done."""
        if self.folder.is_dir() and not self._new():
            self._same()

    def reopen(self) -> None:
        """Do it again although it was finished: not all that was made is there any more."""
        self.done, self.result = False, {}
        self._open()
        (self.folder / "manifest.json").unlink(missing_ok=True)

    def _open(self) -> None:
        busy = f"another process is at work in {self.folder}: wait, or stop it"
        self._lock = hold(self.folder / STAGE_LOCK, busy)
        try:
            if self._new() or not self._same():
                (self.folder / "manifest.json").unlink(missing_ok=True)  # it goes on: not finished
                write_json(self.folder / CLAIM, self._wanted())
            progress = self.folder / PROGRESS
            spent = read_json(progress, seconds=(int, float)) if progress.exists() else {}
        except BaseException:
            self._lock.release()
            raise
        self._spent, self._start = spent.get("seconds", 0.0), time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._lock is None:
            return
        try:
            if kind is None:
                write_json(self.folder / "manifest.json", self._manifest())
                (self.folder / PROGRESS).unlink(missing_ok=True)
            else:
                write_json(self.folder / PROGRESS, {"seconds": self._seconds()})
        finally:
            self._lock.release()

    def _seconds(self) -> float:
        return self._spent + time.perf_counter() - self._start

    def _wanted(self) -> dict[str, Any]:
        facts = dataclasses.asdict(self.config)  # type: ignore[call-overload]
        return json.loads(json.dumps({"config": facts, "seed": self.seed, "inputs": self.inputs}))

    def _manifest(self) -> dict[str, Any]:
        outputs = sorted(self.folder.glob("*.safetensors"))
        hashes = {p.name: sha256(p) for p in outputs if p.name != "checkpoint.safetensors"}
        return {
            "stage": self.name,
            "command": " ".join(["python -m wmlib", *sys.argv[1:]]),
            **self._wanted(),
            "device": device_name(self.device),
            "seconds": round(self.result.pop("seconds", self._seconds()), 1),
            "versions": versions(),
            "git_commit": git_commit(),
            "sha256": hashes,
            "result": self.result,
        }

    def _new(self) -> bool:
        """Nobody has begun here, or a first try failed before it made anything: it binds nobody."""
        made = {p.name for p in self.folder.iterdir() if p.is_dir() or p.stat().st_size}
        return CLAIM not in made or made <= {CLAIM, PROGRESS, STAGE_LOCK}

    def _same(self) -> bool:
        """Whether the folder was started with just these settings, or with some that may go on so.

        Anything else is a UserError.
        """
        started = read_json(self.folder / CLAIM, config=dict, seed=int)
        wanted = self._wanted()
        inputs = started.get("inputs", wanted["inputs"])
        untold = NAMED_LATER - inputs.keys()
        given = {name: value for name, value in wanted["inputs"].items() if name not in untold}
        if inputs != given:
            raise UserError(
                f"{self.folder} was made from other data or weights "
                f"({_differences(inputs, given)}): "
                "delete that folder to make it again, or use another --run-dir"
            )
        moved = changed(type(self.config).of(started["config"]), self.config)
        if started["seed"] == self.seed and (not moved or self._may_go_on(moved)):
            return not moved
        then = {name: old for name, (old, _, _) in moved.items()} | {"seed": started["seed"]}
        now = {name: new for name, (_, new, _) in moved.items()} | {"seed": self.seed}
        raise UserError(
            f"{self.folder} was started with other settings ({_differences(then, now)}): "
            "use another --run-dir, or delete that folder to start again"
        )

    def _may_go_on(self, moved: dict[str, tuple[Any, Any, tuple[Any, ...]]]) -> bool:
        """Whether something may grow to what is wanted, and all else may be another then."""
        may_end = self.least is not None and not is_finished(self.folder)
        grown = 0
        for name, (old, new, notes) in moved.items():
            if GROWS in notes and (new > old or may_end):
                grown += 1
                if self.least is not None and new < self.least:
                    raise UserError(
                        f"--{name} {new}: more are done already in {self.folder}; to end there, "
                        f"give {self.least}"
                    )
            elif FOLLOWS in notes:
                grown += 1
            elif CHANGES not in notes:
                return False
        return grown > 0


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """ "name old → new" for everything that differs; hashes are shortened."""
    return ", ".join(
        f"{key} {str(old.get(key))[:12]} → {str(new.get(key))[:12]}"
        for key in {**old, **new}
        if old.get(key) != new.get(key)
    )
