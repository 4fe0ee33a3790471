"""Film the published Doom agent for chapter 1, in the real game and in its dream.

python tools/make_film.py        # writes wmlib/book/assets/films/doom_take_cover.npz
"""

from pathlib import Path

import numpy as np

import wmlib
from wmlib import seeds

STEPS, TAU = 210, 1.15


def main() -> None:
    """The same policy, the same number of steps, two worlds."""
    agent = wmlib.load_pretrained("doom_take_cover")
    films = {}
    for name, env in (("real", agent.real(1)), ("dream", agent.dream(1, TAU))):
        features, _ = env.reset(seed=[seeds.TRAINING.stop - 1])
        frames = []
        for _ in range(STEPS):
            picture = env.pictures[0] if name == "real" else env.render()[0]
            frames.append(np.array(picture))
            features, _, terminated, truncated, _ = env.step(agent.act(features))
            if terminated[0] or truncated[0]:
                break
        films[name] = np.stack(frames[::2])
        env.close()
    length = min(len(film) for film in films.values())
    films = {name: film[:length] for name, film in films.items()}
    path = Path("wmlib/book/assets/films/doom_take_cover.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **films, tau=TAU)
    print(f"{path}: {length} frames each, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
