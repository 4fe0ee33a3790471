"""The flashcards' spaced repetition: the page's own script, under Node."""

import json
from pathlib import Path

import pytest
from chromium import chromium, needs_chromium
from run_js import needs_node, run_js

ROOT = Path(__file__).resolve().parents[2]

pytestmark = needs_node


def cards_js(body: str, data: object = None) -> object:
    """What `body` returns, run beside the page's own cards.js, without a page."""
    script = (ROOT / "bookassets/cards.js").read_text(encoding="utf-8")
    code = f"{script}\nconst data = given.data;\nanswer((() => {{ {body} }})());\n"
    return run_js(code, data=data)


def test_cards_come_back_later_the_better_they_were_known():
    rated = cards_js(
        "const day = CARD_DAY, life = (ratings) => { let card; let now = 0; const days = [];"
        " for (const rating of ratings) { card = ratedCard(card, rating, now);"
        "  days.push((card.due - now) / day); now = card.due; } return days; };"
        "return [life(Array(8).fill('good')), life(Array(4).fill('easy')),"
        " life(['good', 'good', 'hard', 'again', 'hard', 'hard'])];"
    )
    assert rated == [
        [1, 3, 7, 16, 35, 90, 90, 90],
        [3, 16, 90, 90],
        [1, 3, 3, 0, 1, 1],
    ]


def test_due_cards_come_first_and_other_peoples_text_is_left_out():
    due, kept, words = cards_js(
        "const kept = readCards(data.text);"
        "return [dueCards(['new', 'a', 'b', 'later'], kept, 1000), kept,"
        " [0, 1, 16].map((days) => untilDue(days * CARD_DAY + 5, 5))];",
        {
            "text": json.dumps(
                {
                    "a": {"box": 1, "due": 900},
                    "b": {"box": 2, "due": 500},
                    "later": {"box": 1, "due": 5000},
                    "bad": {"box": 99, "due": 1},
                    "worse": "text",
                }
            )
        },
    )
    assert due == ["b", "a", "new"]
    assert sorted(kept) == ["a", "b", "later"]
    assert words == ["again today", "again tomorrow", "again in 16 days"]
    assert cards_js("return [readCards(null), readCards('no json'), readCards('[1]')];") == [{}] * 3


# --- in a browser -----------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>cards</title>
<body><section><h2>Flashcards</h2><div class="wm-cards-place"></div>{cards}</section>
<script defer src="{script}"></script></body></html>
"""
CARD = (
    '<details class="wm-card" data-card="{0}"><summary>Question {0}?</summary><p>{0}!</p></details>'
)


@pytest.fixture
def tab(tmp_path):
    """A page with three cards in a browser that remembers; errors on it fail the test."""
    cards = "".join(CARD.format(name) for name in ("one", "two", "three"))
    script = (ROOT / "bookassets/cards.js").as_uri()
    (tmp_path / "page.html").write_text(PAGE.format(cards=cards, script=script), encoding="utf-8")
    problems = []
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        yield page
    assert problems == []


@pytest.mark.slow
@pytest.mark.browser
@needs_chromium
def test_cards_are_practised_kept_exported_and_forgotten(tab):
    from playwright.sync_api import expect

    count = tab.locator(".wm-cards-count")
    assert count.inner_text() == "3 of 3 to ask, all new"
    tab.get_by_role("button", name="Practise").click()
    for name in ("one", "two"):
        shown = tab.locator("details:visible")
        assert shown.count() == 1
        assert f"Question {name}?" in shown.inner_text()
        tab.keyboard.press("Enter")  # the question has the focus
        assert shown.get_by_text(f"{name}!").is_visible()
        shown.get_by_role("button", name="good").click()
    tab.get_by_role("button", name="Stop").click()
    tab.reload()
    assert count.inner_text() == "1 of 3 to ask, all new"
    assert "again tomorrow" in (tab.locator("[data-card=one]").text_content() or "")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="export").click()
    kept = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert {name: card["box"] for name, card in kept.items()} == {"one": 1, "two": 1}
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="forget").click()
    assert count.inner_text() == "3 of 3 to ask, all new"
    file = {"name": "cards.json", "mimeType": "application/json"}
    tab.locator("input[type=file]").set_input_files({**file, "buffer": json.dumps(kept).encode()})
    expect(count).to_contain_text("2 cards read")
