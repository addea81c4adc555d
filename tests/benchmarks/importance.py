"""How often parameter importance names a parameter that does nothing, in searches by the real samplers.

`python -m tests.benchmarks.importance --searches 200`; no test. `threads` decides the score and `batch-size` who fails;
the other four do nothing. A search makes parameters go together, so *each by itself*, the usual way, names them too.
`found` is the share of searches that name the one that decides.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Point, Space, Values
from runner.samplers import Told, samplers
from runner.stats.importance import LEVEL, Weight, for_failing, for_objective
from runner.stats.ranks import holm

PARAMETERS: dict[str, Parameter] = {
    "threads": Choice((1, 2, 4, 8)),
    "batch-size": Int(64, 512),
    "cache-type": Choice(("f16", "q8_0", "q4_0")),
    "flash-attn": Choice((True, False)),
    "ubatch": Int(16, 512, log=True),
    "share": Float(0.5, 0.95),
}
SPACE = Space((EntrySpace("engine", PARAMETERS),))
DECIDES = {"objective": "threads", "failing": "batch-size"}


def searched(sampler: str, trials: int, noise: float, seed: int) -> list[Told]:
    draw = random.Random(f"noise {seed}")
    told: list[Told] = []
    search = Search(sampler=sampler, trials=trials, seed=seed)
    for number in range(trials):
        point = samplers.get(sampler).ask(SPACE, Goal.MAXIMIZE, told, (), search, number, 0)
        assert point is not None
        told.append(outcome(number, point, draw, noise))
    return told


def outcome(number: int, point: Point, draw: random.Random, noise: float) -> Told:
    fails = draw.random() < (0.9 if float(point.values["batch-size"]) > 400 else 0.05)
    score = 1 + 0.3 * math.log2(float(point.values["threads"])) + draw.gauss(0, noise)
    return Told(number, point, None if fails else score, 0.8 if fails else 0.0)


def by_itself(ask: Callable[[Sequence[Values]], tuple[Weight, ...]], trials: Sequence[Values]) -> set[str]:
    """What would be named if nothing were asked beyond the others."""
    found = [weight for name in PARAMETERS for weight in ask([{name: trial[name]} for trial in trials])]
    asked = [weight for weight in found if weight.lacks is None]
    chances = holm([weight.chance for weight in asked])
    return {weight.parameter for weight, chance in zip(asked, chances, strict=True) if chance <= LEVEL}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--searches", type=int, default=200)
    options.add_argument("--trials", type=int, default=50)
    options.add_argument("--noise", type=float, default=0.3)
    options.add_argument("--samplers", default="random,tpe")
    asked = options.parse_args()
    print(f"{asked.searches} searches of {asked.trials} trials, noise {asked.noise}")
    print(f"{'sampler':9} {'outcome':10} {'asked':>6} {'found':>6} {'noise named':>12} {'each by itself':>15}")
    for sampler in asked.samplers.split(","):
        counts = {outcome: [0, 0, 0, 0] for outcome in DECIDES}
        for seed in range(asked.searches):
            told = searched(sampler, asked.trials, asked.noise, seed)
            trials = [one.point.values for one in told]
            scores, failed = [one.score for one in told], [one.score is None for one in told]
            asks: dict[str, Callable[[Sequence[Values]], tuple[Weight, ...]]] = {
                "objective": lambda trials, scores=scores: for_objective(trials, scores),  # type: ignore[misc]
                "failing": lambda trials, failed=failed: for_failing(trials, failed),  # type: ignore[misc]
            }
            for name, ask in asks.items():
                weights = ask(trials)
                named = {weight.parameter for weight in weights if weight.matters}
                counts[name][0] += any(weight.lacks is None for weight in weights)
                counts[name][1] += DECIDES[name] in named
                counts[name][2] += bool(named - {DECIDES[name]})
                counts[name][3] += bool(by_itself(ask, trials) - {DECIDES[name]})
        for name, (known, found, noise, alone) in counts.items():
            shares = [f"{n / max(known, 1):.3f}" for n in (found, noise, alone)]
            print(f"{sampler:9} {name:10} {known:6} {shares[0]:>6} {shares[1]:>12} {shares[2]:>15}")


if __name__ == "__main__":
    main()
