"""Boxes, nodes and arrows drawn by code into SVG: the visual language of `wmlib.book.schematics`.

Blue is the real game (dashed: what V keeps of it), orange is what M imagines, the rest is ink. The
SVG uses `currentColor` and CSS variables, so a drawing follows the page's light or dark theme; it
shows the same in JupyterLab and Colab. Every schematic carries its description for readers who do
not see it.
"""

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

INK = {
    "plain": "var(--wm-ink, currentColor)",
    "real": "var(--wm-real, #1f6fb2)",
    "dream": "var(--wm-dream, #d9720b)",
}
SERIF = "'Source Serif 4 Variable', 'Source Serif 4', Georgia, serif"
SANS = "'Source Sans 3 Variable', 'Source Sans 3', system-ui, sans-serif"

Point = tuple[float, float]


@dataclass
class Drawing:
    """One drawing; Jupyter shows it through `_repr_html_`, `save` writes a stand-alone file."""

    width: float
    height: float
    alt: str
    caption: str = ""
    top: float = 0  # what lies above this height is cut off
    parts: list[str] = field(default_factory=list)

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        name: str,
        note: str = "",
        *,
        role: str = "plain",
        lit: bool = True,
        dashed: bool = False,
    ) -> None:
        """A rounded box with its corner at (x, y), a name and a small note under the name."""
        colour = INK[role]
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="10" stroke="{colour}" '
            f'stroke-width="{2.0 if lit else 1.4}" stroke-opacity="{1 if lit else 0.4}" '
            f'fill="{colour}" fill-opacity="{0.07 if lit else 0}"{dash}/>'
        )
        letter = len(name) < 3  # V, M, C are set as maths
        self.text(
            x + w / 2,
            y + h / 2 + (-1 if note else 7),
            name,
            size=25 if letter else 18,
            role=role,
            lit=lit,
            bold=lit,
            math=letter,
        )
        if note:
            self.text(x + w / 2, y + h / 2 + 20, note, size=17, role=role, lit=lit)

    def node(
        self,
        x: float,
        y: float,
        label: str,
        *,
        role: str = "plain",
        r: float = 22,
        dashed: bool = False,
    ) -> None:
        """A variable: its letter in a circle around (x, y)."""
        colour = INK[role]
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<circle cx="{x}" cy="{y}" r="{r}" stroke="{colour}" stroke-width="1.6" '
            f'fill="{colour}" fill-opacity="0.07"{dash}/>'
        )
        self.text(x, y + 6, label, size=18, role=role, math=True)

    def arrow(
        self,
        points: list[Point],
        label: str = "",
        at: Point | None = None,
        *,
        role: str = "plain",
        lit: bool = True,
        dashed: bool = False,
        head: bool = True,
        anchor: str = "middle",
    ) -> None:
        """A line through `points` with soft corners; `label` (maths) stands at `at`."""
        colour, opacity = INK[role], 1 if lit else 0.4
        dash = ' stroke-dasharray="6 5"' if dashed else ""
        self.parts.append(
            f'<path d="{_rounded(points)}" fill="none" stroke="{colour}" '
            f'stroke-width="{2.0 if lit else 1.4}" stroke-opacity="{opacity}"{dash}/>'
        )
        if head:
            self.parts.append(
                f'<polygon points="{_head(points[-2], points[-1])}" fill="{colour}" '
                f'fill-opacity="{opacity}"/>'
            )
        if label:
            assert at is not None
            self.text(*at, label, size=19, role=role, lit=lit, math=True, anchor=anchor)

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        size: float = 14,
        role: str = "plain",
        lit: bool = True,
        bold: bool = False,
        math: bool = False,
        anchor: str = "middle",
    ) -> None:
        """Text at (x, y); with `math`, letters are set in italics and `_{...}` as a subscript."""
        face = SERIF if math else SANS
        body = _maths(content) if math else html.escape(content)
        opacity = 1 if lit else 0.62 if role == "plain" else 0.8  # colours are paler than ink
        self.parts.append(
            f'<text x="{x}" y="{y}" font-family="{face}" font-size="{size}" fill="{INK[role]}" '
            f'fill-opacity="{opacity}" text-anchor="{anchor}" '
            f'font-weight="{600 if bold else 400}">{body}</text>'
        )

    def svg(self, standalone: bool = False) -> str:
        """The drawing as SVG; `standalone` adds what a file outside a page needs."""
        paper = ""
        if standalone:  # a light card, readable on a light and on a dark page
            paper = (
                f'<rect y="{self.top - 12}" x="-12" width="{self.width + 24}" '
                f'height="{self.height - self.top + 24}" rx="12" fill="#fdfdfb"/>'
            )
        colour = "#22262b" if standalone else "inherit"
        margin = 12 if standalone else 0
        frame = (
            f"{-margin} {self.top - margin} {self.width + 2 * margin} "
            f"{self.height - self.top + 2 * margin}"
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{frame}" '
            f'role="img" aria-label="{html.escape(self.alt, quote=True)}" '
            f'style="max-width:{self.width}px;width:100%;height:auto;color:{colour}">'
            f"{paper}{''.join(self.parts)}</svg>"
        )

    def save(self, path: str | Path) -> None:
        """Write a stand-alone SVG file (the README's pictures are made so)."""
        Path(path).write_text(self.svg(standalone=True) + "\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        caption = f"<figcaption>{self.caption}</figcaption>" if self.caption else ""
        return f'<figure class="wm-figure wm-schematic">{self.svg()}{caption}</figure>'


def _maths(content: str) -> str:
    """'z_{t+1}' to SVG spans: letters italic, digits upright, subscripts lowered and smaller."""
    spans = []
    for piece, lower in re.findall(r"([^_]+)(?:_(\{[^}]*\}|\w))?", content):
        spans.append(f'<tspan font-style="italic">{html.escape(piece)}</tspan>')
        if lower:
            small = html.escape(lower.strip("{}"))
            spans.append(f'<tspan font-style="italic" dy="4" font-size="72%">{small}</tspan>')
            spans.append('<tspan dy="-4">\u200b</tspan>')  # back to the base line
    return "".join(spans)


def _rounded(points: list[Point]) -> str:
    """SVG path data for a polyline whose inner corners are rounded."""
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:]):
        (ax, ay), (bx, by) = _towards(corner, before, 9), _towards(corner, after, 9)
        path.append(f"L{ax:g} {ay:g}Q{corner[0]:g} {corner[1]:g} {bx:g} {by:g}")
    path.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
    return "".join(path)


def _towards(start: Point, end: Point, distance: float) -> Point:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    step = min(distance, length / 2) / length
    return start[0] + dx * step, start[1] + dy * step


def _head(before: Point, tip: Point) -> str:
    """Corners of the arrow head that ends at `tip`."""
    length, half = 10, 4.8
    bx, by = _towards(tip, before, length)
    dx, dy = (bx - tip[0]) / length, (by - tip[1]) / length
    corners = [tip, (bx - dy * half, by + dx * half), (bx + dy * half, by - dx * half)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
