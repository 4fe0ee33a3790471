"""The insides of V and of M's LSTM, drawn in the language of `wmlib.book.schematics`."""

from wmlib.book.drawing import Drawing


def vae(caption: str = "") -> Drawing:
    """V: encoder, mean and spread, the sample, decoder, and where the two losses are taken."""
    art = Drawing(
        532,
        236,
        alt=(
            "From left to right: the real picture x goes into the encoder, which gives a mean mu "
            "and a spread sigma. With noise epsilon they make the sample z, from which the decoder "
            "draws the picture x-hat. The KL term is taken at mu and sigma, the squared error "
            "between x and x-hat."
        ),
        caption=caption,
    )
    art.arrow([(50, 116), (64, 116)], role="real")
    art.arrow([(162, 108), (191, 84)])
    art.arrow([(162, 124), (191, 148)])
    art.arrow([(232, 78), (287, 105)])
    art.arrow([(232, 154), (287, 127)])
    art.arrow([(308, 52), (308, 92)], dashed=True)
    art.arrow([(330, 116), (352, 116)])
    art.arrow([(450, 116), (480, 116)], role="real", dashed=True)
    art.arrow([(26, 140), (26, 212), (162, 212)], head=False, dashed=True)
    art.arrow([(382, 212), (506, 212), (506, 140)], head=False, dashed=True)
    art.box(180, 36, 60, 160, "", dashed=True)
    art.box(64, 80, 98, 72, "encoder", "looks")
    art.box(352, 80, 98, 72, "decoder", "draws")
    for x, y, letter, role in (
        (26, 116, "x", "real"),
        (210, 72, "μ", "plain"),
        (210, 160, "σ", "plain"),
        (308, 116, "z", "plain"),
        (506, 116, "x̂", "real"),
    ):
        art.node(x, y, letter, role=role, dashed=letter == "x̂")
    art.node(308, 34, "ε", r=18)
    art.text(334, 39, "noise", size=16, anchor="start")
    art.text(210, 24, "price: KL", size=17, bold=True)
    art.text(272, 218, "squared error ‖x − x̂‖²", size=17, bold=True)
    return art


def lstm(caption: str = "") -> Drawing:
    """One step of an LSTM: the cell's line on top, the gates that keep, write and show it."""
    art = Drawing(
        532,
        276,
        alt=(
            "The cell c passes from left to right along the top: it is multiplied by the gate f, "
            "then the product of the gate i and the new value g is added. Below, the gate o "
            "multiplies its tanh and gives the new h. All four boxes read z, a and the old h."
        ),
        caption=caption,
    )
    top, product, gates, bus = 32, 86, 126, 210
    for begin, end in ((54, 119), (149, 243), (273, 478)):
        art.arrow([(begin, top), (end, top)])
    art.arrow([(134, gates), (134, top + 15)])
    art.arrow([(220, gates), (220, product), (243, product)])
    art.arrow([(300, gates), (300, product), (273, product)])
    art.arrow([(258, product - 15), (258, top + 15)])
    art.arrow([(380, gates), (380, product), (429, product)])
    art.arrow([(444, top), (444, product - 15)])
    art.arrow([(444, product + 15), (444, bus), (478, bus)])
    art.text(438, 60, "tanh", size=16, anchor="end")
    art.arrow([(54, bus), (380, bus), (380, gates + 60)])
    for x in (134, 220, 300):
        art.arrow([(x, bus), (x, gates + 60)])
    art.arrow([(60, 252), (90, 252), (90, bus)], head=False)
    boxes = ((134, "f", "keep"), (220, "i", "write"), (300, "g", "new"), (380, "o", "show"))
    for x, name, note in boxes:
        art.box(x - 32, gates, 64, 58, name, note)
    for x, y, sign in ((134, top, "×"), (258, top, "+"), (258, product, "×"), (444, product, "×")):
        art.node(x, y, "", r=15)
        art.text(x, y + 7, sign, size=21)
    art.node(30, top, "c_t")
    art.node(30, bus, "h_t")
    art.text(6, 258, "z_t, a_t", size=18, math=True, anchor="start")
    art.node(504, top, "c_{t+1}", r=26)
    art.node(504, bus, "h_{t+1}", r=26)
    return art
