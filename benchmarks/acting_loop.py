"""Agent steps per second of the whole acting loop, against the plain loop, in one run.

Ours: the batched simulator, V in bfloat16 where the CPU has it, M and a population of controllers
as one batch. Plain: one Gymnasium game, the modules called frame by frame in float32, as one would
first write it.

    python benchmarks/acting_loop.py        # writes results/simulator/acting_loop.json
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium as gym
import torch
from quiet import QuietMachine

from wmlib.agent import Agent
from wmlib.device import device_name
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import VAE
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions
from wmlib.tasks import TASKS
from wmlib.worlds.play import play


def paper_sized() -> Agent:
    """An agent of the paper's size that has learned nothing."""
    agent = Agent(TASKS["car_racing"], VAE(32).eval(), MDNRNN(32, 3, 256).eval(), (None, None))
    agent.controller = agent.new_controller()
    return agent


def ours(agent: Agent, slots: int, steps: int) -> float:
    """Agent steps per second of a full population of `slots` candidates."""
    env = agent.real(slots, max_episode_steps=steps, game="batched")
    params = torch.randn(slots, agent.controller.n_params) * 0.1
    jobs = [(i, 100_000 + i) for i in range(slots)]
    try:
        play(env, agent.controller, params, jobs[:1])  # compile and warm up
        start = time.perf_counter()
        played = play(env, agent.controller, params, jobs)
        return played.lengths.sum() / (time.perf_counter() - start)
    finally:
        env.close()


@torch.no_grad()
def plain(agent: Agent, steps: int) -> float:
    """Agent steps per second of one Gymnasium game and batch size 1."""
    env = gym.make("wmlib/CarRacing-v3")
    x, _ = env.reset(seed=100_000)
    state = agent.memory.initial_state(1)
    params = torch.randn(agent.controller.n_params) * 0.1
    start = time.perf_counter()
    for _ in range(steps):
        mu, logvar = agent.vision.encode(torch.from_numpy(x)[None])
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        a = agent.act(torch.cat([z, state[0]], 1), params)
        _, state = agent.memory(z[:, None], a[:, None], torch.zeros(1, 1), state)
        x, _, terminated, truncated, _ = env.step(a[0].numpy())
        if terminated or truncated:
            x, _ = env.reset()
    rate = steps / (time.perf_counter() - start)
    env.close()
    return rate


def main() -> None:
    """Measure both, alternating, and write the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("results/simulator/acting_loop.json"))
    args = parser.parse_args()
    machine, agent = QuietMachine(), paper_sized()
    rounds = []
    for _ in range(args.rounds):
        rounds.append(
            {
                "ours": ours(agent, args.slots, args.steps),
                "plain": plain(agent, args.steps),
            }
        )
        print(rounds[-1], flush=True)
    best = {name: max(r[name] for r in rounds) for name in ("ours", "plain")}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        args.output,
        {
            "agent_steps_per_second": best,
            "ratio": best["ours"] / best["plain"],
            "rounds": rounds,
            "slots": args.slots,
            "device": device_name("cpu"),
            "others": machine.others(),
            "versions": versions(),
        },
    )
    print(json.dumps(best))


if __name__ == "__main__":
    main()
