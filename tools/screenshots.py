"""Pictures of built pages in light, dark and phone dress: `python tools/screenshots.py 04_vision`.

Without names, every page of _build/html. Writes _build/screenshots/NAME-{light,dark,phone}.png.
"""

import sys
from pathlib import Path

from headless import start_chromium
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
DRESSES = {"light": (1280, 900), "dark": (1280, 900), "phone": (390, 844)}


def find_page(name: str) -> Path:
    """The newest build of a page: alone (tools/build_page.py) or in the whole book."""
    places = [ROOT / f"_build/page-{name}/_build/html", ROOT / "_build/html"]
    found = [p / f"chapters/{name}.html" for p in places if (p / f"chapters/{name}.html").exists()]
    if not found:
        raise SystemExit(f"{name} is not built yet: python tools/build_page.py {name}")
    return max(found, key=lambda page: page.stat().st_mtime)


def shoot(browser: Browser, page_file: Path, name: str) -> None:
    """Take the three full-page pictures of one page."""
    out = ROOT / "_build/screenshots"
    out.mkdir(parents=True, exist_ok=True)
    for dress, (width, height) in DRESSES.items():
        tab = browser.new_page(viewport={"width": width, "height": height})
        theme = "dark" if dress == "dark" else "light"
        tab.add_init_script(
            f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
        )
        tab.goto(page_file.as_uri())
        tab.wait_for_timeout(2500)
        target = out / f"{name}-{dress}.png"
        tab.screenshot(path=str(target), full_page=True)
        tab.close()
        print(target.relative_to(ROOT))


def main(names: list[str]) -> None:
    """Shoot the named pages, or all."""
    every = sorted(p.stem for p in (ROOT / "chapters").glob("*.md"))
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        for name in names or every:
            shoot(browser, find_page(name), name)


if __name__ == "__main__":
    main(sys.argv[1:])
