"""How many tokens each request asks for, by its scenario. Pure and seeded."""

from __future__ import annotations

import random

from runner.domain.campaign import Scenario


def lengths(scenario: Scenario, seed: str) -> tuple[int, int]:
    """(prompt, output) tokens of one request. The same seed gives the same lengths.

    D: exactly those. N: normal, clipped below at 1 and 2 tokens as genai-bench does, and above at four standard
    deviations, which is what `Scenario.longest` plans a slot for. U: uniform, both ends included."""
    rng = random.Random(f"{seed}/lengths")
    if scenario.kind in ("D", "E"):
        return scenario.prompt, scenario.output
    if scenario.kind == "N":
        prompt = _normal(rng, scenario.prompt, scenario.prompt_sd)
        return max(1, prompt), max(2, _normal(rng, scenario.output, scenario.output_sd))
    if scenario.kind == "U":
        return (
            rng.randint(max(1, scenario.prompt_min), scenario.prompt),
            rng.randint(max(1, scenario.output_min), scenario.output),
        )
    raise ValueError(f"scenario {scenario.text!r} has no lengths")


def _normal(rng: random.Random, mean: int, deviation: int) -> int:
    return min(round(rng.gauss(mean, deviation)), mean + 4 * deviation)
