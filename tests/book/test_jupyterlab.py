"""A widget in a running JupyterLab: its state reaches Python and comes back; a run folder plays."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from chromium import chromium, in_chromium
from waiting import wait_until

from wmlib.agent import pretrained_folder

PARTS = ("vision", "memory", "latents", "controller")
CELLS = (
    'from wmlib.book import widgets\nplayer = widgets.DreamPlayer("car_racing", "my_run")\nplayer',
    'print(f"Python has tau {player.tau:.2f} at step {player.step > 0}")',
    "player.tau = 0.3",
    "widgets.RealAndDream()",
    "widgets.CarRace()",
)

pytestmark = in_chromium


@pytest.fixture
def folder(tmp_path):
    """A folder with a run, as training leaves it, and a notebook that shows it."""
    for part in PARTS:
        shutil.copytree(pretrained_folder("car_racing") / part, tmp_path / "my_run" / part)
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    nbformat.write(notebook, tmp_path / "player.ipynb")
    return tmp_path


@pytest.fixture
def lab(folder):
    """The address of the notebook in a JupyterLab that was started for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ip"}
    places |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    env = os.environ | {name: str(folder / "jupyter" / place) for name, place in places.items()}
    options = {
        "ServerApp.root_dir": folder,
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": True,
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": None,
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]
    log = folder / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{address}/api?token={token}", server, log))
        yield f"{address}/lab/tree/player.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(30)


def answers(url: str, server: subprocess.Popen, log: Path) -> bool:
    assert server.poll() is None, log.read_text()[-2000:]
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


def run_cell(tab, number: int) -> None:
    """Run a cell of the notebook, counted from 0, and wait until the kernel has done it."""
    tab.evaluate(
        """async number => {
          const panel = jupyterapp.shell.currentWidget;
          panel.content.activeCellIndex = number;
          await jupyterapp.commands.execute("notebook:run-cell");
        }""",
        number,
    )


def output_of(tab, number: int) -> str:
    code = """number => jupyterapp.shell.currentWidget.model.sharedModel.cells[number]
      .getOutputs().map(output => output.text ?? "").flat().join("")"""
    return tab.evaluate(code, number)


@pytest.fixture
def tab(lab):
    """The notebook in a browser, its kernel idle and its first cell run."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        tab.set_default_timeout(120_000)  # CI machines are slow and busy
        tab.goto(lab)
        tab.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'"
        )
        run_cell(tab, 0)
        yield tab


def test_a_run_folder_plays_and_its_temperature_goes_both_ways(tab):
    tab.wait_for_function(
        "Number(document.querySelector('.wm-count')?.innerText.split(' ')[1]) > 30"
    )
    picture = "document.querySelector('canvas.wm-pixels').toDataURL()"
    before = tab.evaluate(picture)
    tab.wait_for_function(f"before => {picture} !== before", arg=before)

    slider = tab.locator(".wm-slider input")
    slider.fill("1.2")
    assert tab.locator(".wm-slider output").inner_text() == "1.20"
    wait_until(lambda: run_cell(tab, 1) or "tau 1.20 at step True" in output_of(tab, 1))
    run_cell(tab, 2)
    tab.wait_for_function("document.querySelector('.wm-slider output').innerText === '0.30'")
    assert slider.input_value() == "0.3"
    tab.locator(".wm-stage").focus()
    tab.keyboard.down("ArrowLeft")  # JupyterLab would take it for its cells
    tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'You drive'")
    tab.keyboard.up("ArrowLeft")


@pytest.mark.nightly
def test_the_real_game_runs_in_a_cell(tab):
    run_cell(tab, 3)
    parted = "document.querySelector('.wm-told')?.innerText.startsWith('The two parted')"
    tab.wait_for_function(parted)
    run_cell(tab, 4)
    race = tab.locator(".wm-race")
    race.locator(".wm-stage").scroll_into_view_if_needed()
    tab.wait_for_function("document.querySelector('.wm-race .wm-surface') !== null")
    race.locator(".wm-stage").focus()
    tab.keyboard.down("ArrowUp")
    tab.wait_for_function(
        "[...document.querySelectorAll('.wm-board tbody td')].every(cell => cell.innerText !== '–')"
    )
    tab.keyboard.up("ArrowUp")
