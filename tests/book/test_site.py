"""The built pages as a site, by two light pages: one of a fork, one of a copy without a home."""

import re
from pathlib import Path

import address
import pytest
from build_page import build
from chromium import chromium, needs_chromium, served
from conftest import BOOK_OF_THE_TESTS
from PIL import Image
from sync_notebooks import notebook, synced_page

ROOT = Path(__file__).resolve().parents[2]
FORK = {"GITHUB_REPOSITORY": BOOK_OF_THE_TESTS, "BOOK_SITE": ""}
NOWHERE = {"GITHUB_REPOSITORY": "", "GIT_DIR": "/nonexistent", "BOOK_SITE": ""}
pytestmark = pytest.mark.slow


def build_site(tmp_path_factory, page, **environment):
    out = tmp_path_factory.mktemp(page) / "out"
    assert build(out, page, **environment) == 0
    return out / "_build/html"


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """The landing page and the references, as a fork publishes them."""
    return build_site(
        tmp_path_factory, "welcome", GITHUB_REPOSITORY=BOOK_OF_THE_TESTS, BOOK_SITE=""
    )


@pytest.fixture(scope="module")
def homeless(tmp_path_factory):
    """A page with many formulas, built in a copy without a repository."""
    return build_site(tmp_path_factory, "B_notation", **NOWHERE)


def meta(html: str) -> dict[str, str]:
    return dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', html))


def test_a_page_tells_search_engines_and_sharers_what_it_is(fork):
    site = "https://reader.github.io/a-fork/"
    html = (fork / "chapters/welcome.html").read_text("utf-8")
    assert re.findall(r"<title>(.*?)</title>", html) == ["World Models"]
    assert f'<link rel="canonical" href="{site}chapters/welcome.html"' in html
    front = (fork / "index.html").read_text("utf-8")
    for page, url in ((html, f"{site}chapters/welcome.html"), (front, site)):
        tags = meta(page)
        assert 40 <= len(tags["description"]) <= 202
        assert tags["og:url"] == url
        picture = fork / tags["og:image"].removeprefix(site)
        assert Image.open(picture).size == (1200, 630)
    assert "url=chapters/welcome.html" in front
    references = (fork / "chapters/E_references.html").read_text("utf-8")
    assert "<title>References &#8212; World Models</title>" in references


def test_a_forks_page_links_to_the_fork(fork):
    html = (fork / "chapters/welcome.html").read_text("utf-8")
    ours = re.findall(r"https://(?:colab[^\"]*|github\.com/(?!executablebooks)[^\"]*)", html)
    assert any(
        f"colab.research.google.com/github/{BOOK_OF_THE_TESTS}/blob/notebooks" in u for u in ours
    )
    assert [url for url in ours if BOOK_OF_THE_TESTS not in url] == []


def test_the_download_is_the_notebook_that_colab_opens(fork):
    html = (fork / "chapters/welcome.html").read_text("utf-8")
    assert '_sources/chapters/welcome.ipynb"' in html
    page = ROOT / "chapters/welcome.md"
    expected = notebook(page, synced_page(page), f"https://github.com/{BOOK_OF_THE_TESTS}")
    assert (fork / "_sources/chapters/welcome.ipynb").read_text("utf-8") == expected


def test_a_page_without_an_address_says_so(homeless):
    html = (homeless / "chapters/B_notation.html").read_text("utf-8")
    assert address.NO_ADDRESS in html
    assert not re.search(r"colab\.research|og:url|og:image|canonical|github\.com/", html)


def test_a_site_has_icons_a_404_page_and_no_jekyll(fork):
    assert (fork / ".nojekyll").exists()
    lost = (fork / "404.html").read_text("utf-8")
    assert 'href="/a-fork/chapters/welcome.html"' in lost  # it is shown at any depth
    html = (fork / "chapters/welcome.html").read_text("utf-8")
    icons = re.findall(r'<link rel="(?:apple-touch-)?icon" href="([^"?]+)', html)
    assert {Path(icon).suffix for icon in icons} == {".svg", ".png", ".ico"}
    for icon in icons:
        assert (fork / "chapters" / icon).resolve().is_file(), icon
    assert (16, 16) in Image.open(fork / "_static/favicon.ico").info["sizes"]


def test_pages_load_no_script_that_has_nothing_to_do(fork, homeless):
    landing = (fork / "chapters/welcome.html").read_text("utf-8")
    formulas = (homeless / "chapters/B_notation.html").read_text("utf-8")
    assert "tex-svg" not in landing
    assert "tex-svg" in formulas
    for html in (landing, formulas):
        assert not re.search(r"<script[^>]*src=[^>]*(?:fontawesome|thebe)", html)
        assert "fontawesome" in html  # its fonts draw the icons
    assert list(fork.glob("_static/vendor/fontawesome/*/js")) == []


def test_references_are_listed_as_they_are_cited(fork):
    text = (fork / "chapters/welcome.html").read_text("utf-8")
    listed = (fork / "chapters/E_references.html").read_text("utf-8")
    labels = [
        re.sub("<[^>]+>", "", label) for label in re.findall(r'"label">(.*?)</span></span>', listed)
    ]
    assert labels == ["[Ha and Schmidhuber, 2018a]"]
    cited = re.sub("<[^>]+>|\\s", "", re.search(r"In 2018 (.{0,400}?) split", text, re.S)[1])
    assert cited == "HaandSchmidhuber[2018a]"


@pytest.fixture(scope="module")
def open_site(homeless):
    """A browser on the site over http: (playwright's browser, address)."""
    with served(homeless) as address, chromium() as browser:
        yield browser, address


@pytest.mark.browser
@needs_chromium
def test_the_tab_key_skips_formulas(open_site):
    browser, site = open_site
    tab = browser.new_page()
    tab.goto(f"{site}/chapters/B_notation.html")
    tab.wait_for_function("document.querySelectorAll('mjx-container').length > 50")
    assert tab.locator("mjx-container[tabindex='0'], mjx-container [tabindex='0']").count() == 0
    assert tab.locator("mjx-container mjx-assistive-mml").count() > 50  # still read aloud
    tab.close()


@pytest.mark.browser
@needs_chromium
def test_search_excerpts_are_prose(open_site):
    browser, site = open_site
    tab = browser.new_page()
    tab.goto(f"{site}/search.html?q=latent")
    tab.wait_for_selector("#search-results p.context")
    excerpts = " ".join(tab.locator("#search-results p.context").all_inner_texts())
    assert "latent" in excerpts.lower()
    assert not re.search(r"\\|\$|import |Show the code", excerpts), excerpts
    page = tab.evaluate("fetch('chapters/B_notation.html').then(answer => answer.text())")
    whole = tab.evaluate("html => Search.htmlToText(html, null)", page)
    assert "batch" in whole
    assert not re.search(r"\\\(|\\mu|presets\.get_task", whole)
    tab.close()
