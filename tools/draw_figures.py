"""Write the schematics that are needed as files (by the flashcards) into bookassets/figures."""

from pathlib import Path

from wmlib.book import schematics

FOLDER = Path(__file__).resolve().parents[1] / "bookassets" / "figures"
FIGURES = {
    "flow": schematics.flow(),
    "rollout": schematics.rollout(),
}


def main() -> None:
    """Draw them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, drawing in FIGURES.items():
        drawing.save(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
