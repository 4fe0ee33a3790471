"""`python -m wmlib report`: results/report.md, its figures and README's tables, from the runs."""

from pathlib import Path

from wmlib.book import paper, report_figures, report_simulator
from wmlib.book.report import car_racing_table, cost_table, doom_table, temperature_table
from wmlib.errors import UserError
from wmlib.records.files import write_bytes

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def write_report(results: Path, readme: Path) -> None:
    """Write results/report.md, results/figures/*.svg and README's table, all from `results`."""
    if not results.is_dir():
        raise UserError(f"{results} is not a folder: give the folder of the published runs")
    if not any(results.glob("*/main/evaluation.json")):
        raise UserError(f"{results} holds no published run (TASK/main): nothing was changed")
    figures = report_figures.draw_all(results, results / "figures")
    notes = paper.TABLES["notes"]
    tables = [
        ("CarRacing", f"{car_racing_table(results)}\n\n{notes['car_racing']}"),
        ("Doom Take Cover", f"{doom_table(results)}\n\n{notes['doom_take_cover']}"),
        ("Doom: temperature", f"{temperature_table(results)}\n\n{notes['temperature']}"),
        ("The batched CarRacing", report_simulator.section(results)),
        ("Minutes per stage", cost_table(results)),
    ]
    costs = f"{cost_table(results, whole=True)}\n\n{notes['costs']}"
    pictures = [f"## {alt}\n\n![{alt}](figures/{name}.svg)" for name, alt in figures.items()]
    parts = [f"## {title}\n\n{text}" for title, text in tables] + pictures
    head = "# Results\n\nWritten by `python -m wmlib report`; do not edit.\n\n"
    write_bytes(results / "report.md", (head + "\n\n".join(parts) + "\n").encode())
    _into_readme(readme, "\n\n".join([*(text for _, text in tables[:4]), costs]))
    print(f"{results / 'report.md'}, {len(figures)} figures, {readme}")


def _into_readme(readme: Path, text: str) -> None:
    """Replace what stands between the two markers."""
    if not readme.is_file():
        raise UserError(f"{readme} does not exist: give the README whose table to replace")
    old = readme.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise UserError(f"{readme} needs one line '{BEGIN}' and one '{END}' around its table")
    before, rest = old.split(BEGIN)
    after = rest.split(END)[1]
    write_bytes(readme, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}".encode())
