"""The built book in a real browser: every page, light, dark and on a phone."""

from pathlib import Path

import pytest
from chromium import in_chromium, served

PAGES = sorted(p.stem for p in (Path(__file__).resolve().parents[2] / "chapters").glob("*.md"))
DRESSES = {"light": (1280, 900), "dark": (1280, 900), "phone": (390, 844)}
# [class of the figure, of the box], where a box that does not show its overflow is the narrower.
CLIPPED_FIGURES = """() => [...document.querySelectorAll('figure.wm-figure, .wm-place')]
  .filter(figure => !figure.closest('details:not([open])'))
  .flatMap(figure => {
    const inner = figure.getBoundingClientRect(), found = [];
    for (let box = figure.parentElement; box; box = box.parentElement) {
      const outer = box.getBoundingClientRect();
      if (getComputedStyle(box).overflowX !== 'visible' &&
          (inner.left < outer.left - 1 || inner.right > outer.right + 1))
        found.push([figure.className, box.className]);
    }
    return found;
  })"""

# Printed lines and code that the reader must scroll sideways to read to the end.
CUT_LINES = """() => [...document.querySelectorAll('.cell pre')]
  .filter(pre => pre.clientWidth > 0 && pre.scrollWidth > pre.clientWidth + 1 &&
                 pre.innerText.trim())
  .map(pre => pre.innerText.slice(0, 80))"""

# Formulas that the reader must scroll sideways to read to the end.
CUT_FORMULAS = """() => [...document.querySelectorAll('mjx-container[display=true]')]
  .filter(formula => formula.clientWidth > 0 && formula.scrollWidth > formula.clientWidth + 1)
  .map(formula => formula.closest('div.math').id)"""

pytestmark = [*in_chromium, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def site(book):
    with served(book) as address:
        yield address


def open_page(browser, site, name, dress="light"):
    """Open a page in one dress; returns it with the list of everything that went wrong so far."""
    width, height = DRESSES[dress]
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.set_default_timeout(120_000)  # CI machines are slow and busy
    theme = "dark" if dress == "dark" else "light"
    tab.add_init_script(f"localStorage.mode = '{theme}'; localStorage.theme = '{theme}'")
    problems = []
    tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
    tab.on("console", lambda message: message.type == "error" and problems.append(message.text))
    tab.on("requestfailed", lambda request: problems.append(f"not loaded: {request.url[:200]}"))
    tab.on(
        "request",
        lambda request: (
            request.url.startswith((site, "data:", "blob:"))
            or problems.append(f"fetched from elsewhere: {request.url[:200]}")
        ),
    )
    tab.goto(f"{site}/chapters/{name}.html", wait_until="load")
    tab.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise")
    tab.wait_for_timeout(500)
    return tab, problems


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("name", PAGES)
def test_page_opens_cleanly_and_fits(browser, site, name, dress):
    tab, problems = open_page(browser, site, name, dress)
    try:
        assert problems == []
        assert dress == "phone" or tab.evaluate(CUT_LINES) == [], "lines wider than the page"
        assert tab.evaluate(CUT_FORMULAS) == [], "formulas wider than the page"
        assert tab.evaluate("document.documentElement.dataset.theme") == (
            "dark" if dress == "dark" else "light"
        )
        width = tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], "the page is wider than the screen"
        assert tab.evaluate(CLIPPED_FIGURES) == [], "figures that a scrolling box cuts off"
        assert tab.locator("mjx-merror, [data-mjx-error]").count() == 0, "a formula is wrong"
        ink, paper = tab.evaluate(
            "[getComputedStyle(document.querySelector('.bd-article p')).color,"
            " getComputedStyle(document.body).backgroundColor]"
        )
        assert contrast(ink, paper) >= 4.5, f"hard to read: {ink} on {paper} (WCAG AA wants 4.5)"
    finally:
        tab.close()


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two CSS colours 'rgb(r, g, b)'."""

    def luminance(colour: str) -> float:
        numbers = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in numbers]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", PAGES)
def test_sliders_are_alive_without_a_kernel(browser, site, book, name):
    """Each slider over pictures changes what is seen, and no widget manager is needed."""
    html = (book / "chapters" / f"{name}.html").read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget" not in html, "a widget that only a kernel can draw"
    if 'data-widget="picture_slider"' not in html:
        pytest.skip("no slider on this page")
    tab, problems = open_page(browser, site, name)
    try:
        boxes = tab.locator('[data-widget="picture_slider"]')
        for k in range(boxes.count()):
            boxes.nth(k).scroll_into_view_if_needed()  # it comes to life when it comes near
            handle = boxes.nth(k).locator("input[type=range]").first
            handle.focus()
            chosen = boxes.nth(k).locator(".wm-chosen")
            before = chosen.inner_html()
            tab.keyboard.press("End")
            tab.wait_for_timeout(300)
            if chosen.inner_html() == before:  # it stood there already
                tab.keyboard.press("Home")
                tab.wait_for_timeout(300)
            assert chosen.inner_html() != before, "the slider moves nothing"
        assert problems == []
    finally:
        tab.close()
