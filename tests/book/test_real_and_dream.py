"""The real game and M's dream of it side by side: the pair under node, the widget in a browser."""

import base64
import re

import cv2
import numpy as np
import pytest
from chromium import chromium, in_chromium
from run_js import needs_node, run_js

import wmlib
from wmlib.book.widgets import weights
from wmlib.book.widgets.real_and_dream import RealAndDream, unrelated
from wmlib.errors import UserError

PAIR = """
import { CAR_RACING } from "./car_racing_wasm.js";
import { compileCarGame } from "./car_game.js";
import { makeController } from "./controller.js";
import { makeDream } from "./dream.js";
import { makeMemory } from "./memory.js";
import { readNetwork } from "./networks.js";
import { makePair } from "./pair.js";
import { makeSeenGame } from "./seen_game.js";
import { makeDecoder, makeEncoder } from "./vision.js";
const file = await readNetwork(given.memory), memory = await makeMemory(file);
const encode = await makeEncoder(await readNetwork(given.encoder));
const decode = await makeDecoder(await readNetwork(given.decoder));
const act = makeController(memory.facts, "linear", given.params);
const seen = makeSeenGame((await compileCarGame(CAR_RACING))(), encode, memory);
const dream = makeDream(memory, file);
const pair = makePair(seen, dream, decode, given.unrelated);
pair.reset(given.seed);
const rows = [];
for (let t = 0; t < given.steps; t++) {
  if (given.wake.includes(t)) pair.wake();
  pair.act(act(seen.features()), 1);
  pair.look();
  rows.push({ apart: pair.apart, awakeFor: pair.awakeFor, parted: pair.parted });
}
answer({ rows, score: seen.game.score });
"""


@pytest.fixture(scope="module")
def agent():
    return wmlib.load_pretrained("car_racing")


@needs_node
def test_a_woken_dream_is_near_and_then_they_part(agent):
    files = {
        "encoder": weights.encoder_file(agent.vision),
        "decoder": weights.decoder_file(agent.vision),
        "memory": weights.memory_file(agent.task, agent.memory, agent.starts),
    }
    level = unrelated(agent.vision)
    given = {"params": agent.params.tolist(), "unrelated": level, "seed": 10_000, "steps": 400}
    played = run_js(PAIR, **files, **given, wake=[100, 300])
    rows = played["rows"]
    for woken in (100, 300):
        assert rows[woken]["awakeFor"] == 1
        assert rows[woken]["apart"] < level / 2, "M begins its dream where the game is"
        assert rows[woken]["parted"] is None
    later = [row["apart"] for row in rows[180:300]]
    assert np.mean(later) > level, "nobody tells the dream where the road goes"
    for row, before in zip(rows[101:300], rows[100:299]):
        assert row["awakeFor"] == before["awakeFor"] + 1
        assert row["parted"] == before["parted"] or before["parted"] is None
    parted = rows[299]["parted"]
    apart = [row["apart"] for row in rows[99 + parted : 104 + parted]]  # five looks from then on
    assert min(apart) > level
    assert rows[98 + parted]["apart"] <= level
    assert all(row["parted"] is None for row in rows[100 : 103 + parted])
    assert rows[103 + parted]["parted"] == parted
    # Waking touches only the dream.
    assert run_js(PAIR, **files, **given, wake=[])["score"] == played["score"]


def test_the_widget_says_what_it_needs(agent, monkeypatch):
    widget = RealAndDream(tau=0.5, seed=7)
    sent = {}
    monkeypatch.setattr(
        widget, "send", lambda content, buffers: sent.update({content["network"]: buffers[0]})
    )
    for name in widget.networks.values():  # as JupyterLab asks for them
        widget._answer(widget, {"need": name}, [])
    assert {name: len(sent[name]) > 5_000 for name in widget.networks.values()} == dict.fromkeys(
        widget.networks.values(), True
    )
    assert sum(map(len, sent.values())) < 9_000_000
    told = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=(): told.append(content))
    widget._answer(widget, {"need": "nothing"}, [])  # the browser must not wait for ever
    assert told == [{"network": "nothing", "error": "Python has no network nothing"}]
    assert (widget.tau, widget.seed, widget.module) == (0.5, 7, "real_and_dream")
    assert set(widget.networks) == {"controllers", "memory", "decoder", "encoder", "untrained"}
    assert "untrained" not in RealAndDream(agent).networks
    agent_without = wmlib.load_pretrained("car_racing")
    agent_without.controllers = None
    with pytest.raises(UserError, match="evolve"):
        RealAndDream(agent_without)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from widget_site import every_widget, write_site

    path = tmp_path_factory.mktemp("site")
    write_site(path, {name: every_widget()[name] for name in ("real", "race")})
    return path


@pytest.fixture
def open_real(folder):
    """Opens the widget's page from file://; whatever went wrong by the end of the test fails it.

    Files that are `blocked` cannot be loaded, and are expected to fail."""
    problems = []
    with chromium() as browser:

        def open_(width=1280, name="real", blocked=None, then=lambda r: r.abort(), **options):
            tab = browser.new_page(viewport={"width": width, "height": 1000}, **options)
            tab.set_default_timeout(60_000)
            tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
            tab.on(
                "console",
                lambda message: (
                    problems.append(message.text)
                    if not blocked or "net::ERR" not in message.text
                    else None
                ),
            )
            if blocked:
                tab.route(blocked, then)
            tab.goto(f"{folder.as_uri()}/{name}.html")
            if name == "real" and not blocked:
                wait_for_step(tab, 0)
            return tab

        yield open_
    assert problems == []


def step(tab) -> int:
    return int(re.match(r"step (\d+)", tab.locator(".wm-count").inner_text())[1])


def wait_for_step(tab, wanted):
    tab.wait_for_function(
        "n => Number(document.querySelector('.wm-count').innerText.split(' ')[1]) >= n", arg=wanted
    )


def picture(tab, which) -> np.ndarray:
    """The `which`th of the three pictures, RGB."""
    code = "i => document.querySelectorAll('canvas.wm-pixels')[i].toDataURL()"
    png = base64.b64decode(tab.evaluate(code, which).split(",")[1])
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


class TestInTheBrowser:
    pytestmark = in_chromium

    def test_three_pictures_move_and_the_reader_may_drive(self, open_real):
        tab = open_real()
        wait_for_step(tab, 60)
        before = [picture(tab, i) for i in range(3)]
        assert tab.locator(".wm-actor").first.inner_text() == "C drives"
        wait_for_step(tab, 100)
        for i in range(3):
            assert (picture(tab, i) != before[i]).any()
        tab.locator(".wm-stage[role=application]").focus()
        tab.keyboard.down("ArrowLeft")
        tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'You drive'")
        tab.wait_for_function("document.querySelector('.wm-bar .wm-numbers').innerText === '−1.00'")
        tab.keyboard.up("ArrowLeft")
        tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'C drives'")

    def test_waking_a_road_and_a_controller(self, open_real):
        tab = open_real()
        tab.locator(".wm-live select").nth(1).select_option("0")
        wait_for_step(tab, 150)
        tab.locator(".wm-stage[role=application]").focus()
        tab.keyboard.press("w")
        tab.wait_for_function(
            "document.querySelector('.wm-told').innerText.startsWith('M has dreamed for 0.')"
        )
        tab.locator("input[type=number]").fill("10003")
        tab.keyboard.press("Enter")
        tab.wait_for_function(
            "Number(document.querySelector('.wm-count').innerText.split(' ')[1]) < 100"
        )
        wait_for_step(tab, 120)
        for name in ("early", "z_only", "untrained"):
            tab.locator(".wm-live select").first.select_option(name)
            tab.wait_for_timeout(600)
            wait_for_step(tab, 30)
            assert step(tab) < 120, "a new driver begins anew"

    def test_the_sharp_picture_is_what_v_sees(self, open_real):
        tab = open_real(reduced_motion="reduce")
        assert step(tab) == 0, "nothing moves by itself"
        tab.wait_for_timeout(500)
        assert step(tab) == 0
        tab.get_by_role("button", name="Play").click()
        wait_for_step(tab, 70)
        tab.get_by_role("button", name="Pause").click()
        sharp = picture(tab, 0)
        tab.get_by_role("button", name="As V sees it").click()
        seen = picture(tab, 0)
        assert seen.shape == (64, 64, 3)
        assert len(sharp) > 150
        small = cv2.resize(sharp, (64, 64), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - seen).mean() < 5

    def test_it_keeps_up_and_fits_a_phone(self, open_real):
        tab = open_real(width=390)
        height = tab.locator("#after").bounding_box()["y"]
        wait_for_step(tab, 60)
        first = step(tab)
        tab.wait_for_timeout(4000)
        assert step(tab) - first > 4 * 30, "50 a second where nothing else runs"
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert abs(tab.locator("#after").bounding_box()["y"] - height) < 3
        tab.evaluate("window.scrollTo(0, 3000)")
        tab.wait_for_timeout(300)
        stopped = step(tab)
        tab.wait_for_timeout(500)
        assert step(tab) == stopped, "off the screen it stands still"

    def test_a_race_with_the_gas_held_down(self, open_real):
        tab = open_real(name="race")
        tab.wait_for_function("document.querySelector('.wm-line').innerText.startsWith('A press')")
        tab.wait_for_timeout(300)
        board = tab.locator(".wm-board")
        assert board.inner_text().count("0.0 s") == 2, "nobody drives before the reader does"
        tab.locator(".wm-stage").focus()
        tab.wait_for_function(
            "document.querySelector('.wm-line').innerText.startsWith('An arrow key')"
        )
        tab.keyboard.down("ArrowUp")
        tab.wait_for_function(
            "document.querySelector('.wm-line').innerText.endsWith(': the agent wins.')"
        )
        mine, its = (
            int(n.replace("−", "-")) for n in re.findall(r"\t(−?\d+)\t", board.inner_text())
        )
        assert mine < 200 < 700 < its
        tab.get_by_role("button", name="Again").click()  # the key is still down
        tab.wait_for_timeout(300)
        assert board.inner_text().count("0.0 s") == 2, "nothing of the last race is left"
        assert tab.evaluate("document.activeElement.className").startswith("wm-stage")
        tab.keyboard.up("ArrowUp")

    def test_a_finger_that_scrolls_does_not_start_a_race_and_one_that_stays_does(self, open_real):
        tab = open_real(name="race", width=390, has_touch=True)
        tab.wait_for_function("document.querySelector('.wm-line').innerText.startsWith('A press')")
        touch = """([kind, id]) => { const stage = document.querySelector('.wm-stage');
            const box = stage.getBoundingClientRect();
            stage.setPointerCapture = () => {};
            stage.dispatchEvent(new PointerEvent(kind, { pointerId: id, pointerType: 'touch',
              button: 0, bubbles: true,
              clientX: box.left + box.width / 2, clientY: box.top + 5 })); }"""
        board = tab.locator(".wm-board")
        tab.evaluate(touch, ["pointerdown", 1])
        tab.wait_for_timeout(50)
        tab.evaluate(touch, ["pointercancel", 1])
        tab.wait_for_timeout(400)
        assert board.inner_text().count("0.0 s") == 2
        tab.evaluate(touch, ["pointerdown", 2])
        tab.evaluate(touch, ["pointerdown", 3])  # a second finger
        tab.evaluate(touch, ["pointerup", 3])
        tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'You drive'")
        tab.wait_for_timeout(1700)
        tab.wait_for_function(
            "document.querySelector('.wm-board').innerText.match(/0\\.0 s/g) === null"
        )
        assert tab.locator(".wm-actor").inner_text() == "You drive", "the first finger still drives"
        tab.evaluate(touch, ["pointerup", 2])

    def test_a_driver_that_cannot_be_loaded_is_told_and_the_old_one_stays(self, open_real):
        tab = open_real(blocked="**/*.untrained.js")
        tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'C drives'")
        choice = tab.locator(".wm-live select").first
        choice.select_option("untrained")
        tab.wait_for_function(
            "document.querySelector('.wm-line').innerText.endsWith('cannot be loaded')"
        )
        assert choice.input_value() == "published"
        tab.unroute("**/*.untrained.js")
        choice.select_option("untrained")
        tab.get_by_role("button", name="Play").click()
        tab.wait_for_function("document.querySelector('.wm-line').innerText === ''")
        assert choice.input_value() == "untrained"

    def test_back_to_the_old_driver_while_another_loads(self, open_real):
        held = []
        tab = open_real(blocked="**/*.untrained.js", then=lambda route: held.append(route))
        tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'C drives'")
        choice = tab.locator(".wm-live select").first
        choice.select_option("untrained")
        tab.wait_for_timeout(300)
        choice.select_option("published")
        wait_for_step(tab, step(tab) + 20)  # it drives on
        held[0].continue_()
        wait_for_step(tab, step(tab) + 20)
        assert choice.input_value() == "published"

    def test_where_the_network_fails_the_reader_may_try_again(self, open_real):
        tab = open_real(blocked="**/*.controllers.js")
        tab.wait_for_function(
            "document.querySelector('.wm-line').innerText.endsWith('cannot be loaded')"
        )
        tab.unroute("**/*.controllers.js")
        tab.get_by_role("button", name="Try again").click()
        tab.wait_for_function("document.querySelector('.wm-actor').innerText === 'C drives'")
