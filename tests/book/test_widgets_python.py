"""The Python side of the widgets that load networks: one line, any weights, state as traits."""

import ast
import json
from pathlib import Path

import pytest
import traitlets
from widget_site import place_of

import wmlib
from wmlib.agent import pretrained_folder
from wmlib.book import widgets
from wmlib.book.widgets import sources
from wmlib.errors import UserError
from wmlib.tasks import get_task


def header(file: bytes) -> dict:
    """What a network file says of itself."""
    size = int.from_bytes(file[:4], "little")
    return json.loads(file[4 : 4 + size])


def asked_for(widget, name: str) -> bytes:
    """What the widget sends when the browser asks for a network."""
    sent = []
    widget.send = lambda content, buffers: sent.append((content, buffers))
    widget._handle_custom_msg({"need": name}, [])
    assert [content for content, _ in sent] == [{"network": name}]
    return sent[0][1][0]


def test_a_player_sends_the_networks_that_its_browser_asks_for():
    player = widgets.DreamPlayer("car_racing")
    assert set(player.networks) == {"memory", "decoder", "controllers"}
    facts = header(asked_for(player, player.networks["memory"]))["facts"]
    assert (facts["n_z"], facts["n_h"], facts["fps"]) == (32, 256, 50)


@pytest.mark.parametrize("how", ["folder", "agent"])
def test_a_player_takes_a_run_folder_or_an_agent(how):
    folder = pretrained_folder("car_racing")
    weights = folder if how == "folder" else wmlib.load_pretrained("car_racing")
    player = widgets.DreamPlayer("car_racing", weights)
    assert player.controller == "params"
    file = asked_for(player, player.networks["controllers"])
    names = [name for name, _, _ in header(file)["facts"]["controllers"]]
    assert names[0] == "params"
    assert "generation_00008" in names


def test_temperature_is_held_within_its_limits():
    player = widgets.DreamPlayer("doom_take_cover", tau=1.15)
    assert player.tau == 1.15
    with pytest.raises(traitlets.TraitError):
        player.tau = 0.0


def test_bad_input_gets_one_line():
    with pytest.raises(UserError, match="choose one of"):
        widgets.DreamPlayer("pendulum")
    with pytest.raises(UserError, match="not a folder"):
        widgets.DreamPlayer("car_racing", "no/such/run")


def test_every_controller_that_is_offered_is_packaged_and_fits():
    for task in ("car_racing", "doom_take_cover"):
        agent = wmlib.load_pretrained(task)
        chosen = sources.shipped_controllers(get_task(task))
        assert next(iter(chosen)) == "published"
        for label, kind, params in chosen.values():
            assert agent.new_controller(kind).n_params == len(params), label


def test_the_meter_shows_each_controller_with_its_stored_lives():
    meter = widgets.CheatingMeter()
    assert len(meter.taus) == len(meter.controllers) == len(meter.real) == 4
    assert all(n >= 100 and sem > 0 for _, sem, n in meter.real)


def test_the_explorers_offer_only_dimensions_that_tell():
    for task, (least, most) in {"car_racing": (8, 14), "doom_take_cover": (12, 32)}.items():
        latent, mixture = widgets.LatentExplorer(task), widgets.MixtureExplorer(task)
        assert least <= len(latent.dimensions) <= most
        assert mixture.dimension in mixture.dimensions
        assert len(latent.codes) == len(latent.frames)


def test_a_page_carries_the_traits_and_the_still_but_no_code():
    html = place_of(widgets.DreamPlayer("doom_take_cover"))
    assert html.startswith('<div class="wm-place" data-widget="dream_player"')
    assert "<figcaption>Dreamed" in html
    assert "function" not in html
    assert len(html) < 20_000


def test_no_widget_has_a_keyword_in_its_class_line():
    """traitlets 5.7, which Colab has, takes none: there the whole package of widgets would fail."""
    files = Path(widgets.__file__).parent.glob("*.py")
    classes = [
        node
        for f in files
        for node in ast.walk(ast.parse(f.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(classes) > 12
    assert [node.name for node in classes if node.keywords] == []
