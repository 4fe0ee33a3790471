"""The drawn pendulum: as many rods as steps, real ones blue, dreamed ones orange."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from wmlib.book import pendulum_figures, plots


def test_each_step_is_a_rod_that_points_where_the_pendulum_does():
    angle = np.linspace(np.pi, 0.5 * np.pi, 90)  # from hanging to the left
    states = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    fig = pendulum_figures.swings({"real": states, "dream": 0.5 * states}, seconds=4)
    assert len(fig.axes) == 8
    for k, (ax, colour) in enumerate(zip(fig.axes, 4 * [plots.REAL] + 4 * [plots.DREAM])):
        (rods,) = [part for part in ax.collections if isinstance(part, LineCollection)]
        assert len(rods.get_segments()) == 20
        assert {to_hex(c, keep_alpha=False) for c in rods.get_colors()} == {colour}
        last = np.array([line.get_xydata()[-1] for line in ax.lines])[1]  # the bob
        expected = (1.0, 0.5)[k > 3] * states[20 * (k % 4 + 1)]
        np.testing.assert_allclose(last, [-expected[1], expected[0]])
    assert fig.axes[3].lines[1].get_xdata()[0] < 0  # the angle counts leftwards
    svg = plots.page_svg(fig, "Two pendulums swing from below to the left.")
    assert "var(--wm-real" in svg
    assert "var(--wm-dream" in svg
