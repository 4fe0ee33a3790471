"""The explorers in a real browser, from file://: they answer, by key and by finger, and fit."""

import io
from pathlib import Path

import numpy as np
import pytest
from chromium import in_chromium
from PIL import Image
from widget_site import write_site

from wmlib.book import plots, widgets

DRESSES = {"light": (1280, 900), "dark": (1280, 900), "phone": (390, 844)}
NAMES = ("slider", "batter", "credit", "evolution", "odd_search", "time_line", "pendulum")
WATCH_SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifted += e.value; })
  .observe({ type: "layout-shift", buffered: true });"""
NAMELESS = """() => [...document.querySelectorAll('.wm-live :is(input, select, button)')]
  .filter((el) => !(el.textContent.trim() || el.labels?.[0]?.textContent.trim()
                    || el.getAttribute('aria-label')))
  .map((el) => el.outerHTML.slice(0, 80))"""
CUT_OFF = """() => [...document.querySelectorAll('.wm-live *')].filter((el) => {
  const box = el.getBoundingClientRect();
  return box.width && (box.left < -1 || box.right > innerWidth + 1); }).length"""

pytestmark = in_chromium


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A page for each widget."""
    import matplotlib.pyplot as plt

    plots.use_house_style()
    figures = []
    for k in range(3):
        fig, ax = plt.subplots(figsize=(6.8, 2.5))
        ax.plot([0, 1], [0, k], color=plots.REAL)
        ax.set(ylim=(-0.1, 2.1))  # the same axes, so the same clipping path
        figures.append(fig)
    place = tmp_path_factory.mktemp("explorers")
    (place / "_static").mkdir()
    alt = "A line that rises with k."
    made = [
        widgets.slider("k", [0, 1, 2], figures, alt),
        widgets.Batter(),
        widgets.CreditExplorer(),
        widgets.EvolutionExplorer(),
        widgets.EvolutionExplorer(sigma0=0.3, population=15),
        widgets.TimeLine("The caption."),
        widgets.PendulumLab(),
    ]
    write_site(place, {name: [widget] for name, widget in zip(NAMES, made, strict=True)})
    return place


@pytest.fixture
def open_page(browser, folder):
    """Open a widget's page; whatever goes wrong on it fails the test at its end."""
    contexts, problems = [], []

    def start(name, dress="light", **options):
        width, height = DRESSES[dress]
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=dress == "phone", **options
        )
        contexts.append(context)
        tab = context.new_page()
        tab.add_init_script(WATCH_SHIFTS)
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on("console", lambda m: m.type == "error" and problems.append(m.text))
        tab.on(
            "request",
            lambda r: r.url.startswith(("file:", "data:", "blob:")) or problems.append(r.url),
        )
        suffix = "-dark" if dress == "dark" else ""
        tab.goto((folder / f"{name}{suffix}.html").as_uri())
        tab.wait_for_selector(".wm-started .wm-live")
        return tab

    yield start
    for context in contexts:
        context.close()
    assert problems == []


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("name", NAMES)
def test_widget_fits_has_labels_and_does_not_make_the_page_jump(open_page, name, dress):
    tab = open_page(name, dress)
    tab.wait_for_timeout(600)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate(CUT_OFF) == 0
    assert tab.evaluate(NAMELESS) == []
    assert tab.evaluate("window.shifted") < 0.05
    tab.emulate_media(media="print")
    assert tab.locator(".wm-still").is_visible()
    assert not tab.locator(".wm-live").is_visible()


def test_without_javascript_the_still_picture_stands_there(open_page, browser, folder):
    context = browser.new_context(java_script_enabled=False)
    try:
        for name in NAMES:
            tab = context.new_page()
            tab.goto((folder / f"{name}.html").as_uri())
            assert tab.locator(".wm-still svg").first.is_visible(), name
    finally:
        context.close()


def test_slider_shows_another_picture(open_page):
    tab = open_page("slider")
    chosen = tab.locator(".wm-chosen")
    before = chosen.inner_html()
    tab.locator("input[type=range]").focus()
    tab.keyboard.press("ArrowRight")
    assert chosen.inner_html() != before
    assert tab.locator("output").inner_text() == "1"
    pixels = np.asarray(Image.open(io.BytesIO(chosen.screenshot())).convert("RGB")).astype(int)
    blue = (pixels[..., 2] - pixels[..., 0] > 80).sum()
    assert blue > 500, "the curve of the second picture is not seen"


def picture(tab, index=0):
    """The pixels of a canvas."""
    return tab.locator("canvas").nth(index).evaluate("canvas => canvas.toDataURL()")


def set_range(tab, label, value):
    """Move a slider as a reader's finger does."""
    slider = tab.locator("label", has_text=label).locator("input")
    slider.evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
    )


def test_batter_with_an_old_picture_misses_and_strange_spin_must_be_practised(open_page):
    tab = open_page("batter", reduced_motion="reduce")
    note, bars = tab.locator(".wm-note"), picture(tab, 1)
    assert "no model 67 cm" in note.inner_text()
    set_range(tab, "age", 0.2)
    assert "no model 84 cm" in note.inner_text()
    assert picture(tab, 1) != bars
    set_range(tab, "spin", -4)
    assert "has only watched spin +4" in note.inner_text()
    tab.get_by_role("button", name="Practise this spin").click()
    assert "like these" in note.inner_text()
    flight = picture(tab)
    tab.get_by_role("button", name="Throw").click()
    assert picture(tab) != flight


def test_batter_throws_slowly(open_page):
    tab = open_page("batter")
    tab.get_by_role("button", name="Throw").click()
    seen = {picture(tab)}
    for _ in range(5):
        tab.wait_for_timeout(250)
        seen.add(picture(tab))
    assert len(seen) >= 3


def test_credit_price_follows_the_formula(open_page):
    tab = open_page("credit")
    assert "REINFORCE 186 episodes and evolution 1,7" in tab.locator(".wm-note").inner_text()
    fan = picture(tab)
    tab.locator("label", has_text="delay T").locator("input").focus()
    tab.keyboard.press("Home")
    assert "REINFORCE 16 episodes" in tab.locator(".wm-note").inner_text()
    assert picture(tab) != fan
    again = picture(tab)
    tab.get_by_role("button", name="Draw again").click()
    assert picture(tab) != again


def test_evolution_steps_runs_and_begins_again(open_page):
    tab = open_page("evolution")
    note = tab.locator(".wm-note").first
    assert note.inner_text().startswith("Generation 1:")
    cloud = picture(tab)
    tab.get_by_role("button", name="Step").click()
    assert note.inner_text().startswith("Generation 2:")
    assert picture(tab) != cloud
    for _ in range(58):
        tab.get_by_role("button", name="Step").click()
    assert "mean at (1.00, 1.00)" in note.inner_text()
    tab.locator("select").select_option("gorge")
    assert note.inner_text().startswith("Generation 1:")
    tab.get_by_role("button", name="Run").click()
    tab.wait_for_timeout(1500)
    tab.get_by_role("button", name="Pause").click()
    generation = int(note.inner_text().split(":")[0].split()[1])
    assert generation > 2
    tab.wait_for_timeout(500)
    assert note.inner_text().startswith(f"Generation {generation}:")


def test_a_slider_shows_the_number_in_use_where_its_list_lacks_it(open_page):
    tab = open_page("odd_search")
    assert tab.locator(".wm-slider output").all_inner_texts() == ["0.3", "15"]


def test_the_last_ten_seconds_stand_over_their_own_steps(open_page):
    tab = open_page("pendulum")
    tab.evaluate("""() => { window.words = [];
        const draw = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
            window.words.push(text); return draw.call(this, text, ...at); }; }""")
    tab.get_by_label("who pushes").select_option("you")
    if tab.get_by_role("button", name="Play").count():
        tab.get_by_role("button", name="Play").click()
    tab.wait_for_function("window.words.includes('250')", timeout=60_000)


def test_time_line_goes_forwards_and_back_by_key(open_page):
    tab = open_page("time_line")
    story = tab.locator(".wm-story")
    assert tab.locator(".wm-later").count() == 0  # at first all of it is there
    tab.get_by_role("button", name="From the start").click()
    assert story.inner_text().startswith("1 of 7.")
    hidden = tab.locator(".wm-later").count()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert story.inner_text().startswith("3 of 7.")
    assert tab.locator(".wm-later").count() < hidden
    tab.keyboard.press("ArrowLeft")
    assert story.inner_text().startswith("2 of 7.")
    stayed = """new KeyboardEvent('keydown', { key: 'ArrowLeft', altKey: true, bubbles: true,
        cancelable: true })"""  # the browser's way back
    assert tab.evaluate(f"document.querySelector('.wm-live').dispatchEvent({stayed})")
    assert story.inner_text().startswith("2 of 7.")
    tab.get_by_label("in a dream").check()
    assert story.inner_text().startswith("1 of 5.")
    assert tab.locator("svg.wm-time-line text", has_text="x").count() == 0


def test_pendulum_is_pushed_only_while_it_has_the_focus(open_page):
    tab = open_page("pendulum", reduced_motion="reduce")
    still = picture(tab, 0), picture(tab, 1)
    tab.wait_for_timeout(600)
    assert (picture(tab, 0), picture(tab, 1)) == still, "it moves by itself"
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(300)
    assert (picture(tab, 0), picture(tab, 1)) == still, "keys act without the focus"
    tab.locator(".wm-two").focus()
    tab.keyboard.down("ArrowRight")
    tab.wait_for_timeout(800)
    tab.keyboard.up("ArrowRight")
    assert picture(tab, 0) != still[0]
    assert picture(tab, 1) != still[1]
    assert tab.locator("select").nth(1).input_value() == "you"


def test_pendulum_is_pushed_by_touch_and_a_controller_evolves(open_page):
    tab = open_page("pendulum", "phone")
    tab.get_by_role("button", name="push →").tap()
    assert tab.locator("select").nth(1).input_value() == "you"
    tab.locator("select").first.select_option("1")
    tab.get_by_role("button", name="Evolve").click()
    report = tab.locator(".wm-report")
    tab.wait_for_function(
        "() => /^Generation [3-9]/.test(document.querySelector('.wm-report').textContent)",
        timeout=60_000,
    )
    assert "a step in its dream" in report.inner_text()
    assert tab.locator("select").nth(1).input_value() == "evolved"
