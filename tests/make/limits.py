"""Cases of other limits, each with limits to try: every rule, every way in which a trial can lack a number. The same
seed gives the same cases."""

from __future__ import annotations

import random
from typing import Any

CASES = 200
METRICS = ("ttft_p99", "tpot_p99", "interactivity_p50")
"""The last one is limited from below."""
LEAST = (False, False, True)
SCENARIOS = ("D(100,20)", "D(1000,200)")
AT = ("worst", "mean", "goodput", "c=4", "c=64", "r=2", "worst", "goodput", "mean")
"""One of them names a load that no case declares."""


def cases(seed: int = 5, number: int = CASES) -> list[tuple[dict[str, Any], list[float | None]]]:
    chance = random.Random(seed)
    return [_case(chance, n) for n in range(number)]


def _case(chance: random.Random, n: int) -> tuple[dict[str, Any], list[float | None]]:
    kind = "rate" if AT[n % len(AT)] == "r=2" or chance.random() < 0.2 else "concurrency"
    loads = sorted(chance.sample([1.0, 2.0, 4.0, 8.0, 16.0], chance.randint(1, 4)))
    scenarios = SCENARIOS[: chance.choice((1, 1, 2))]
    declared: list[list[Any]] = [
        [position, scenario, kind, load]
        for position, (scenario, load) in enumerate((scenario, load) for scenario in scenarios for load in loads)
    ]
    whole = [_trial(chance, number, declared) for number in range(chance.randint(0, 12))]
    case = {
        "goal": chance.choice(("maximize", "maximize", "minimize")),
        "at": AT[n % len(AT)],
        "declared": declared if chance.random() < 0.85 else [],
        "least": list(LEAST),
        "trials": whole,
    }
    limits = [_limit(chance, place, whole) for place in range(len(METRICS))]
    return case, limits


def _trial(chance: random.Random, number: int, declared: list[list[Any]]) -> list[Any]:
    """As far as it was measured: the end is missing where an ascent had stopped, and now and then a number is."""
    speed, tied = chance.uniform(20.0, 120.0), chance.random() < 0.2
    last = len(declared) if chance.random() < 0.7 else chance.randint(1, len(declared))
    levels = []
    for position, scenario, kind, load in declared[:last]:
        value = 50.0 if tied else round(speed * load**0.5 * chance.uniform(0.9, 1.1), 6)
        numbers = [load * chance.uniform(0.01, 0.4), load / value, value / load]
        lost = [None if chance.random() < 0.04 else one for one in [value, *numbers]]
        levels.append([position, scenario, kind, load, int(chance.random() > 0.05), *lost])
    return [number, levels]


def _limit(chance: random.Random, place: int, trials: list[Any]) -> float | None:
    """Nothing, a number that was measured (the limit itself is met), or any."""
    seen = [level[6 + place] for _, levels in trials for level in levels if level[6 + place] is not None]
    drawn = chance.random()
    if drawn < 0.35 or not seen:
        return None
    low, high = min(seen), max(seen)
    return float(chance.choice(seen)) if drawn < 0.6 else chance.uniform(0.5 * low, 1.2 * high)
