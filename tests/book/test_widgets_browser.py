"""The widgets that load networks, in a real browser, over http and from file://."""

import hashlib
import os
from itertools import pairwise

import pytest
from chromium import in_chromium, served

PAGES = ("doom", "car", "meter", "latent", "mixture")

CANVASES = "[...document.querySelectorAll('.wm-live canvas')].map(c => c.toDataURL()).join()"

pytestmark = in_chromium


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from widget_site import every_widget, write_site

    path = tmp_path_factory.mktemp("site")
    write_site(path, every_widget())
    return path


@pytest.fixture(scope="module", params=["http", "file"])
def site(request, folder):
    if request.param == "file":
        yield folder.as_uri()
        return
    with served(folder) as address:
        yield address


@pytest.fixture
def open_page(browser, site):
    """Opens a page and watches it; whatever went wrong by the end of the test fails it."""
    problems, tabs = [], []

    def open_(name, width=1280, before="", **options):
        tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
        tab.add_init_script(before)
        tabs.append(tab)
        tab.set_default_timeout(60_000)
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on("console", lambda message: problems.append(message.text))
        tab.on(
            "request",
            lambda request: (
                request.url.startswith((site, "data:"))
                or problems.append(f"fetched from elsewhere: {request.url[:200]}")
            ),
        )
        tab.add_init_script(
            "new PerformanceObserver(list => list.getEntries().forEach(entry => {"
            " window.shift = (window.shift || 0) + entry.value }))"
            ".observe({type: 'layout-shift', buffered: true})"
        )
        tab.goto(f"{site}/{name}.html")
        return tab

    yield open_
    for tab in tabs:
        tab.close()
    assert problems == []


def pixels(tab, which=0) -> str:
    """A digest of the `which`th picture on the page."""
    code = "i => document.querySelectorAll('canvas.wm-pixels')[i].toDataURL()"
    return hashlib.sha256(tab.evaluate(code, which).encode()).hexdigest()


def steps(tab) -> int:
    """The step that a dream player shows; 0 before it begins."""
    words = tab.locator(".wm-count").inner_text().split()
    return int(words[1]) if len(words) > 1 else 0


def wait_for_step(tab, step):
    tab.wait_for_function(
        "n => Number(document.querySelector('.wm-count')?.innerText.split(' ')[1]) >= n", arg=step
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_widget_starts_fits_and_nothing_jumps(open_page, name, width):
    tab = open_page(name, width)
    before = tab.locator("#after").bounding_box()["y"]
    tab.locator(".wm-live").first.wait_for()
    first = pixels(tab)
    tab.wait_for_function(
        "() => ![...document.querySelectorAll('.wm-line, .wm-note')].some("
        "e => e.innerText.startsWith('loading') || e.innerText.startsWith('M reads'))"
    )
    if name in ("doom", "car"):
        wait_for_step(tab, 20)
    tab.wait_for_timeout(700)
    after = tab.locator("#after").bounding_box()["y"]
    assert abs(after - before) < 3, "the text below the widget jumped"
    assert (tab.evaluate("window.shift") or 0) < 0.05
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if name in ("doom", "car", "meter"):
        assert pixels(tab) != first, "the picture stands still"
    cut = tab.evaluate(
        "() => [...document.querySelectorAll('.wm-live *')].filter(e => {"
        " const a = e.getBoundingClientRect(), b = e.closest('.wm-live').getBoundingClientRect();"
        " return a.width && (a.left < b.left - 1 || a.right > b.right + 1) })"
        ".map(e => e.className)"
    )
    assert cut == []
    unnamed = tab.evaluate(
        "() => [...document.querySelectorAll('.wm-live :is(input, select, button)')].filter("
        "e => !(e.labels?.[0]?.innerText || e.innerText).trim()).length"
    )
    assert unnamed == 0, "a control has no label"


def test_keys_take_over_only_with_the_focus_and_give_back(open_page):
    tab = open_page("doom")
    wait_for_step(tab, 5)
    badge, stage = tab.locator(".wm-actor"), tab.locator(".wm-stage")
    assert badge.inner_text() == "C dodges"
    tab.keyboard.press("ArrowDown")
    tab.wait_for_timeout(300)
    assert tab.evaluate("scrollY") > 0, "the page must scroll while the player has no focus"
    tab.evaluate("scrollTo(0, 0)")
    stage.focus()
    tab.keyboard.down("ArrowLeft")
    tab.wait_for_timeout(200)
    assert badge.inner_text() == "You dodge"
    tab.keyboard.up("ArrowLeft")
    assert tab.evaluate("scrollY") == 0
    tab.wait_for_function("document.querySelector('.wm-actor')?.innerText === 'C dodges'")


def test_touch_takes_over(open_page):
    tab = open_page("car")
    wait_for_step(tab, 5)
    box = tab.locator(".wm-stage").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.wait_for_timeout(400)
    assert tab.locator(".wm-actor").inner_text() == "You drive"
    assert tab.locator(".wm-bar .wm-numbers").first.inner_text().startswith("−"), "it steers left"
    tab.mouse.up()


def test_a_finger_that_drives_does_not_scroll_the_page(open_page):
    """Real touches: held below the middle (the brake), then slid up to the gas."""
    tab = open_page("car", width=390, has_touch=True, is_mobile=True)
    wait_for_step(tab, 5)
    tab.evaluate("document.body.style.paddingBottom = '2000px'")
    box = tab.locator(".wm-stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 0.8 * box["height"]
    fingers = tab.context.new_cdp_session(tab)

    def touch(kind, *points):
        places = [{"x": x, "y": y} for x, y in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (x, y))
    tab.wait_for_timeout(400)
    for k in range(1, 9):
        touch("touchMove", (x, y - 16 * k))
        tab.wait_for_timeout(30)
    assert tab.evaluate("scrollY") == 0
    assert tab.locator(".wm-actor").inner_text() == "You drive"
    touch("touchEnd")
    touch("touchStart", (x, y))  # a finger that moves at once scrolls, as everywhere
    for k in range(1, 9):
        touch("touchMove", (x, y - 16 * k))
    touch("touchEnd")
    tab.wait_for_function("scrollY > 50")


def path_of(tab, hold: str | None) -> list[str]:
    """Pictures of the car's dream at two steps, with or without a key held."""
    tab.get_by_role("button", name="Another road").click()
    tab.locator(".wm-stage").focus()
    if hold:
        tab.keyboard.down(hold)
    wait_for_step(tab, 40)
    if hold:
        tab.keyboard.up(hold)
    return [pixels(tab), tab.locator(".wm-bar .wm-numbers").first.inner_text()]


def test_taking_over_changes_the_path(open_page):
    one, two = open_page("car"), open_page("car")
    for tab in (one, two):
        wait_for_step(tab, 1)
    assert path_of(one, None)[0] != path_of(two, "ArrowLeft")[0]


def test_reduced_motion_stands_still_until_asked(open_page):
    tab = open_page("car", reduced_motion="reduce")
    tab.wait_for_function("document.querySelector('.wm-count')?.innerText === 'step 0'")
    tab.wait_for_timeout(600)
    assert steps(tab) == 0
    tab.get_by_role("button", name="Play").click()
    wait_for_step(tab, 5)
    tab.get_by_role("button", name="Pause").click()
    tab.wait_for_timeout(200)
    now = steps(tab)
    tab.wait_for_timeout(400)
    assert steps(tab) == now


def test_it_stops_off_the_screen(open_page):
    tab = open_page("doom")
    wait_for_step(tab, 5)
    tab.evaluate("scrollTo(0, 2000)")
    tab.wait_for_timeout(300)
    now = steps(tab)
    tab.wait_for_timeout(600)
    assert steps(tab) == now
    tab.evaluate("scrollTo(0, 0)")
    wait_for_step(tab, now + 5)


@pytest.mark.parametrize(("name", "least"), [("doom", 30), ("car", 30), ("meter", 15)])
def test_frames_per_second(open_page, name, least):
    """Pictures that really are painted in two seconds; CI's machines are let off by half."""
    tab = open_page(name)
    tab.wait_for_function(
        "() => [...document.querySelectorAll('.wm-count, .wm-meter dd')]"
        ".some(e => /[1-9]/.test(e.innerText) && !/±/.test(e.innerText))"
    )
    tab.evaluate("""() => {
      window.painted = 0;
      const put = CanvasRenderingContext2D.prototype.putImageData;
      CanvasRenderingContext2D.prototype.putImageData = function (...all) {
        window.painted++;
        return put.apply(this, all);
      };
    }""")
    tab.wait_for_timeout(2000)
    frames = tab.evaluate("painted") / 2 / (4 if name == "meter" else 1)
    assert frames >= (least / 2 if os.environ.get("CI") else least)


def test_a_slider_moves_a_latent_and_the_picture(open_page):
    tab = open_page("latent")
    note = tab.locator(".wm-note").first
    tab.get_by_text("is turned already").first.wait_for()
    tab.wait_for_timeout(300)
    before, slider = pixels(tab, 2), tab.locator(".wm-dials input").nth(1)
    slider.focus()
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(200)
    assert pixels(tab, 2) != before
    assert note.inner_text().startswith("Turn"), "it told of the first turn still"
    real, kept = pixels(tab, 0), pixels(tab, 1)
    tab.get_by_role("button", name="Next frame").first.click()
    tab.wait_for_timeout(300)
    assert pixels(tab, 0) != real
    assert pixels(tab, 1) != kept


def test_mixture_follows_moment_dimension_and_tau(open_page):
    tab = open_page("mixture")
    note = tab.locator(".wm-note").first
    tab.wait_for_function("document.querySelector('.wm-note')?.innerText.startsWith('At τ = 1')")
    said = note.inner_text()
    plot = "document.querySelectorAll('.wm-surface')[0].toDataURL()"
    drawn = tab.evaluate(plot)
    tab.locator(".wm-mixture input").nth(1).fill("0.3")
    tab.wait_for_timeout(100)
    assert tab.evaluate(plot) != drawn
    assert note.inner_text() == said, "weights and surprise are told at tau = 1"
    tab.locator(".wm-mixture input").nth(0).fill("20")
    tab.wait_for_timeout(100)
    assert note.inner_text() != said


def test_without_javascript_and_in_print_the_still_picture_stands_there(browser, site):
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto(f"{site}/doom.html")
    assert tab.locator(".wm-still img").is_visible()
    assert "Dreamed" in tab.locator(".wm-still figcaption").inner_text()
    tab.context.close()
    tab = browser.new_page()
    tab.goto(f"{site}/doom.html")
    tab.locator(".wm-live").wait_for()
    tab.emulate_media(media="print")
    assert tab.locator(".wm-still img").is_visible()
    assert not tab.locator(".wm-live").is_visible()
    tab.close()


@pytest.mark.parametrize("name", ["doom", "car", "latent", "mixture", "meter"])
def test_who_saves_data_loads_a_network_only_by_a_button(open_page, name):
    saves = "Object.defineProperty(navigator, 'connection', {value: {saveData: true}})"
    tab = open_page(name, before=saves)
    tab.locator(".wm-live").first.wait_for()
    tab.wait_for_timeout(500)  # the stills are painted
    before = tab.evaluate(CANVASES)
    tab.wait_for_timeout(1000)
    assert tab.evaluate(CANVASES) == before, "nothing draws before it is asked for"
    button = tab.locator(".wm-cover button, .wm-note button").first
    assert button.bounding_box()["height"] >= 24
    button.click()
    tab.wait_for_function(f"before => {CANVASES} !== before", arg=before)


def held(tab) -> float:
    """Bytes that the page's JavaScript holds once its garbage is gone, its arrays included."""
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    session.detach()
    return usage["usedSize"] + usage.get("backingStorageSize", 0)


def leaked(tabs, seconds) -> list[float]:
    """Bytes that each page grew by in the best third of this time. What is made once (compiled
    code, a garbage collection that comes late) grows in one or two thirds, a leak in all."""
    seen = [[held(tab) for tab in tabs]]
    for _ in range(3):
        tabs[0].wait_for_timeout(1000 * seconds / 3)
        seen.append([held(tab) for tab in tabs])
    return [min(after - before for before, after in pairwise(column)) for column in zip(*seen)]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("minutes", [1, pytest.param(10, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("site", ["http"], indirect=True)
def test_memory_stays_flat_while_they_play(open_page, minutes):
    tabs = [open_page(name) for name in ("doom", "car")]
    for tab in tabs:
        wait_for_step(tab, 200)
    first = [steps(tab) for tab in tabs]
    grown = leaked(tabs, 60 * minutes)
    assert max(grown) < 2**18, f"{grown} bytes more in each third of {minutes} minutes"
    assert all(steps(tab) != then for tab, then in zip(tabs, first)), "one stands still"


@pytest.mark.parametrize("site", ["http"], indirect=True)
def test_a_page_that_keeps_every_picture_is_told_from_one_that_does_not(open_page):
    keeps = "window.kept = []; setInterval(() => kept.push(new Uint8Array(64 * 64 * 4)), 16)"
    tab = open_page("doom", before=keeps)
    wait_for_step(tab, 200)
    assert leaked([tab], 6)[0] > 2**18
