"""Make an Anki deck of flashcards.yml: `python tools/build_anki.py [world-models.apkg]`."""

import re
import sys
import zlib
from pathlib import Path

import genanki
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
STYLE = (
    ".card{font:19px/1.5 Georgia,serif;max-width:40em;margin:1em auto;padding:0 1em;"
    "text-align:left}.q{font-weight:600}hr{border:0;border-top:1px solid #9998;margin:1em 0}"
    "img{max-width:100%}"
)
MODEL = genanki.Model(
    1_607_392_318,
    "World Models book",
    fields=[{"name": "Question"}, {"name": "Answer"}, {"name": "Chapter"}],
    templates=[
        {
            "name": "Card",
            "qfmt": '<div class="q">{{Question}}</div>',
            "afmt": '{{FrontSide}}<hr id="answer">{{Answer}}',
        }
    ],
    css=STYLE,
)


def to_html(markdown: str) -> str:
    """Markdown with $maths$ as Anki wants it: HTML, maths in \\( \\), pictures by file name."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(f"\\({match[1]}\\)".replace("<", "&lt;"))
        return f"@@{len(kept) - 1}@@"

    page = MarkdownIt().render(re.sub(r"\$([^$]+)\$", keep, markdown))
    page = re.sub(r"@@(\d+)@@", lambda match: kept[int(match[1])], page)
    return re.sub(r'src="[^"]*/([^"/]+)"', r'src="\1"', page)


def build(target: Path) -> int:
    """Write the deck to `target`; returns the number of cards."""
    cards = yaml.safe_load((ROOT / "flashcards.yml").read_text(encoding="utf-8"))
    deck = genanki.Deck(2_059_400_110, "World Models")
    media = set()
    for card in cards:
        media |= set(re.findall(r"figures/([\w.-]+)", card["answer"]))
        deck.add_note(
            genanki.Note(
                model=MODEL,
                guid=f"wm-{zlib.crc32(card['id'].encode()):08x}",
                fields=[to_html(card["question"]), to_html(card["answer"]), card["chapter"]],
                tags=[card["chapter"]],
            )
        )
    package = genanki.Package(deck)
    package.media_files = [str(ROOT / "bookassets/figures" / name) for name in sorted(media)]
    target.parent.mkdir(parents=True, exist_ok=True)
    package.write_to_file(str(target))
    return len(cards)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "world-models.apkg")
    print(f"{build(target)} cards in {target}")
