"""Where a widget's networks come from: the package's weights, a run folder, or an agent."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from torch import Tensor

from wmlib.agent import Agent, load_agent, load_pretrained, pretrained_folder
from wmlib.book.probes import load_probe
from wmlib.book.widgets.weights import NetworkFiles, files_of, memory_file
from wmlib.model.controller import load_controllers
from wmlib.tasks import Task, get_task

Chosen = dict[str, tuple[str, str, Tensor]]
"""Controllers by name: (what the reader is told, kind, parameters)."""

TEMPERATURES = (0.1, 0.5, 1.0, 1.3)
"""Those at which the cheating meter's controllers learned."""

_CAR = {
    "early": ("controllers/cooled_late", "generation_00005", "after 5 generations"),
    "middle": ("controllers/cooled_late", "generation_00015", "after 15 generations"),
    "z_only": ("controllers/z_only", "params", "without memory (z alone)"),
}
_DOOM = {
    f"tau_{tau:.2f}": (f"controllers/tau_{tau:.2f}_seed_0", "params", f"learned at τ = {tau:g}")
    for tau in TEMPERATURES
}
SHOWN = {"car_racing": _CAR, "doom_take_cover": _DOOM}
"""By task and name: folder, vector in it, label of the packaged controllers besides `published`."""


def shipped_controllers(task: Task) -> Chosen:
    """The packaged controllers that the widgets offer; the first one is the published C."""
    folder = pretrained_folder(task.name)
    main, vectors, _ = load_controllers(folder / "controller/controller.safetensors", task)
    chosen: Chosen = {"published": ("published", main.kind, vectors["params"])}
    for name, (place, vector, label) in SHOWN[task.name].items():
        shape, vectors, _ = load_controllers(folder / place / "controller.safetensors", task)
        chosen[name] = (label, shape.kind, vectors[vector])
    return chosen


def own_controllers(agent: Agent) -> Chosen:
    """All vectors of an agent's controller file: the chosen one, then the generations."""
    kind, vectors = agent.controller.kind if agent.controller else "linear", agent.controllers or {}
    names = sorted(vectors, key=lambda name: name != "params")
    return {
        n: ("the chosen C" if n == "params" else n.replace("_", " "), kind, vectors[n])
        for n in names
    }


@cache
def shipped(task_name: str) -> tuple[Agent, NetworkFiles]:
    """The published agent of a task and its files, made once."""
    task = get_task(task_name)
    agent = load_pretrained(task.name)
    probe = load_probe() if task.name == "doom_take_cover" else None
    files = files_of(agent, shipped_controllers(task), probe)
    if task.name == "car_racing":
        files.add("untrained", lambda: untrained_memory(agent))
    return agent, files


def untrained_memory(agent: Agent) -> bytes:
    """The file of an M that has learned nothing, with the C that was evolved behind it."""
    path = pretrained_folder(agent.task.name) / "controllers/random_memory/controller.safetensors"
    _, vectors, facts = load_controllers(path, agent.task)
    memory = agent.memory.untrained_copy(facts["memory_seed"])
    return memory_file(agent.task, memory, agent.starts, vectors["params"])


def find_networks(
    task: str, weights: str | Path | Agent, roles: tuple[str, ...]
) -> tuple[Agent, Mapping[str, bytes], dict[str, str]]:
    """An agent, its files by the names that the browser asks for, and those names by role.

    `weights` is "pretrained", a run folder, or an agent; an agent without a controller cannot play
    the role "controllers" (UserError).
    """
    if isinstance(weights, Agent):
        agent, files, prefix = weights, files_of(weights, own_controllers(weights)), "own"
    elif str(weights) == "pretrained":
        agent, files = shipped(task)
        prefix = task
    else:
        agent = load_agent(weights, task)
        files, prefix = files_of(agent, own_controllers(agent)), "own"
    if "controllers" in roles:
        _ = agent.params  # an agent without C says so
    names = {role: f"{prefix}.{role}" for role in roles}
    makers = {name: (lambda role=role: files[role]) for role, name in names.items()}
    return agent, NetworkFiles(makers), names
