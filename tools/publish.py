"""Publish a run: its small files into results/, and with --weights its weights into the package.

    python tools/publish.py --task car_racing --run-dir runs/car --name main --weights
    python tools/publish.py --task doom_take_cover --run-dir runs/doom --name tau_0.10_seed_0 \
        --controller tau_0.10_seed_0 --weights
    python tools/publish.py --task pendulum --run-dir runs/pendulum-0 --name main --weights

Small files are manifests, metrics and the evaluation. Stages that are the same as in another of
the task's published runs (V and M, when only C differs) are not copied again, but for "main". Of an
`iterate` run (pendulum) the rows go into results/, and the weights of every round into the package.
A run called "dreamed" ships an M and a C of its own, behind the V of "main".
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from wmlib.agent import load_agent
from wmlib.book.report import STAGES
from wmlib.errors import UserError
from wmlib.records.files import read_json, sha256
from wmlib.records.run_folder import DREAMED, RunFolder, is_finished
from wmlib.tasks import get_task

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("manifest.json", "metrics.jsonl")
WEIGHTS = {
    "vision": "vision",
    "memory": "memory",
    "latents": "starts",
    "controller": "controller",
}
LIMIT = 16 * 2**20
"""bytes a task may take inside the wheel"""


@dataclass
class Publish:
    """Publish a run."""

    task: str
    run_dir: Path
    name: str
    """name under results/TASK/"""
    controller: str = "controller"
    """folder of C inside the run folder; its evaluation is CONTROLLER.json"""
    weights: bool = False
    """also put the weights into the package (wmlib/pretrained/TASK): all of "main", M and C of
    "dreamed", else only C"""


def publish_files(run: RunFolder, controller: str, target: Path) -> list[Path]:
    """Copy the small files; returns what was written."""
    written = []
    others = [] if target.name == "main" else [f for f in target.parent.glob("*") if f != target]
    for stage in STAGES:
        source = run.stage(controller if stage == "controller" else stage)
        if not is_finished(source) or any(_same(source, other / stage) for other in others):
            continue
        for name in SMALL:
            if (source / name).is_file():
                written.append(_copy(source / name, target / stage / name))
    evaluation = "evaluation" if controller == "controller" else controller
    if (run.path / f"{evaluation}.json").is_file():
        seeds = read_json(run.path / f"{evaluation}.json").get("seeds", "test")
        if seeds != "test":
            raise UserError(f"{evaluation}.json is of {seeds} seeds: published scores are of test")
        written.append(_copy(run.path / f"{evaluation}.json", target / "evaluation.json"))
    if not written:
        raise UserError(f"{run.path} holds no finished stage and no {evaluation}.json")
    return written


def publish_weights(run: RunFolder, controller: str, target: Path) -> list[Path]:
    """Copy V, M, C, the dreams' first latents and the probes, in the layout of a run folder."""
    written = []
    for stage, name in WEIGHTS.items():
        source = run.require(controller if stage == "controller" else stage, "publish")
        written += _copy_weights(source, name, target / stage)
    for probe in sorted(run.stage("probes").glob("*.safetensors")):
        written += _copy_weights(probe.parent, probe.stem, target / "probes")
    return written


def publish_dreamed(run: RunFolder, controller: str, target: Path) -> list[Path]:
    """Copy M with the moments where its dreams begin, and C, to TARGET/dreamed."""
    _refuse_other(run, target, "vision")
    written = _copy_weights(run.stage("memory"), "moments", target / DREAMED / "memory")
    for stage in ("memory", "latents", "controller"):
        source = run.require(controller if stage == "controller" else stage, "publish")
        written += _copy_weights(source, WEIGHTS[stage], target / DREAMED / stage)
    return written


def _refuse_other(run: RunFolder, target: Path, *stages: str) -> None:
    """UserError where these networks are not the ones already published."""
    for stage in stages:
        ours, theirs = (f / stage / f"{stage}.safetensors" for f in (run.path, target))
        if not theirs.is_file() or sha256(ours) != sha256(theirs):
            raise UserError(f"{ours} is not the published {stage}: publish main --weights first")


def publish_controller(run: RunFolder, controller: str, target: Path, name: str) -> list[Path]:
    """Copy a C that belongs to the V and M already published, to controllers/NAME."""
    _refuse_other(run, target, "vision", "memory")
    source = run.require(controller, "publish")
    return _copy_weights(source, "controller", target / "controllers" / name)


def publish_rounds(run: RunFolder, target: Path, weights: Path | None) -> list[Path]:
    """Copy the rows of an `iterate` run, and to `weights` all of its rounds."""
    written = [_copy(run.path / "rounds.json", target / "rounds.json")]
    for here in run.rounds() if weights else ():
        for stage, name in WEIGHTS.items():  # (nothing is trained for the pendulum's V)
            written += _copy_weights(here.stage(stage), name, weights / here.path.name / stage)
        load_agent(weights / here.path.name, "pendulum")  # what ships must load
    return written


def _copy_weights(source: Path, name: str, target: Path) -> list[Path]:
    return [_copy(source / f"{name}{s}", target / f"{name}{s}") for s in (".safetensors", ".json")]


def _check_size(target: Path) -> None:
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > LIMIT:
        raise UserError(f"{target} takes {size / 2**20:.1f} MiB, the wheel allows {LIMIT >> 20}")


def _same(source: Path, other: Path) -> bool:
    """Is the published folder, which has no weights, of the same finished stage?"""
    source, other = (folder / "manifest.json" for folder in (source, other))
    return other.is_file() and source.read_bytes() == other.read_bytes()


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target


def main(args: Publish) -> int:
    """0, or 2 for what the user can mend."""
    try:
        task = get_task(args.task)
        run = RunFolder(args.run_dir)
        results = ROOT / "results" / task.name
        target = ROOT / "wmlib" / "pretrained" / task.name
        if task.name == "pendulum":
            written = publish_rounds(run, results / args.name, target if args.weights else None)
        else:
            written = publish_files(run, args.controller, results / args.name)
            if args.weights:
                if args.name == "main":
                    written += publish_weights(run, args.controller, target)
                elif args.name == DREAMED:
                    written += publish_dreamed(run, args.controller, target)
                else:
                    written += publish_controller(run, args.controller, target, args.name)
                # what ships must load
                load_agent(target / DREAMED if args.name == DREAMED else target, task)
        _check_size(target)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"{path.stat().st_size / 1024:10.1f} KiB  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Publish)))
