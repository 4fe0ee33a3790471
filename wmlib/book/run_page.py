"""`python -m wmlib show RUN`: one HTML page about a run, finished or under way, in a single file.

What is not there yet is left out. Nothing in the run is changed.
"""

import base64
import html
import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from wmlib.book import paper, plots
from wmlib.book import run_curves as curves
from wmlib.book import run_pictures as pictures
from wmlib.book.run_stages import (
    TITLES,
    Part,
    parts_of,
    scores_of,
    scores_under_way,
    task_of,
)
from wmlib.errors import UserError
from wmlib.model.vision import VAE
from wmlib.records.files import read_json, write_bytes
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import Task, get_task

LARGEST_FILM = 30_000_000
"""bytes of a film that is put into the page"""
STILLS = 8


def write_page(folder: Path, output: Path, every: int = 0) -> None:
    """Write the page of a run; with `every` a browser reads it again every so many seconds."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give a run folder, RUN of runs/RUN")
    if output.is_dir() or not output.parent.is_dir():
        raise UserError(f"--output {output}: give a file in a folder that exists")
    run = RunFolder(folder)
    with plt.rc_context():
        plots.use_house_style()
        plt.rcParams["svg.fonttype"] = "path"  # a file cannot count on the page's font
        body = "".join(_body(run))
    refresh = f'<meta http-equiv="refresh" content="{every}">' if every else ""
    style = (resources.files("wmlib.book") / "assets" / "run_page.css").read_text()
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{refresh}<title>{html.escape(folder.name)}</title><style>{style}</style></head>"
        f"<body>{body}</body></html>\n"
    )
    write_bytes(output, page.encode())


def watch_run(folder: Path, output: Path, every: int) -> None:
    """Write the page again every so many seconds, until it is stopped."""
    while True:
        time.sleep(every)
        write_page(folder, output, every)


def _body(run: RunFolder) -> Iterable[str]:
    rounds = run.rounds(begun=True)
    here = rounds[-1] if rounds else run
    task = get_task(task_of(here))
    parts = parts_of(here)
    now = time.strftime("%Y-%m-%d %H:%M")
    yield f"<h1>{html.escape(str(run.path))}</h1>"
    yield f'<p class="note">{task.name}; written {now}. <span class="in-real">Blue is the real '
    yield 'game</span>, <span class="in-dream">orange is what M dreams</span>.</p>'
    if rounds:
        yield from _rounds(run, rounds)
    yield _safely(partial(_stages, parts))
    for part in parts:
        if part.name == "latents":
            continue  # what M learns from them is all there is to see
        yield _safely(partial(_section, here, task, part))
    yield from _scores(here, task)
    yield from _films(run, here)


def _safely(make: Callable[[], str]) -> str:
    """A part of the page; while a run is under way a file may be half there."""
    try:
        return make()
    except (UserError, OSError) as error:
        return f'<p class="note">cannot be shown: {html.escape(str(error))}</p>'


def _rounds(run: RunFolder, rounds: list[RunFolder]) -> Iterable[str]:
    files = [here.path / "round.json" for here in rounds]
    rows = [read_json(path, round=int) for path in files if path.is_file()]
    yield "<h2>Rounds</h2>"
    if rows:
        header = ("round", "real steps", "dream", "game", "± s.e.")
        keys = ("round", "real_steps", "dream_return", "real_return", "real_sem")
        told = [[f"{row[key]:,.0f}" if key in row else "" for key in keys] for row in rows]
        for row, line in zip(rows, told):
            line[-1] = line[-1] if row.get("n") != 1 else ""  # one episode tells no error
        yield _figures(curves.round_curves(rows)) + _table(header, told)
    yield f'<p class="note">Below: {html.escape(rounds[-1].path.name)}. For another one: '
    yield "<code>show</code> with its folder.</p>"


def _stages(parts: list[Part]) -> str:
    rows = [
        [_title(part), part.done, _lasted(part.seconds), part.facts.get("device", "")]
        for part in parts
    ]
    return "<h2>Stages</h2>" + _table(("stage", "", "time", "on"), rows)


def _title(part: Part) -> str:
    named = TITLES.get(part.name)
    return f"{named}" if named else f"C: {part.name}"


def _section(run: RunFolder, task: Task, part: Part) -> str:
    content = ""
    if part.rows:
        draw = {"vision": curves.vision_curves, "memory": curves.memory_curves}
        content += _figures(draw.get(part.name, curves.controller_curves)(part.rows, part.config))
    if part.name == "rollouts":
        content += _frames(run, task)
    if part.name == "vision":
        content += _seen(run, task)
    if part.name == "memory":
        content += _dreamed(run, task)
    result = {k: v for k, v in part.facts.get("result", {}).items() if not isinstance(v, list)}
    head = f"<h2>{html.escape(_title(part))}</h2>"
    folded = _folded("settings", part.config | {"seed": part.facts.get("seed")})
    return head + content + folded + (_folded("result", result) if result else "")


def _frames(run: RunFolder, task: Task) -> str:
    store = pictures.open_store(run)
    if store is None or not task.pictures:
        return ""
    row = _strip(pictures.some_frames(store), "frames of the game", "real")
    who = sorted({str(entry.get("policy", "")) for entry in store.index})
    told = f"{len(store):,} episodes, {store.n_frames:,} frames, played by {', '.join(who)}"
    return _figure(f'<div class="rows">{row}</div>', told)


def _seen(run: RunFolder, task: Task) -> str:
    """V's reconstructions beside the frames, and what its latents mean."""
    vision, store = pictures.open_vision(run, task), pictures.open_store(run)
    if store is None or not isinstance(vision, VAE):
        return ""
    frames = pictures.some_frames(store)
    rows = _strip(frames, "frames", "real")
    rows += _strip(pictures.reconstructions(vision, frames), "V's reconstructions")
    both = _figure(f'<div class="rows">{rows}</div>', "what V keeps of frames of this run (z = μ)")
    turned = "".join(
        _strip(shown, f"z<sub>{i}</sub>, {kl:.1f} nats")
        for i, kl, shown in pictures.traversals(vision, store)
    )
    reach = f"{pictures.REACH:g}"
    told = f"one latent at a time turned from −{reach} to {reach}; those that tell most"
    return both + _figure(f'<div class="rows">{turned}</div>', told)


def _dreamed(run: RunFolder, task: Task) -> str:
    """M's dream under the game's actions: a film and stills, or the numbers of the state."""
    vision, memory = pictures.open_vision(run, task), pictures.open_memory(run, task)
    store = pictures.open_store(run)
    if vision is None or memory is None or store is None:
        return ""
    seen = pictures.dream_of(task, vision, memory, store)
    told = (
        f"an episode that M did not learn from, and what it dreams under the same actions: for "
        f"{pictures.AWAKE} steps it sees the game, then nothing"
    )
    content = ""
    if not task.pictures:
        drawn = curves.states(seen.real_z, seen.dreamed_z, pictures.AWAKE)
        content = _figure(plots.page_svg(drawn.figure, drawn.told), drawn.told)
    if seen.real is None or seen.dreamed is None:
        return content
    url = pictures.film_url(seen.real, seen.dreamed, task.fps)
    film = f'<img class="film" alt="film: left the game, right M\'s dream of it" src="{url}">'
    last = len(seen.real) - 1
    steps = [min(last, pictures.AWAKE + i * (last - pictures.AWAKE) // 7) for i in range(STILLS)]
    rows = _strip(seen.real[steps], "game", "real") + _strip(seen.dreamed[steps], "M", "dream")
    times = f"stills at steps {', '.join(map(str, steps))}"
    stills = f'<div class="rows">{rows}</div>'
    return content + _figure(film, told) + _figure(stills, times)


def _scores(run: RunFolder, task: Task) -> Iterable[str]:
    scores, under_way = scores_of(run), scores_under_way(run)
    if scores or under_way:
        yield "<h2>Scores in the real game</h2>"
    for name, score in scores.items():
        yield f"<h3>{html.escape(name)}</h3>" + _figures([curves.returns(score)])
    if scores:
        yield f'<p class="note">Beside it: {_text(paper.beside(task.name))}.</p>'
    for name, count in under_way.items():
        yield f'<p class="note">{html.escape(name)}: {count} episodes played so far</p>'


def _films(*runs: RunFolder) -> Iterable[str]:
    found = {path for run in runs for path in run.path.glob("*.mp4")}
    for path in sorted(found):
        if path.stat().st_size <= LARGEST_FILM and not path.name.endswith(".part.mp4"):
            data = base64.b64encode(path.read_bytes()).decode()
            name = html.escape(path.name)
            video = f'<video controls loop muted playsinline src="data:video/mp4;base64,{data}">'
            yield "<h2>Film</h2>" + _figure(video + "</video>", name)


# ---------------------------------------------------------------- pieces of HTML


def _figures(found: list[curves.Curve]) -> str:
    cards = [
        _figure(plots.page_svg(curve.figure, f"{curve.title}: {curve.told}"), curve.told)
        for curve in found
    ]
    return f'<div class="grid">{"".join(cards)}</div>'


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{_text(caption)}</figcaption></figure>"


def _text(told: str) -> str:
    """As HTML, with minus signs before numbers."""
    return re.sub(r"(?<!\S)-(?=\d)", "−", html.escape(told))


def _strip(images: Any, label: str, role: str = "") -> str:
    """A row of pictures (n, 64, 64, 3) with its label, in two cells."""
    cells = "".join(f'<img alt="" src="{plots.picture_url(image)}">' for image in images)
    name = html.escape(label.replace("<sub>", "").replace("</sub>", ""), quote=True)
    row = f'<div class="strip {role}" role="img" aria-label="{name}">{cells}</div>'
    return f'<div class="label">{label}</div>{row}'


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _folded(name: str, facts: dict[str, Any]) -> str:
    flat = _flat(facts)
    rows = [(key, f"{v:.6g}" if isinstance(v, float) else str(v)) for key, v in flat.items()]
    return f"<details><summary>{name}</summary>{_table(('', ''), rows)}</details>"


def _flat(facts: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as `world.tau`."""
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else None
        flat |= inner if inner is not None else {prefix + key: value}
    return flat


def _lasted(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
