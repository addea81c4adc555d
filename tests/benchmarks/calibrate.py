"""What the verdict of a campaign is worth: the whole procedure on made-up repeats whose truth is known.

`python -m tests.benchmarks.calibrate [--runs 2000] [--publish]` prints, for noise of one repeat and the true difference
of one arm to all others, how often that arm is called better or worse than the default, a tie, or inconclusive, and
how many rounds that took. Repeats are log-normal; the procedure is the one that `tunebook run` follows
(runner.stats.sequential). `wrong`: any pair of equal arms called better or worse, or the worse called better.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from runner.domain.campaign import CONFIRM_AT_MOST, Confirm
from runner.domain.failure import Verdict
from runner.stats.arms import Repeat
from runner.stats.compare import Difference
from runner.stats.sequential import Design, going_on, in_common

NOISE = (0.01, 0.03, 0.05, 0.10)
TRUTH = (0.0, 0.02, 0.05, 0.10, 0.20)
FIRST, CAP = Confirm().repeats, CONFIRM_AT_MOST


@dataclass(frozen=True, slots=True)
class World:
    """`truth`: how much better arm 0 is than all others. `step`: what the machine gains from round to round;
    `quieter`: what part of its noise the others have."""

    noise: float
    truth: float
    arms: int = 4
    step: float = 0.0
    quieter: float = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """Verdict of arm 0 against arm 1 (the default), attempts of all arms, rounds of the longest."""

    verdict: Verdict
    wrong: bool
    attempts: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Row:
    world: World
    runs: int
    shares: dict[Verdict, float]
    wrong: float
    rounds: float
    attempts: float


def once(world: World, design: Design, rng: random.Random) -> Ended:
    """One campaign's confirming, from the first round to its verdicts."""
    level = {str(arm): math.log1p(world.truth) if arm == 0 else 0.0 for arm in range(world.arms)}
    arms: dict[str, dict[int, Repeat]] = {arm: {} for arm in level}
    scatter = {arm: math.sqrt(math.log1p((world.noise * (1 if arm == "0" else world.quieter)) ** 2)) for arm in level}
    going, number = set(arms), 0
    while going and number < design.at_most:
        number += 1
        for place, arm in enumerate(sorted(going)):
            since = (number + place / len(going)) * world.step
            arms[arm][number] = Repeat(level[arm] + since + rng.gauss(0.0, scatter[arm]))
        if number >= design.repeats:
            going = going_on(arms, _best(arms), design)
    best = _best(arms)
    said = {other: _said(in_common(arms, best, other), design) for other in arms if other != best}
    wrong = any(verdict in (Verdict.BETTER, Verdict.WORSE) and level[best] <= level[o] for o, verdict in said.items())
    pair = _said(in_common(arms, "0", "1"), design)
    return Ended(pair, wrong, sum(len(rounds) for rounds in arms.values()), number)


def _best(arms: dict[str, dict[int, Repeat]]) -> str:
    return max(arms, key=lambda arm: fmean(repeat.value for repeat in arms[arm].values()))


def _said(found: Difference | None, design: Design) -> Verdict:
    return Verdict.INCOMPARABLE if found is None else design.decided(found)


def row(world: World, runs: int, seed: int, cap: int = CAP, first: int = FIRST) -> Row:
    rng = random.Random(f"{seed} {world}")
    design = Design(first, cap, world.arms)
    ended = [once(world, design, rng) for _ in range(runs)]
    count = Counter(one.verdict for one in ended)
    shares = {verdict: count[verdict] / runs for verdict in Verdict}
    return Row(
        world,
        runs,
        shares,
        sum(one.wrong for one in ended) / runs,
        fmean(one.rounds for one in ended),
        fmean(one.attempts for one in ended),
    )
