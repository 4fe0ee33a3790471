"""How long is each page of a built book? `python tools/measure_pages.py [_build/html]`.

Words are those of the main text as the page shows it: without code, folded parts, exercises, cards
and formulas. Screens are the height of the text at a width of 1,280, in screens of 800 px.
"""

import re
import sys
from pathlib import Path

from bs4 import BeautifulSoup
from headless import start_chromium
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
NOT_READ = (
    ".cell_input, details, .exercise, .solution, #flashcards, #exercises, script, style, template, "
    ".math, .headerlink, mjx-container, pre, svg"
)


def main_text(page: Path) -> str:
    """The main text of a built page."""
    article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find("article")
    assert article, f"{page} has no article"
    for part in article.select(NOT_READ):
        part.decompose()
    return article.get_text("\n")


def words(page: Path) -> int:
    """How many words that has."""
    return len(re.findall(r"\w[\w'’.,\-]*", main_text(page)))


def screens(browser: Browser, page: Path) -> float:
    """Height of a page's text, in screens of 1,280 × 800."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(page.as_uri())
    tab.wait_for_timeout(1500)
    height: float = tab.evaluate(
        "document.querySelector('article').getBoundingClientRect().height / 800"
    )
    tab.close()
    return height


def main(folder: Path) -> None:
    """One row for each page, and the sums."""
    pages = sorted((folder / "chapters").glob("*.html"))
    total_words, total_screens = 0, 0.0
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        for page in pages:
            count, height = words(page), screens(browser, page)
            cells = page.read_text(encoding="utf-8").count('class="cell ')
            print(f"{page.stem:36}{count:7,} words{height:7.1f} screens{cells:5} cells")
            total_words, total_screens = total_words + count, total_screens + height
    print(f"{'all':36}{total_words:7,} words{total_screens:7.1f} screens")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "_build/html")
