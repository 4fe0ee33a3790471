"""The book's schematics. Blue is the real game, orange what M imagines, the rest is ink.

Each function returns a `Drawing`; write it as the last line of a cell. A `caption` goes below it.
"""

from wmlib.book.drawing import Drawing

_PARTS = {"game": "the real game", "V": "V", "M": "M", "C": "C", "dream": "the dream"}


def vmc_map(lit: str = "all") -> Drawing:
    """The map of the book: game, V, M, C and the dream, with today's parts lit.

    `lit` names parts separated by blanks, of: game V M C dream; or "all".
    """
    names = set(_PARTS) if lit == "all" else set(lit.split())
    if unknown := names - set(_PARTS):
        raise ValueError(f"vmc_map cannot light {sorted(unknown)}; choose from {list(_PARTS)}")
    on = {part: part in names for part in _PARTS}
    shown = "everything" if lit == "all" else ", ".join(_PARTS[p] for p in _PARTS if on[p])
    art = Drawing(
        620,
        268,
        alt=(
            "Map of the agent. The game shows a picture x to V; V turns it into a code z; C reads "
            "z and M's memory h and chooses the action a, which goes to the game and to M. M also "
            f"imagines the next z, and can so replace the game. Lit on this page: {shown}."
        ),
    )
    _agent(art, on)
    return art


def flow() -> Drawing:
    """The flow of one step in the real game, with the size of what passes along each arrow."""
    art = Drawing(
        620,
        268,
        alt=(
            "Flow of one step. The game gives a picture x (64×64×3 numbers) to V, V gives z (32) "
            "to C and M, M gives its memory h (256) to C, and C gives the action a (3) to the game "
            "and to M."
        ),
    )
    _agent(art, {part: part != "dream" for part in _PARTS}, dream=False)
    for x, y, size in ((134, 150, "64×64×3"), (338, 213, "32"), (438, 76, "256")):
        art.text(x, y, size)
    art.text(590, 150, "3", anchor="start")
    return art


def _agent(art: Drawing, on: dict[str, bool], dream: bool = True) -> None:
    """Game, V, M, C and their arrows; `on` says which parts are lit."""
    art.arrow([(106, 193), (162, 193)], "x_t", (134, 182), role="real", lit=on["game"] or on["V"])
    art.arrow([(246, 193), (440, 193)], "z_t", (388, 182), lit=on["V"] or on["C"])
    art.arrow([(338, 193), (338, 109)], lit=on["M"])
    art.arrow([(386, 88), (480, 88), (480, 158)], "h_t", (440, 112), lit=on["M"] or on["C"])
    art.arrow(
        [(522, 193), (582, 193), (582, 50), (386, 50)],
        "a_t",
        (590, 128),
        lit=on["M"] or on["C"],
        anchor="start",
    )
    art.arrow(
        [(582, 193), (582, 254), (56, 254), (56, 230)], role="real", lit=on["C"] and on["game"]
    )
    if dream:
        art.arrow(
            [(290, 68), (266, 68), (266, 186)],
            "z_{t+1}",
            (258, 124),
            role="dream",
            lit=on["dream"],
            dashed=True,
            anchor="end",
        )
    art.box(6, 160, 100, 66, "Game", "is real", role="real", lit=on["game"])
    art.box(162, 160, 84, 66, "V", "sees", lit=on["V"])
    art.box(290, 34, 96, 72, "M", "predicts", lit=on["M"])
    art.box(440, 160, 82, 66, "C", "acts", lit=on["C"])


def timeline(dream: bool = False, caption: str = "") -> Drawing:
    """Who is computed when: x, z, h and a over three steps; in a dream M takes V's place."""
    source = (
        "M also draws the next z; no picture is needed."
        if dream
        else "The game shows the next picture x, and V turns it into the next z."
    )
    art = Drawing(
        640,
        306,
        alt=(
            "Time line. At each time t, C computes the action a from z and h of the same time. "
            f"Then M reads z, a and h of time t and gives h of time t+1. {source}"
        ),
        caption=caption,
    )
    art.top = 92 if dream else 0
    for k, when in enumerate(("t", "t+1", "t+2")):
        left = 46 + 214 * k
        _moment(art, left, when, dream=dream)
        if k < 2:
            _transition(art, left, dream=dream)
    return art


def _moment(art: Drawing, left: float, when: str, *, dream: bool) -> None:
    """The variables of one time, and V and C which tie them together."""
    art.arrow([(left + 17, 144), (left + 56, 176)])
    art.arrow([(left + 17, 236), (left + 56, 206)])
    art.text(left + 44, 150, "C", size=16, math=True)
    if not dream:
        art.arrow([(left, 70), (left, 106)], role="real")
        art.text(left + 14, 94, "V", size=16, math=True)
        art.node(left, 46, f"x_{{{when}}}", role="real")
    art.node(left, 130, f"z_{{{when}}}", role="dream" if dream and when != "t" else "plain")
    art.node(left, 250, f"h_{{{when}}}")
    art.node(left + 74, 191, f"a_{{{when}}}")


def _transition(art: Drawing, left: float, *, dream: bool) -> None:
    """M, which leads from the variables of one time to those of the next."""
    art.arrow([(left + 23, 130), (left + 134, 130), (left + 134, 162)])
    art.arrow([(left + 97, 191), (left + 114, 191)])
    art.arrow([(left + 23, 250), (left + 114, 250)])
    art.arrow([(left + 164, 250), (left + 190, 250)])
    art.box(left + 114, 164, 50, 106, "M")
    if dream:
        art.arrow(
            [(left + 150, 163), (left + 150, 130), (left + 190, 130)], role="dream", dashed=True
        )
    else:
        art.arrow([(left + 74, 168), (left + 74, 46), (left + 190, 46)], role="real")
        art.text(left + 130, 34, "Game", size=15, role="real")


def rollout(caption: str = "") -> Drawing:
    """M dreaming on: each step's sample is the next step's input (the paper's figure of M)."""
    art = Drawing(
        640,
        330,
        alt=(
            "M unrolled over three steps. An LSTM reads z, a and its own state h. From the new "
            "state a mixture density network gives the distribution of the next z at temperature "
            "tau; the sample drawn from it is the next step's input."
        ),
        caption=caption,
    )
    for k, (now, after) in enumerate((("t", "t+1"), ("t+1", "t+2"), ("t+2", "t+3"))):
        x = 96 + 200 * k
        art.arrow([(x - 26, 284), (x - 26, 232)])
        art.arrow([(x + 26, 284), (x + 26, 232)])
        art.arrow([(x, 176), (x, 136)])
        art.arrow([(x, 84), (x, 55)], role="dream")
        art.arrow(
            [(x + 46, 203), (x + 152, 203)] if k < 2 else [(x + 46, 203), (x + 92, 203)],
            f"h_{{{after}}}",
            (x + 70, 226),
        )
        if k == 0:
            art.arrow([(x - 92, 203), (x - 48, 203)], "h_t", (x - 72, 192))
        if k < 2:
            art.arrow(
                [(x + 24, 31), (x + 100, 31), (x + 100, 306), (x + 150, 306)],
                role="dream",
                dashed=True,
            )
        art.box(x - 46, 178, 92, 52, "LSTM")
        art.box(x - 46, 84, 92, 50, "MDN")
        art.text(x + 58, 114, "τ", size=18, math=True)
        art.node(x, 31, f"z_{{{after}}}", role="dream")
        art.node(x - 26, 306, f"z_{{{now}}}", role="plain" if k == 0 else "dream")
        art.node(x + 26, 306, f"a_{{{now}}}")
    return art


Step = tuple[str, str, str]  # title, what happens in it, role


def _steps(rows: list[Step], alt: str, caption: str) -> Drawing:
    """Numbered steps from top to bottom; the colour says where a step takes place."""
    art = Drawing(600, 78 * len(rows) - 14, alt=alt, caption=caption)
    for k, (title, what, role) in enumerate(rows):
        y = 2 + 78 * k
        if k:
            art.arrow([(30, y - 31), (30, y + 8)])
        art.node(30, y + 28, str(k + 1), role=role, r=19)
        art.box(70, y, 526, 58, "", role=role)
        art.text(88, y + 25, title, size=18, role=role, bold=True, anchor="start")
        art.text(88, y + 47, what, size=17, anchor="start")
    return art


def dream_steps(caption: str = "") -> Drawing:
    """The procedure for Doom: data, V, M, C inside the dream, and then in the real game."""
    return _steps(
        [
            ("Play at random", "store pictures x, actions a and ends d of 10,000 episodes", "real"),
            ("Train V", "a VAE packs each picture into z; from here on only z is used", "plain"),
            ("Train M", "an MDN-RNN learns p(next z, next d | a, z, h)", "plain"),
            (
                "Evolve C in the dream",
                "M plays the game; survive as many steps as possible",
                "dream",
            ),
            ("Play the real game", "the policy evolved in the dream acts there, unchanged", "real"),
        ],
        "Five steps: play at random in the real game, train V, train M with its end head, evolve C "
        "inside the dream, play the real game with it.",
        caption,
    )


def iterative_loop() -> Drawing:
    """The iterative procedure: play, learn the world, learn to act in it, and again."""
    art = Drawing(
        620,
        300,
        alt=(
            "A loop. Start with random M and C. Play the real game and store what happened; train "
            "M on all that is stored; train C inside M; if the task is not solved, play again."
        ),
    )
    art.arrow([(408, 50), (510, 50), (510, 122)])
    art.arrow([(510, 192), (510, 262), (412, 262)])
    art.arrow([(208, 262), (110, 262), (110, 194)])
    art.arrow([(110, 122), (110, 50), (206, 50)], role="real")
    art.arrow([(310, 158), (310, 90)], dashed=True)
    art.box(208, 16, 200, 68, "Play", "real game, store all", role="real")
    art.box(420, 124, 180, 68, "Train M", "on all data so far")
    art.box(210, 228, 200, 68, "Train C", "inside M", role="dream")
    art.box(20, 124, 180, 68, "Solved?", "if not: once more")
    art.text(310, 180, "start: random M and C", size=17)
    return art
