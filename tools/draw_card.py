"""Draw the picture that is shown when a page is shared, and the small icons: after a new logo.

`python tools/draw_card.py` writes bookassets/card.png (1200 × 630), favicon-32.png,
favicon-180.png and favicon.ico. Chromium draws them from the logo and the book's moving picture.
"""

import base64
import shutil
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ASSETS = Path(__file__).resolve().parents[1] / "bookassets"
FRAME = 40  # of the moving picture: the car in a bend
CARD = """<style>
  @font-face {{ font-family: serif-4; font-weight: 200 900;
    src: url(data:font/woff2;base64,{font}) format("woff2"); }}
  body {{ margin: 0; width: 1200px; height: 630px; background: #fff; color: #1c1c1c;
    font-family: serif-4; display: flex; align-items: center; gap: 56px; }}
  .words {{ margin-left: 72px; width: 470px; }}
  .words img {{ width: 104px; display: block; margin: 0 0 26px -6px; }}
  h1 {{ font-size: 70px; line-height: 1; margin: 0 0 24px; font-weight: 640; }}
  p {{ font-size: 29px; line-height: 1.35; margin: 0; color: #444; }}
  .film {{ width: 530px; }}
</style>
<div class="words"><img src="data:image/svg+xml;base64,{logo}"><h1>World Models</h1>
<p>An agent that learns a model of its world, dreams in it, and learns to act in the dream.</p>
</div><img class="film" src="data:image/png;base64,{film}">"""


def encoded(data: bytes) -> str:
    """Bytes as a data address holds them."""
    return base64.b64encode(data).decode()


def still() -> bytes:
    """One frame of the moving picture as PNG."""
    with Image.open(ASSETS / "figures/agents.webp") as film:
        film.seek(FRAME)
        out = BytesIO()
        film.convert("RGBA").save(out, "PNG")  # what lies between the pictures is clear
    return out.getvalue()


def shoot(browser: Browser, html: str, width: int, height: int, target: Path) -> None:
    """A PNG of a piece of HTML."""
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.set_content(html)
    tab.evaluate("document.fonts.ready")
    tab.screenshot(path=str(target), omit_background=True)
    tab.close()


def main() -> None:
    """Draw the card and the icons."""
    logo = encoded((ASSETS / "favicon.svg").read_bytes())
    font = encoded((ASSETS / "vendor/fonts/source-serif-4-latin-opsz-normal.woff2").read_bytes())
    icon = '<body style="margin:0"><img src="data:image/svg+xml;base64,{}" width={} height={}>'
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        card = CARD.format(font=font, logo=logo, film=encoded(still()))
        shoot(browser, card, 1200, 630, Path(folder) / "card.png")
        with Image.open(Path(folder) / "card.png") as picture:
            picture.convert("RGB").quantize(256).save(ASSETS / "card.png", optimize=True)
        for size in (32, 180):
            target = ASSETS / f"favicon-{size}.png"
            shoot(browser, icon.format(logo, size, size), size, size, target)
        with Image.open(ASSETS / "favicon-180.png") as large:
            large.save(ASSETS / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])


if __name__ == "__main__":
    main()
