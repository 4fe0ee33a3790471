"""The book's schematics: boxes and arrows drawn by code into SVG, in one visual language.

Blue is the real game, orange is what M imagines, everything else is ink. The SVG uses
`currentColor` and CSS variables, so a drawing follows the page's light or dark theme; it shows the
same in JupyterLab and Colab. Every schematic carries its description for readers who do not see it.
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
_CHAR_WIDTH = 0.52  # mean width of a character in the sans face, in units of its size

Point = tuple[float, float]


@dataclass
class Schematic:
    """One drawing; Jupyter shows it through `_repr_html_`, `save` writes a stand-alone file."""

    width: float
    height: float
    alt: str
    caption: str = ""
    parts: list[str] = field(default_factory=list)

    def box(
        self, x: float, y: float, w: float, h: float, name: str, note: str = "",
        *, role: str = "plain", lit: bool = True, dashed: bool = False,
    ) -> None:
        """A rounded box with its corner at (x, y), a name and a small note under the name."""
        colour = INK[role]
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="10" stroke="{colour}" '
            f'stroke-width="{2.4 if lit else 1.4}" stroke-opacity="{1 if lit else 0.4}" '
            f'fill="{colour}" fill-opacity="{0.1 if lit else 0}"{dash}/>'
        )
        middle = y + h / 2 + (7 if not note else -1)
        self.text(x + w / 2, middle, name, size=22 if len(name) < 3 else 16,
                  role=role, lit=lit, bold=lit, math=len(name) < 3)
        if note:
            self.text(x + w / 2, y + h / 2 + 19, note, size=13, role=role, lit=lit)

    def arrow(
        self, points: list[Point], label: str = "", at: Point | None = None,
        *, role: str = "plain", lit: bool = True, dashed: bool = False, head: bool = True,
        anchor: str = "middle",
    ) -> None:
        """A line through `points` with soft corners; `label` (maths) stands at `at`."""
        colour, opacity = INK[role], 1 if lit else 0.4
        dash = ' stroke-dasharray="6 5"' if dashed else ""
        self.parts.append(
            f'<path d="{_rounded(points)}" fill="none" stroke="{colour}" '
            f'stroke-width="{2.2 if lit else 1.4}" stroke-opacity="{opacity}"{dash}/>'
        )
        if head:
            self.parts.append(
                f'<polygon points="{_head(points[-2], points[-1])}" fill="{colour}" '
                f'fill-opacity="{opacity}"/>'
            )
        if label:
            assert at is not None
            self.text(*at, label, size=17, role=role, lit=lit, math=True, anchor=anchor)

    def text(
        self, x: float, y: float, content: str, *, size: float = 14, role: str = "plain",
        lit: bool = True, bold: bool = False, math: bool = False, anchor: str = "middle",
    ) -> None:
        """Text at (x, y); with `math`, letters are set in italics and `_{...}` as a subscript."""
        face = SERIF if math else SANS
        body = _maths(content) if math else html.escape(content)
        self.parts.append(
            f'<text x="{x}" y="{y}" font-family="{face}" font-size="{size}" fill="{INK[role]}" '
            f'fill-opacity="{1 if lit else 0.62}" text-anchor="{anchor}" '
            f'font-weight="{600 if bold else 400}">{body}</text>'
        )

    def svg(self, standalone: bool = False) -> str:
        """The drawing as SVG; `standalone` adds what a file outside a page needs."""
        extra = ""
        if standalone:
            extra = (
                "<style>:root{color:#24292f}@media(prefers-color-scheme:dark)"
                "{:root{color:#e6e6e6}}</style>"
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'role="img" aria-label="{html.escape(self.alt, quote=True)}" '
            f'style="max-width:{self.width}px;width:100%;height:auto">'
            f"{extra}{''.join(self.parts)}</svg>"
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


def _rounded(points: list[Point], radius: float = 9) -> str:
    """SVG path data for a polyline whose inner corners are rounded."""
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:]):
        (ax, ay), (bx, by) = _towards(corner, before, radius), _towards(corner, after, radius)
        path.append(f"L{ax:g} {ay:g}Q{corner[0]:g} {corner[1]:g} {bx:g} {by:g}")
    path.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
    return "".join(path)


def _towards(start: Point, end: Point, distance: float) -> Point:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    step = min(distance, length / 2) / length
    return start[0] + dx * step, start[1] + dy * step


def _head(before: Point, tip: Point, length: float = 10, half: float = 4.8) -> str:
    """Corners of the arrow head that ends at `tip`."""
    bx, by = _towards(tip, before, length)
    dx, dy = (bx - tip[0]) / length, (by - tip[1]) / length
    corners = [tip, (bx - dy * half, by + dx * half), (bx + dy * half, by - dx * half)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


_PARTS = {
    "game": "the real game", "V": "V", "M": "M", "C": "C", "dream": "the dream",
}


def vmc_map(lit: str = "all", caption: str = "") -> Schematic:
    """The map of the book: game, V, M, C and the dream, with today's parts lit.

    `lit` names parts separated by blanks, of: game V M C dream; or "all".
    """
    names = set(_PARTS) if lit == "all" else set(lit.split())
    if unknown := names - set(_PARTS):
        raise ValueError(f"vmc_map cannot light {sorted(unknown)}; choose from {list(_PARTS)}")
    on = {part: part in names for part in _PARTS}
    shown = "everything" if lit == "all" else ", ".join(_PARTS[p] for p in _PARTS if on[p])
    art = Schematic(720, 262, alt=(
        "Map of the agent. The game shows a picture x to V; V turns it into a code z; C reads z "
        "and M's memory h and chooses the action a, which goes to the game and to M. M also "
        f"imagines the next z, and can so replace the game. Lit on this page: {shown}."
    ), caption=caption)
    art.arrow([(132, 185), (198, 185)], "x_t", (165, 175), role="real", lit=on["game"] or on["V"])
    art.arrow([(282, 185), (502, 185)], "z_t", (440, 175), lit=on["V"] or on["C"])
    art.arrow([(385, 185), (385, 106)], lit=on["M"])
    art.arrow([(434, 84), (546, 84), (546, 148)], "h_t", (490, 104), lit=on["M"] or on["C"])
    art.arrow([(590, 185), (660, 185), (660, 48), (434, 48)], "a_t", (676, 122),
              lit=on["M"], anchor="start")
    art.arrow([(660, 185), (660, 245), (76, 245), (76, 222)], role="real",
              lit=on["C"] or on["game"])
    art.arrow([(338, 66), (302, 66), (302, 178)], "z_{t+1}", (294, 122), role="dream",
              lit=on["dream"], dashed=True, anchor="end")
    art.box(20, 150, 112, 70, "Game", "is real", role="real", lit=on["game"])
    art.box(198, 150, 84, 70, "V", "sees", lit=on["V"])
    art.box(338, 30, 96, 74, "M", "predicts", lit=on["M"],
            role="dream" if on["dream"] and on["M"] else "plain")
    art.box(502, 150, 88, 70, "C", "acts", lit=on["C"])
    return art
