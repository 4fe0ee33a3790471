"""The family tree of chapter 13 and its page name the same systems."""

from pathlib import Path

from wmlib.book import family_tree, plots

PAGE = Path(__file__).resolve().parents[2] / "chapters/13_what_came_after.md"


def test_ideas_are_taken_up_later():
    for earlier, later in family_tree.TAKEN_UP:
        assert family_tree.SYSTEMS[earlier][0] < family_tree.SYSTEMS[later][0]


def test_the_page_tells_of_every_system():
    told = PAGE.read_text(encoding="utf-8")
    assert [name for name in family_tree.SYSTEMS if name not in told] == []


def test_the_figure_is_whole_on_a_phone_and_names_all():
    plots.use_house_style()
    svg = plots.page_svg(family_tree.drawn(), "Who acts, and when it came.")
    assert "wm-wide" not in svg
    assert all(name in svg for name in family_tree.SYSTEMS)
