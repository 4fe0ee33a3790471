"""Several Cs that learn apart from each other, and their mean (chapter 10).

What a C finds in M that is not in the game, it finds by chance: another one, trained from another
seed, finds something else. What they have in common is more often true. The mean of linear Cs is a
linear C again: before the squash it says the mean of what they say. So it is their ensemble
(Breiman, 1996, "Bagging predictors") at the price of one. (That means of weights can be better
than each of them Wortsman et al., 2022, showed for large networks: "Model soups".)

Letters as in wmlib.learning.lives.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmlib import seeds
from wmlib.configs import PolicyConfig
from wmlib.learning.choosing import KNOWN, Check
from wmlib.learning.lives import Dreams, Games, Lives
from wmlib.learning.policy_gradient import learn_policy, least_updates
from wmlib.model.controller import Controller, load_controllers, save_controllers
from wmlib.records.metrics import Metrics
from wmlib.records.progress import tell
from wmlib.worlds.dream import DreamEnv
from wmlib.worlds.features import FeatureVectorEnv


def learn(
    env: FeatureVectorEnv,
    controller: Controller,
    config: PolicyConfig,
    folder: Path,
    seed: int,
    check: Check,
    begin: Tensor | None = None,
    **facts: Any,
) -> dict[str, float]:
    """One C or a team of `config.team`, trained in `env` and left in `folder`; resumes bit for bit.

    Each member is trained as `learn_policy` says, from zeros or `begin` (n_params,), in lives and
    a folder of its own. Published is the mean of all: no moment and no C is chosen. Rows of
    metrics: each `member`'s last one, with the `update`s and `seconds` of the team so far, and in
    the last what `check` finds of the mean. Returns what is known of the published C.
    """
    if config.team == 1:
        lives = _lives(env, config)
        return learn_policy(lives, controller, config, folder, seed, check, begin, **facts)
    metrics, members = Metrics(folder / "metrics.jsonl"), dict[str, Tensor]()
    metrics.resume_at("update", 0)  # a member that is finished tells its row again
    row: dict[str, Any] = {"update": 0, "seconds": 0.0}
    for number, part in enumerate(_parts(folder, config), start=1):
        tell(f"C {number} of {config.team}")
        part.mkdir(exist_ok=True)
        own = seed + seeds.RUNS * (number - 1)  # none that another run has
        learn_policy(_lives(env, config), controller, config, part, own, begin=begin, **facts)
        its_row = Metrics(part / "metrics.jsonl").read()[-1]
        row = its_row | {key: row[key] + its_row[key] for key in ("update", "seconds")}
        row["member"] = number
        _, found, _ = load_controllers(part / "controller.safetensors", controller.task)
        members[part.name] = found["params"]
        if number == config.team:
            members["params"] = torch.stack(list(members.values())).mean(0).half().float()
            row |= check(members["params"])
        metrics.append(**row)
    told = {key: row[key] for key in ("update", *KNOWN) if key in row}
    save_controllers(folder / "controller.safetensors", controller, members, chosen=told, **facts)
    return told | {"seconds": row["seconds"]}


def least(folder: Path, config: PolicyConfig) -> int:
    """The fewest updates at which the training in `folder` can end, of each member."""
    parts = [folder] if config.team == 1 else _parts(folder, config)
    return max(map(least_updates, parts))


def _parts(folder: Path, config: PolicyConfig) -> list[Path]:
    """The folders of a team's members."""
    return [folder / f"member_{number:02d}" for number in range(1, config.team + 1)]


def _lives(env: FeatureVectorEnv, config: PolicyConfig) -> Lives:
    """New lives in `env`: the next step begins all of them."""
    return Dreams(env, config) if isinstance(env, DreamEnv) else Games(env, config)
