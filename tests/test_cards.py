"""The flashcards' spaced repetition: the page's own script, under Node."""

import json

from javascript import JS, needs_node, run_js

pytestmark = needs_node


def cards_js(body: str, data: object = None) -> object:
    """Run `body` after the page's own cards.js, without a page."""
    script = JS.parents[3] / "bookassets/cards.js"
    return run_js(
        {},
        "const context = { data, console };"
        f"return runInNewContext(readFileSync({json.dumps(str(script))}, 'utf8') +"
        f" ';(() => {{ ' + {json.dumps(body)} + ' }})()', context);",
        data,
    )


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
