"""The models that run inside the widgets: the very JavaScript, under Node, against Python's."""

import math

import numpy as np
import pytest
from javascript import javascript
from run_js import needs_node

from wmlib.book import credit
from wmlib.book.widgets.bundle import FOLDER
from wmlib.configs import EvolveConfig
from wmlib.learning.evolution import start_search

pytestmark = needs_node


# --- chance ---------------------------------------------------------------------------------------


def test_random_numbers_have_their_distributions_and_can_be_had_again():
    drawn = javascript(
        {"chance.js": "Chance"},
        "const draw = (seed) => { const chance = new Chance(seed); return ["
        "Array.from({ length: 20000 }, () => chance.uniform()), chance.normals(20000)]; };"
        "return [draw(1), draw(1), draw(2)];",
    )
    assert drawn[0] == drawn[1] != drawn[2]
    u, x = (np.array(numbers) for numbers in drawn[0])
    assert u.min() >= 0
    assert u.max() < 1
    assert np.abs(np.histogram(u, 10, (0, 1))[0] - 2000).max() < 5 * math.sqrt(1800)
    assert abs(x.mean()) < 5 / math.sqrt(len(x))
    assert abs(x.var() - 1) < 5 * math.sqrt(2 / len(x))
    assert abs(np.mean(x**4) - 3) < 0.4
    assert abs(np.mean(x[1:] * x[:-1])) < 0.04


# --- CMA-ES ---------------------------------------------------------------------------------------

LANDSCAPES = {
    "sphere": "(x) => x.reduce((sum, v) => sum + v * v, 0)",
    "ellipsoid": "(x) => x.reduce((sum, v, i) => sum + 10 ** (3 * i / (x.length - 1)) * v * v, 0)",
    "rosenbrock": "(x) => { let sum = 0; for (let i = 0; i + 1 < x.length; i++)"
    " sum += 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2; return sum; }",
}
SAME_IN_PYTHON = {
    "sphere": lambda x: float(np.square(x).sum()),
    "ellipsoid": lambda x: float((10 ** np.linspace(0, 3, len(x)) * np.square(x)).sum()),
    "rosenbrock": lambda x: float(
        (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()  # lowest at (1, ..., 1)
    ),
}


def written_out(f, m, sigma, lam, draws):
    """Hansen's equations in NumPy, with C^(1/2) for the draws; (mean, sigma) by generation."""
    n, told = len(m), []
    w = np.log(lam // 2 + 0.5) - np.log(np.arange(1, lam // 2 + 1))
    w /= w.sum()
    mu_eff = 1 / (w**2).sum()
    c_s, c_c = (mu_eff + 2) / (n + mu_eff + 5), (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n)
    c_1 = 2 / ((n + 1.3) ** 2 + mu_eff)
    c_mu = min(1 - c_1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((n + 2) ** 2 + mu_eff))
    d_s = 1 + c_s + 2 * max(0, np.sqrt((mu_eff - 1) / (n + 1)) - 1)
    chi = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
    p_s, p_c, C = np.zeros(n), np.zeros(n), np.eye(n)
    for t, z in enumerate(draws.reshape(-1, lam, n), 1):
        d, B = np.linalg.eigh(C)
        y = z @ (B * np.sqrt(d) @ B.T)
        y = y[np.argsort([f(x) for x in m + sigma * y])][: lam // 2]
        step = w @ y
        m = m + sigma * step
        p_s = (1 - c_s) * p_s + np.sqrt(c_s * (2 - c_s) * mu_eff) * (B / np.sqrt(d) @ B.T @ step)
        stride = np.linalg.norm(p_s) / chi
        on = stride / np.sqrt(1 - (1 - c_s) ** (2 * t)) < 1.4 + 2 / (n + 1)
        p_c = (1 - c_c) * p_c + on * np.sqrt(c_c * (2 - c_c) * mu_eff) * step
        C = (1 - c_1 - c_mu + (not on) * c_1 * c_c * (2 - c_c)) * C
        C = C + c_1 * np.outer(p_c, p_c) + c_mu * (y.T * w) @ y
        sigma *= np.exp(c_s / d_s * (stride - 1))
        told.append([*m, sigma])
    return np.array(told)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_cma_es_is_hansens_equations_draw_by_draw(name):
    n, lam, generations = 3, 8, 40
    draws = np.random.default_rng(4).standard_normal(generations * lam * n)
    start = [2.0, -1.0, 0.5]
    told = javascript(
        {"cma.js": "CmaEs"},
        "let at = 0;"
        "const normals = (n) => Float64Array.from(data.draws.slice(at, at += n));"
        f"const f = {LANDSCAPES[name]};"
        "const es = new CmaEs(data.start, 0.7, data.lam, { normals }), told = [];"
        "for (let g = 0; g < data.generations; g++) { es.tell(es.ask().map(f));"
        " told.push([...es.mean, es.sigma]); } return told;",
        {"draws": draws.tolist(), "start": start, "lam": lam, "generations": generations},
    )
    expected = written_out(SAME_IN_PYTHON[name], np.array(start), 0.7, lam, draws)
    np.testing.assert_allclose(told, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "n"), [("sphere", 2), ("ellipsoid", 8), ("rosenbrock", 4)])
def test_cma_es_is_as_fast_as_pycma(name, n):
    """Generations until the cost is below 1e-9, median of 9 seeds."""
    mine = javascript(
        {"cma.js": "CmaEs", "chance.js": "Chance"},
        f"const f = {LANDSCAPES[name]};"
        "return data.seeds.map((seed) => {"
        "  const es = new CmaEs(new Array(data.n).fill(-0.5), 0.5, 12, new Chance(seed));"
        "  let best = Infinity;"
        "  while (best > 1e-9 && es.generation < 2000) {"
        "    const costs = es.ask().map(f); es.tell(costs); best = Math.min(best, ...costs); }"
        "  return es.generation; });",
        {"n": n, "seeds": list(range(1, 10))},
    )
    theirs = [generations_of_pycma(SAME_IN_PYTHON[name], n, seed) for seed in range(1, 10)]
    ratio = np.median(mine) / np.median(theirs)
    # pycma also learns from the worst candidates, which makes it a little faster.
    assert 0.7 < ratio < 1.6, (sorted(mine), sorted(theirs))


def generations_of_pycma(f, n, seed):
    search = start_search(n, EvolveConfig("dream", 1, population=12, sigma0=0.5), seed)
    search.mean[:] = -0.5
    best = np.inf
    while best > 1e-9 and search.countiter < 2000:
        xs = search.ask()
        costs = [f(x) for x in xs]
        search.tell(xs, costs)
        best = min(best, *costs)
    return search.countiter


def test_eigenvectors_of_a_large_matrix_from_an_earlier_basis():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((60, 60))
    a = a @ a.T / 60 + np.eye(60)
    values, vectors = javascript(
        {"eigen.js": "symmetricEigen"},
        "const a = Float64Array.from(data.a.flat()), first = symmetricEigen(a, 60);"
        "const b = a.map((v) => v * 1.01);"
        "const next = symmetricEigen(b, 60, first.vectors);"
        "return [next.values, next.vectors];",
        {"a": a.tolist()},
    )
    B = np.array(vectors).reshape(60, 60)
    np.testing.assert_allclose(B * values @ B.T, 1.01 * a, atol=1e-9)
    np.testing.assert_allclose(B.T @ B, np.eye(60), atol=1e-10)


def test_landscapes_are_lowest_where_they_say():
    found = javascript(
        {"landscapes.js": "LANDSCAPES"},
        "return Object.values(LANDSCAPES).map((l) => { let low = Infinity;"
        "for (let x = -2; x <= 2; x += 0.013) for (let y = -1; y <= 3; y += 0.013)"
        " low = Math.min(low, l.height(x, y));"
        "return [l.height(...l.best), low, l.height(...l.start)]; });",
    )
    for best, low, start in found:
        assert best == pytest.approx(0, abs=1e-12)
        assert low > -1e-12
        assert start > 1


# --- chapter 2 ------------------------------------------------------------------------------------


def test_credit_formulas_are_those_of_the_package():
    cases = [(T, D) for T in (0, 1, 10, 99, 1000) for D in (4, 16, 64, 256)]
    rows = javascript(
        {"credit.js": "reinforceWorth, evolutionWorth"},
        "return data.map(([T, D]) => [reinforceWorth(T, D), evolutionWorth(D)]);",
        cases,
    )
    for (T, D), (reinforce, evolution) in zip(cases, rows, strict=True):
        task = credit.LampTask(delay=T, pixels=D)
        signal, noise = credit.reinforce_noise(task)
        assert reinforce["signal"] == pytest.approx(signal)
        assert reinforce["noise"] == pytest.approx(noise)
        assert reinforce["price"] == pytest.approx((T + 1) * (1 + D / 4) - 1)
        # The package averages 1 / |features| over frames, the widget has it in closed form.
        signal, noise = credit.evolution_noise(task, n=100_000)
        assert evolution["signal"] == pytest.approx(signal, rel=0.03)
        assert evolution["price"] == pytest.approx(noise / signal, rel=0.03)


def test_drawn_estimates_are_spread_as_played_ones():
    task, episodes = credit.LampTask(delay=9, pixels=16), 5
    g, _ = credit.reinforce_gradients(task, np.zeros(16), 4000 * episodes, np.random.default_rng(1))
    g = g.reshape(4000, episodes, 16).mean(1) / (task.strength / 2)
    along = g @ task.u / task.strength
    across = np.linalg.norm(g - along[:, None] * task.u / task.strength, axis=1)
    drawn = javascript(
        {"credit.js": "reinforceEstimate", "chance.js": "Chance"},
        "const chance = new Chance(3);"
        "return Array.from({ length: 4000 }, () => reinforceEstimate(9, 16, 5, chance));",
    )
    for played, mine in ((along, "along"), (across, "across")):
        mine = np.array([estimate[mine] for estimate in drawn])
        error = np.hypot(played.std(), mine.std()) / math.sqrt(4000)
        assert abs(played.mean() - mine.mean()) < 4 * error
        assert mine.std() == pytest.approx(played.std(), rel=0.06)


# --- chapter 1 ------------------------------------------------------------------------------------


def chapter_1():
    """The names that the first code cells of chapter 1 define: the chapter's own batter."""
    import jupytext

    path = FOLDER.parents[3] / "chapters/01_a_model_in_the_head.md"
    names = {"np": np}
    for cell in jupytext.read(path).cells:
        wanted = ("DISTANCE, SPEED =", "def height(", "def with_one(", "def contact(")
        if cell["cell_type"] == "code" and cell["source"].startswith(wanted):
            source = cell["source"].split("\nrng = ")[0].split("\nn = 2000")[0]
            exec(source, names)
    return names


@pytest.mark.parametrize("age", [0.0, 0.1, 0.2])
def test_the_batters_are_those_of_the_chapter(age, capsys):
    book, rng = chapter_1(), np.random.default_rng(3)
    until = book["FLIGHT"] - book["SWING"] - age
    balls = book["pitches"](200, rng)
    t, seen = book["look"](balls, rng, until)
    arrivals = book["height"](book["FLIGHT"], *balls)
    model = np.linalg.lstsq(book["with_one"](seen), arrivals, rcond=None)[0]
    told = javascript(
        {"pitches.js": "lookTimes, heightAt, learnBatter, swings, FLIGHT_TIME, BATTERS"},
        "const times = lookTimes(data.age), model = learnBatter(data.seen, data.arrivals);"
        "return { times, model, names: BATTERS,"
        " arrivals: data.balls.map(([y0, v0, spin]) => heightAt(FLIGHT_TIME, { y0, v0, spin })),"
        " swings: data.seen.map((looks) => swings(times, looks, model)) };",
        {
            "age": age,
            "seen": seen.tolist(),
            "arrivals": arrivals.tolist(),
            "balls": np.transpose(balls).tolist(),
        },
    )
    theirs = book["swing"](t, seen, model)
    assert told["names"] == list(theirs)
    np.testing.assert_allclose(told["times"], t, atol=1e-12)
    np.testing.assert_allclose(told["arrivals"], arrivals, atol=1e-12)
    np.testing.assert_allclose(told["model"], model, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(told["swings"], np.transpose(list(theirs.values())), atol=1e-7)


def test_contact_of_many_pitches_is_the_chapters(capsys):
    book, rng, n = chapter_1(), np.random.default_rng(5), 4000
    told = javascript(
        {"pitches.js": "practise, contacts, throwPitches", "chance.js": "Chance"},
        "const chance = new Chance(1), model = practise(1000, 4, 0.1, chance);"
        "return [4, -4].map((spin) =>"
        " contacts(throwPitches(4000, spin, chance), 0.1, model, chance));",
    )
    model = book["learn"](book["pitches"](1000, rng), rng)
    for spin, mine in zip((4.0, -4.0), told, strict=True):
        theirs = book["contact"](book["pitches"](n, rng, spin=(spin, 1.0)), rng, model)
        for share, wanted in zip(mine["shares"], theirs.values(), strict=True):
            assert abs(share - wanted) < 0.05
        assert mine["errors"][0] > mine["errors"][3] or spin < 0


# --- controls -------------------------------------------------------------------------------------


def test_numbers_have_a_real_minus_and_no_minus_before_zero():
    told = javascript(
        {"controls.js": "shown", "chart.js": "readable"},
        "return [[-0.04, 1], [-0.04, 2], [2, 0], [-1.5, 1]].map(([x, d]) => shown(x, d))"
        ".concat([1.7e-13, -0.042, 12400, 2e21].map(readable));",
    )
    assert told[:4] == ["0.0", "−0.04", "2", "−1.5"]
    assert told[4:7] == ["1.7·10⁻¹³", "−0.042", "12,400"]


def test_what_is_held_pushes_until_the_last_is_let_go():
    """Hold left, press right as well, let go of left: right still pushes."""
    pushed = javascript(
        {"pushing.js": "makePush"},
        "const told = [], push = makePush((way) => told.push(way));"
        "push.hold('ArrowLeft', -1); push.hold('ArrowRight', 1); push.letGo('ArrowLeft');"
        "push.letGo('a'); push.clear(); push.clear(); return told;",
    )
    assert pushed == [-1, 0, 1, 0]


HANDS = """
const listeners = {}, stage = {
  addEventListener: (name, listener) => { listeners[name] = listener; },
  getBoundingClientRect: () => ({ left: 0, top: 0, width: 200, height: 200 }),
  setPointerCapture: () => {} };
const hands = makeHands(stage, data.car);
"""


def test_a_pointer_beyond_the_stage_steers_no_further_than_its_edge():
    actions = javascript(
        {"hands.js": "makeHands"},
        HANDS + "const at = (x, y) => ({ pointerId: 1, button: 0, clientX: x, clientY: y,"
        " pointerType: 'mouse', target: { closest: () => null } });"
        "listeners.pointerdown(at(150, 50)); listeners.pointermove(at(900, 900));"
        "return [...Array(40)].map(() => hands.action());",
        {"car": True},
    )
    steer, gas, brake = actions[-1]
    assert steer == pytest.approx(1)
    assert gas == pytest.approx(0, abs=0.05)
    assert brake == pytest.approx(0.6)


@pytest.mark.parametrize(("car", "key"), [(True, "ArrowDown"), (False, "ArrowLeft")])
def test_keys_that_the_game_knows_act_and_others_scroll_the_page(car, key):
    told = javascript(
        {"hands.js": "makeHands"},
        HANDS + "const press = (key) => { let taken = false; listeners.keydown({ key,"
        " preventDefault: () => { taken = true; } }); return [taken, hands.acting()]; };"
        "return [press(data.car ? 'a' : 'ArrowDown'), press(data.key)];",
        {"car": car, "key": key},
    )
    assert told == [[False, False], [True, True]]
