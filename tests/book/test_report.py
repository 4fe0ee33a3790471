"""The report is drawn from the files of the published runs, and from nothing else."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from published_runs import write_run

from wmlib.book import paper, report, report_figures, report_simulator
from wmlib.book.write_report import markers, write_report
from wmlib.errors import UserError
from wmlib.records.files import sha256
from wmlib.records.run_folder import RunFolder

BLOCKS = ("results", "simulator", "costs")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def results(tmp_path):
    root = tmp_path / "results"
    write_run(root / "car_racing" / "main", returns=(850.0, 870.0, 890.0))
    write_run(root / "doom_take_cover" / "tau_0.10_seed_0", chosen=2, returns=(100.0, 200.0))
    write_run(root / "doom_take_cover" / "tau_0.10_seed_1", chosen=4, returns=(300.0, 400.0))
    dreamed = {f"tau_0.10_seed_{s}": {"0.10": {"mean": 900.0 + 200 * s}} for s in (0, 1)}
    matrix = {"controllers": dreamed}
    (root / "doom_take_cover" / "temperature_matrix.json").write_text(json.dumps(matrix))
    return root


def empty_readme(before="# Title", between="old", after="after"):
    """A README with places for all tables."""
    places = [f"{begin}\n{between}\n{end}" for begin, end in map(markers, BLOCKS)]
    return "\n".join([before, *places, f"{after}\n"])


def line(table, start):
    """The cells of the table's row that begins so, with plain spaces."""
    (found,) = [row for row in table.splitlines() if row.startswith(f"| {start}")]
    return [" ".join(cell.split()) for cell in found.strip("|").split("|")]


def test_a_search_that_began_at_another_continues_its_curve(results):
    first = results / "car_racing" / "first"
    write_run(first, chosen=2)
    start = sha256(first / "controller" / "controller.safetensors")
    write_run(results / "car_racing" / "longer", chosen=2, start=start)
    run = report.load_run("car_racing", "longer", results)
    assert [row["generation"] for row in run.curve] == [2, 4, 6]  # the first's 2, then its own
    assert [row["total_steps"] for row in run.curve] == [2000, 4000, 6000]
    assert run.chosen["total_steps"] == 4000
    assert run.chosen["generation"] == 4


def test_run_reads_what_was_published(results):
    run = report.load_run("car_racing", "main", results)
    assert [row["total_steps"] for row in run.curve] == [2000, 4000]
    assert run.chosen["mean_return"] == 400.0
    assert run.at_budget(2100)["generation"] == 2
    assert run.at_budget(3700)["generation"] == 4
    with pytest.raises(UserError, match="near 3000 steps"):
        run.at_budget(3000)
    with pytest.raises(UserError, match="'z_only' of car_racing: there is main"):
        report.load_run("car_racing", "z_only", results)


def test_car_table_has_ours_beside_theirs_and_names_what_is_missing(results):
    table = report.car_racing_table(results)
    label = paper.CAR_RACING[0].label
    cells = line(table, label)
    assert cells == [label, "906 ± 21", "870 ± 20 (s.e. 11.5, n = 3)", "0.0 M", "400 (s.e. 5.0)"]
    missing = line(table, "V and M of the first row, C by policy gradient, seed 0")
    assert missing[1:] == ["–", "not run yet", "–", "–"]


def test_equal_budget_is_what_the_shortest_run_reached(results):
    assert report.car_racing_budget(results) == 4000
    write_run(results / "car_racing" / "z_only", generations=2)
    assert report.car_racing_budget(results) == 2000
    cells = line(report.car_racing_table(results), paper.CAR_RACING[0].label)
    assert cells[-1] == "200 (s.e. 5.0)"


def test_temperature_table_pools_what_lies_between_controllers(results):
    write_run(results / "doom_take_cover" / "tau_1.00_seed_0", chosen=3, returns=(500.0, 700.0))
    dream, real = report.temperature_scores(report.temperature_runs(results))
    assert (dream[0.1].each, dream[0.1].mean) == ([200.0, 400.0], 300.0)
    assert dream[0.1].sem == pytest.approx(100.0)
    assert (real[0.1].each, real[0.1].sem) == ([150.0, 350.0], pytest.approx(100.0))
    # A lone controller lies as far from its like as those of the other group do.
    assert (real[1.0].mean, real[1.0].sem) == (600.0, pytest.approx(100.0 * 2**0.5))
    (lone,) = report.spreads({1.0: [{"mean": 5.0, "sem": 3.0}]}).values()
    assert lone.sem == 3.0
    table = report.temperature_table(results)
    assert line(table, "0.10")[1:] == [
        "2,086 ± 140",
        "193 ± 58",
        "300 ± 100 (200; 400)",
        "250 ± 100 (150; 350)",
    ]
    assert line(table, "1.15")[-1] == "not run yet"


def test_a_policy_gradients_curve_counts_its_steps(results):
    folder = results / "car_racing" / "learned" / "controller"
    folder.mkdir(parents=True)
    rows = [{"update": 20, "reward": 1.0}, {"update": 40, "mean_return": 7.0, "sem": 1.0}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"dreams": 64, "steps": 128}
    (folder / "manifest.json").write_text(
        json.dumps({"stage": "policy-gradient", "config": config, "result": {"update": 40}})
    )
    run = report.load_run("car_racing", "learned", results)
    assert [row["total_steps"] for row in run.curve] == [40 * 64 * 128]
    assert not run.evolved


def test_the_matrix_shows_means_over_controllers_in_dreams_and_game(results):
    (ax,) = report_figures.temperature_matrix(results).axes
    assert [text.get_text() for text in ax.texts] == ["1000", "250"]
    write_run(results / "doom_take_cover" / "tau_0.50_seed_0", returns=(1.0, 2.0))
    with pytest.raises(UserError, match=r"lacks \['tau_0.50_seed_0'\]"):
        report_figures.temperature_matrix(results)


def test_report_draws_what_there_is_and_replaces_only_the_table(results, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(empty_readme())
    for _ in range(2):  # a second report changes nothing
        write_report(results, readme)
        text = readme.read_text()
        assert text.startswith("# Title\n")
        assert text.endswith(f"{markers('costs')[1]}\nafter\n")
        assert report.score(report.load_run("car_racing", "main", results).evaluation) in text
        assert "old" not in text
    figures = {path.stem for path in (results / "figures").iterdir()}
    # no figure of Doom's main run, which is not there
    doom = {"doom_temperature", "doom_transfer"}
    assert figures == {"car_racing_curves", "car_racing_returns"} | doom
    page = (results / "report.md").read_text()
    costs = page.partition("## Minutes per stage")[2]
    assert "minutes on CPU, 2 cores" in costs
    assert line(costs, "car_racing / main")[1:] == ["–", "–", "–", "–", "1.5", "2"]
    assert all(f"figures/{name}.svg" in page for name in figures)


def test_a_damaged_file_is_named_and_costs_no_figure(results, tmp_path):
    folder = tmp_path / "figures"
    drawn = report_figures.draw_all(results, folder)
    (results / "doom_take_cover" / "temperature_matrix.json").write_text('{ "damaged')
    with pytest.raises(UserError, match=r"temperature_matrix\.json is not valid JSON"):
        report_figures.draw_all(results, folder)
    assert {path.stem for path in folder.iterdir()} == set(drawn)


def test_report_on_nothing_leaves_the_readme_alone(tmp_path):
    (tmp_path / "results").mkdir()
    readme = tmp_path / "README.md"
    readme.write_text(empty_readme(between="the table"))
    with pytest.raises(UserError, match="holds no published run"):
        write_report(tmp_path / "results", readme)
    assert "the table" in readme.read_text()


def test_report_says_what_is_missing_and_where_its_table_goes(tmp_path):
    write_run(tmp_path / "results/car_racing/main")
    readme = tmp_path / "README.md"
    readme.write_text(empty_readme())
    write_report(tmp_path / "results", readme)
    assert readme.read_text().count("not run yet") >= 3
    readme.write_text("no markers")
    with pytest.raises(UserError, match="results:begin"):
        write_report(tmp_path / "results", readme)


def test_the_simulators_table_and_parity_come_from_its_benchmarks(tmp_path):
    assert report_simulator.section(tmp_path) == report.NOT_YET
    speed = json.loads((report.PUBLISHED / "simulator" / "speed.json").read_text())
    text = report_simulator.section()
    ours = [cell.replace(",", "") for cell in line(text, "the simulator, 64 × 64 |")]
    assert int(ours[1]) == round(speed["steps_per_second"]["batched_64"])
    assert int(ours[2]) == round(speed["ratio_to_gymnasium"]["batched_64"])
    assert "last bit" in text
    told = report_simulator.speed_note()
    assert ("Other processes took" in told) == ("others" in speed)
    assert speed["unit"] in told
    intel = json.loads((report.PUBLISHED / "simulator" / "speed_intel.json").read_text())
    assert f"it was {min(intel['ratio_64_per_round']):.0f} to " in text
    gpu = json.loads((report.PUBLISHED / "simulator" / "gpu.json").read_text())
    cars = [cell.replace(",", "") for cell in line(text, "4,096 |")]
    assert int(cars[1]) == round(gpu["game_steps_per_second"]["4096"])
    assert int(cars[2]) == round(gpu["agent_steps_per_second"]["4096"])
    assert line(text, "16,384 |")[2] == "–"  # the agent was not measured there
    assert f"{gpu['agent_on_both']['tracks']:,} tracks" in text


def test_costs_come_from_the_manifests_and_name_other_hardware(tmp_path):
    stages = {"vision": ("CPU, 2 cores", 60), "memory": ("CPU, 2 cores", 90)}
    stages["controller"] = ("NVIDIA H200", 30)
    for name, kept in (("whole", stages), ("searched", {"controller": stages["controller"]})):
        for stage, (device, seconds) in kept.items():
            folder = tmp_path / "car_racing" / name / stage
            folder.mkdir(parents=True)
            made = {"device": device, "seconds": seconds}
            (folder / "manifest.json").write_text(json.dumps(made))
    every, whole = report.cost_table(tmp_path), report.cost_table(tmp_path, whole=True)
    cells = ["CPU, 2 cores", "–", "1.0", "–", "1.5", "0.5 (H200)", "3"]
    assert line(every, "car_racing / whole")[1:] == cells
    assert line(whole, "minutes on CPU, 2 cores")[1] == "play"  # it needs no column for that
    assert line(whole, "car_racing / whole")[1:] == cells[1:]
    assert line(every, "car_racing / searched")[1:3] == ["NVIDIA H200", "–"]
    assert "searched" not in whole


def test_a_quiet_machine_tells_the_ratio_of_both_clocks(tmp_path):
    found = {"ratio_64_per_round": [129.0, 131.0], "processor": "Y", "unit": "steps", "games": 64}
    found |= {"others": 0.004, "by_cpu_seconds": {"ratio_to_gymnasium": {"batched_64": 175.2}}}
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "speed.json").write_text(json.dumps(found))
    told = report_simulator.speed_note(tmp_path)
    assert "129 to 131. Other processes took 0.4% of the machine" in told
    assert told.endswith("the ratio is 175.")


def test_the_bars_of_a_gpu_are_met():
    gpu = json.loads((report.PUBLISHED / "simulator" / "gpu.json").read_text())
    assert gpu["game_steps_per_second"]["4096"] >= 500_000
    assert max(gpu["agent_steps_per_second"].values()) >= 300_000
    assert gpu["agent_on_both"]["tracks"] >= 1000
    assert gpu["agent_on_both"]["bound"] <= 20


def test_publish_copies_small_files_and_shared_stages_once(tmp_path):
    import publish

    write_run(tmp_path / "run")
    (tmp_path / "run" / "controller").rename(tmp_path / "run" / "other")
    (tmp_path / "run" / "evaluation.json").rename(tmp_path / "run" / "other.json")
    vision = tmp_path / "run" / "vision"
    vision.mkdir()
    made = {"seconds": 1, "sha256": {"vision.safetensors": "0"}}
    (vision / "manifest.json").write_text(json.dumps(made))
    (vision / "vision.safetensors").write_bytes(b"large")
    run, main = RunFolder(tmp_path / "run"), tmp_path / "results" / "main"
    publish.publish_files(run, "other", main)
    assert sorted(str(p.relative_to(main)) for p in main.rglob("*.json*")) == [
        "controller/manifest.json",
        "controller/metrics.jsonl",
        "evaluation.json",
        "vision/manifest.json",
    ]
    assert not list(main.rglob("*.safetensors"))
    second = tmp_path / "results" / "second"
    publish.publish_files(run, "other", second)
    assert [p.name for p in second.iterdir()] == ["evaluation.json"]  # all else is main's


@pytest.mark.slow
def test_wheel_holds_the_published_runs(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-q", "-w", tmp_path, ROOT], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("wmlib-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = [p for p in (ROOT / "results").rglob("*.json*") if p.is_file()]
    assert wanted
    missing = {f"wmlib/published/{p.relative_to(ROOT / 'results')}" for p in wanted} - names
    assert not missing
