"""A Sphinx extension for the book as a site: links to its repository, tags for search engines and
for those who share a page, icons, a page for addresses that do not exist.

Addresses come from `address.py`; without one the links are left out and the footer says so.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

import address
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sync_notebooks import notebook, synced_page

ABOUT = (
    "A book that takes apart and rebuilds World Models (Ha and Schmidhuber, 2018): an agent that "
    "learns a model of its world, dreams in it, and learns to act in the dream."
)
CARD = "card.png"  # bookassets/, by tools/draw_card.py
CARD_ALT = "World Models: a car on its track and a room in Doom, real, as V keeps them, dreamed."
SHORTEST, LONGEST = 40, 200  # letters of a description
FORMULA = "\0"
ICONS = (
    ("icon", "favicon-32.png", ' type="image/png" sizes="32x32"'),
    ("icon", "favicon.ico", ' sizes="16x16 32x32 48x48"'),
    ("apple-touch-icon", "favicon-180.png", ' sizes="180x180"'),
)
NOT_FOUND = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>No such page · World Models</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 1.1rem/1.5 Georgia, serif; max-width: 34rem; margin: 18vh auto;
    padding: 0 1.2rem; }}
  h1 {{ font-size: 1.7rem; }} a {{ color: inherit; }}
</style></head><body>
<h1>There is no such page</h1>
<p>It may have been renamed. <a href="{home}">The book begins here</a>, and the list on the left of
every page has all chapters; its search finds words.</p>
</body></html>
"""


def know_the_address(app: Sphinx, config: Config) -> None:
    """Buttons and canonical addresses if there is a repository, else a sentence in the footer."""
    home, options = address.repository(), config.html_theme_options
    config.html_baseurl = address.site() or ""
    if home:
        options |= {
            "repository_url": home,
            "repository_branch": address.NOTEBOOKS,  # where Colab finds the notebooks
            "use_repository_button": True,
            "use_issues_button": True,
        }
    else:
        options["launch_buttons"] = {}
        options["extra_footer"] = f"<p>{address.NO_ADDRESS}</p>"


def describe(doctree: nodes.document | None) -> str:
    """A page's first sentences, up to the first formula, or else the book's."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        if isinstance(paragraph.parent, nodes.citation):
            continue
        text = "".join(
            FORMULA if isinstance(node.parent, nodes.math) else node.astext()
            for node in paragraph.findall(nodes.Text)
        )
        text = re.sub(r"^Question\.\s*", "", re.sub(r"\s+", " ", text)).strip()
        if FORMULA in text:
            text = re.split(r"(?<=[.?!]) (?=[^.?!]*$)", text[: text.index(FORMULA)])[0]
            text = text if text.endswith((".", "?", "!")) else ""
        if len(text) >= SHORTEST:
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
    return ABOUT


def head_tags(title: str, description: str, page_url: str, site: str) -> str:
    """What search engines and those who share a page read; absolute addresses only if known."""
    tags = {"og:title": title, "og:description": description, "og:site_name": "World Models"}
    tags |= {"og:type": "article", "twitter:card": "summary"}
    if site:
        tags |= {"og:url": page_url, "og:image": f"{site}_static/{CARD}", "og:image:alt": CARD_ALT}
        tags |= {"og:image:width": "1200", "og:image:height": "630"}
        tags["twitter:card"] = "summary_large_image"
    lines = [f'<meta name="description" content="{escape(description)}">']
    lines += [
        f'<meta {"name" if key.startswith("twitter") else "property"}="{key}" '
        f'content="{escape(value)}">'
        for key, value in tags.items()
    ]
    return "\n".join(lines) + "\n"


def dress_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put tags and icons into the head of a page; the landing page's title stands alone."""
    title = re.sub(r"<[^>]+>", "", context.get("title", "")) or "World Models"
    site = app.config.html_baseurl
    tags = head_tags(title, describe(doctree), context.get("pageurl") or "", site)
    for rel, file, more in ICONS:
        tags += f'<link rel="{rel}" href="{context["pathto"](f"_static/{file}", 1)}"{more}>\n'
    context["metatags"] = context.get("metatags", "") + tags
    if page == app.config.root_doc:
        context["docstitle"] = ""


def write_extra_pages(app: Sphinx, error: Exception | None) -> None:
    """404.html, and an index.html that shows the card before it leads to the landing page."""
    if error or app.builder.format != "html":
        return
    site, first = app.config.html_baseurl, f"{app.config.root_doc}.html"
    home = (re.sub(r"^https?://[^/]+", "", site) or "/") + first
    out = Path(app.outdir)
    (out / "404.html").write_text(NOT_FOUND.format(home=home), encoding="utf-8")
    if first == "index.html":
        return
    canonical = f'<link rel="canonical" href="{site}{first}">\n' if site else ""
    (out / "index.html").write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>World Models</title>\n'
        f'<meta http-equiv="Refresh" content="0; url={first}">\n{canonical}'
        f"{head_tags('World Models', ABOUT, site, site)}</head>\n"
        f'<body><p><a href="{first}">World Models</a></p></body></html>\n',
        encoding="utf-8",
    )


def write_notebooks(app: Sphinx, error: Exception | None) -> None:
    """What the download button gives: the notebook that Colab opens, not the page's source."""
    if error or app.builder.format != "html":
        return
    for download in Path(app.outdir).glob("_sources/chapters/*.ipynb"):
        page = address.ROOT / "chapters" / f"{download.stem}.md"
        content = notebook(page, synced_page(page), address.repository())
        download.write_text(content, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; the address must be known before the theme asks for it."""
    app.connect("config-inited", know_the_address, priority=100)
    app.connect("html-page-context", dress_page, priority=980)
    app.connect("build-finished", write_extra_pages)
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
