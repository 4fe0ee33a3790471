"""The run folder: where each stage of the pipeline leaves what the next one reads.

    RUN/rollouts     episodes of the real game               (chapter 3)
    RUN/vision       V: weights, metrics, manifest           (chapter 4)
    RUN/latents      (mu, logvar) of every frame, actions, rewards, ends
    RUN/memory       M                                       (chapter 5)
    RUN/controller   C and its learning curve                (chapters 6 to 9)
    RUN/evaluation.json   scores in the real game            (chapter 7)
    RUN/dreamed      another M and C behind RUN's V: an M that knows rewards  (chapter 10)

The folder of a stage has a `manifest.json` once it is finished (what was run, with which settings,
versions and seeds, on which device, for how long, and the hash of what came out); where something
was trained, V, M or C, also a `metrics.jsonl` (one JSON object a line). A V that was not trained,
because it was given or is the game's own state, has weights alone.
Files are replaced whole (written beside, then renamed), so a crash never leaves half a file, and
nothing is pickled: tensors live in safetensors (wmlib.records.weights), everything else in JSON.
"""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from wmlib.errors import UserError
from wmlib.records.files import read_json

PICTURE_ID = "rgb64-area-v1"
"""Names the way frames are cut and shrunk; weights made for other pictures are refused."""

DREAMED = "dreamed"
"""A folder inside a run folder: an M that can be dreamed, where the run's own cannot, and its C."""

NEEDS = {
    "rollouts": "collect",
    "vision": "train-vision",
    "latents": "train-vision",
    "memory": "train-memory",
    "controller": "evolve",
}


class RunFolder:
    """The folder of one run, or of one round of `iterate`; knows where each stage lives.

    RUN/round_03 and RUN/dreamed are run folders like any other. A stage that they do not have of
    their own is the one of their run: all rounds share RUN/rollouts, say.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def stage(self, name: str, create: bool = False) -> Path:
        """The folder of a stage; with `create` it is this folder's own, and exists afterwards."""
        folder = self.path / name
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
        elif (self.number or self.path.name == DREAMED) and not folder.exists():
            shared = self.path.parent / name
            return shared if shared.exists() else folder
        return folder

    def require(self, name: str, for_command: str) -> Path:
        """The folder of a finished stage, or a UserError that names the command to run first."""
        folder = self.stage(name)
        if not is_finished(folder):
            self.refuse_first_round()
            raise UserError(
                f"{for_command} needs {name}, and {folder} has none that is finished: "
                f"run {NEEDS[name]} with the same --run-dir first"
            )
        return folder

    def round(self, number: int) -> "RunFolder":
        """The run folder of a round, counted from 1."""
        return RunFolder(self.path / f"round_{number:02d}")

    @property
    def number(self) -> int:
        """3 of `round_03`; 0 of any other folder."""
        number = self.path.name.removeprefix("round_")
        return int(number) if number != self.path.name and number.isdigit() else 0

    def rounds(self, begun: bool = False) -> list["RunFolder"]:
        """The rounds that have a controller, in order; with `begun` also those under way."""
        found = [RunFolder(path) for path in self.path.glob("round_*")]
        ordered = sorted((run for run in found if run.number), key=lambda run: run.number)
        made = "controller/controller.safetensors"
        return [run for run in ordered if begun or (run.path / made).exists()]

    def refuse_first_round(self) -> None:
        """UserError for a folder of `iterate` whose first round is still under way."""
        if self.rounds(begun=True) and not self.rounds():
            raise UserError(
                f"{self.path}: the first round of iterate is not finished; the same command goes on"
            )

    def latest(self) -> "RunFolder":
        """The last round that has a controller; this folder itself where there are no rounds."""
        return (self.rounds() or [self])[-1]


def is_finished(folder: Path) -> bool:
    """A stage is finished when its manifest, written last, is there, and what that names."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    made = read_json(manifest).get("sha256", {})
    return all((folder / name).is_file() for name in made)


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    names = ["wmlib", "torch", "numpy", "gymnasium", "box2d", "vizdoom", "cma", "numba"]
    names += ["numba-cuda", "zarr"]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the package's source, where it runs from a checkout."""
    source = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(source), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        top, commit = told.splitlines()
        # Installed somewhere inside another project it would be that project's commit.
        return commit if Path(top) == source else None
    except (OSError, subprocess.CalledProcessError):
        return None
