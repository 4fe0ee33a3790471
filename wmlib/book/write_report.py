"""`python -m wmlib report`: results/report.md, its figures and README's tables, from the runs."""

from pathlib import Path

from wmlib.book import paper, report_figures, report_simulator
from wmlib.book.report import (
    car_racing_table,
    cost_table,
    doom_table,
    headline_table,
    temperature_table,
)
from wmlib.errors import UserError
from wmlib.records.files import write_bytes


def markers(name: str) -> tuple[str, str]:
    """The lines before and behind a table of README."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def write_report(results: Path, readme: Path) -> None:
    """Write results/report.md, results/figures/*.svg and README's table, all from `results`."""
    if not results.is_dir():
        raise UserError(f"{results} is not a folder: give the folder of the published runs")
    if not any(results.glob("*/main/evaluation.json")):
        raise UserError(f"{results} holds no published run (TASK/main): nothing was changed")
    notes = paper.TABLES["notes"]
    tables = [
        ("CarRacing", f"{car_racing_table(results)}\n\n{notes['car_racing']}"),
        ("Doom Take Cover", f"{doom_table(results)}\n\n{notes['doom_take_cover']}"),
        ("Doom: temperature", f"{temperature_table(results)}\n\n{notes['temperature']}"),
        ("The batched CarRacing", report_simulator.section(results)),
        ("Minutes per stage", cost_table(results)),
    ]
    blocks = {
        "results": f"{headline_table(results)}\n\n{notes['headline']}",
        "simulator": report_simulator.speed(results),
        "costs": f"{cost_table(results, whole=True)}\n\n{notes['costs']}",
    }
    filled = _filled(readme, blocks)
    figures = report_figures.draw_all(results, results / "figures")
    pictures = [f"## {alt}\n\n![{alt}](figures/{name}.svg)" for name, alt in figures.items()]
    parts = [f"## {title}\n\n{text}" for title, text in tables] + pictures
    head = "# Results\n\nWritten by `python -m wmlib report`; do not edit.\n\n"
    write_bytes(results / "report.md", (head + "\n\n".join(parts) + "\n").encode())
    write_bytes(readme, filled.encode())
    print(f"{results / 'report.md'}, {len(figures)} figures, {readme}")


def _filled(readme: Path, blocks: dict[str, str]) -> str:
    """README with what stands between its markers replaced."""
    if not readme.is_file():
        raise UserError(f"{readme} does not exist: give the README whose tables to replace")
    text = readme.read_text(encoding="utf-8")
    for name, table in blocks.items():
        begin, end = markers(name)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise UserError(f"{readme} needs one line '{begin}' and one '{end}' around its table")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{table}\n\n{end}{rest.split(end)[1]}"
    return text
