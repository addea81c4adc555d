"""What the verdict of a campaign is worth: the whole procedure on made-up repeats whose truth is known.

`python -m tests.benchmarks.calibrate [--runs 2000] [--publish]` prints, for noise of one repeat and the true difference
of one arm to all others, how often that arm is called better or worse than the default, a tie, or inconclusive, and
how many rounds that took. Repeats are log-normal; the procedure is the one that `tunebook run` follows
(runner.stats.sequential). `wrong`: any pair of equal arms called better or worse, or the worse called better. A
second table sets it against pairs by round, with a machine that drifts and with one that does not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, variance
from typing import Any

from runner.domain.campaign import CONFIRM_AT_MOST, Confirm
from runner.domain.failure import Verdict
from runner.stats.arms import Repeat
from runner.stats.compare import FLOOR, Difference
from runner.stats.drift import without_drift
from runner.stats.sequential import Design, going_on, in_common
from tests.benchmarks.published import this_machine

NOISE = (0.01, 0.03, 0.05, 0.10)
TRUTH = (0.0, 0.02, 0.05, 0.10, 0.20)
PLACE = Path(__file__).parents[2] / "report" / "calibration.json"
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
    paired: bool = field(default=False, repr=False)
    """Not what tunebook does: the difference is that of each round, which is a block (Montgomery, chapter 4). No part
    of the seed, so that both see the same repeats."""


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
        order = sorted(going)
        for place, arm in enumerate(order[number % len(order) :] + order[: number % len(order)]):
            since = (number + place / len(going)) * world.step
            arms[arm][number] = Repeat(level[arm] + since + rng.gauss(0.0, scatter[arm]))
        if number >= design.repeats:
            going = _in_pairs(arms, _best(arms), design) if world.paired else going_on(arms, _best(arms), design)
    best = _best(arms)
    straight = without_drift(arms)

    def between(one: str, other: str) -> Difference | None:
        return paired(arms[one], arms[other]) if world.paired else in_common(straight, one, other)

    said = {other: _said(between(best, other), design) for other in arms if other != best}
    wrong = any(verdict in (Verdict.BETTER, Verdict.WORSE) and level[best] <= level[o] for o, verdict in said.items())
    pair = _said(between("0", "1"), design)
    return Ended(pair, wrong, sum(len(rounds) for rounds in arms.values()), number)


def paired(one: Mapping[int, Repeat], other: Mapping[int, Repeat]) -> Difference | None:
    """Student's t on the differences of the rounds that both were measured in: n - 1 degrees of freedom."""
    gaps = [one[number].value - other[number].value for number in sorted(one.keys() & other.keys())]
    if len(gaps) < 2:
        return None
    error = math.sqrt(max(variance(gaps), 2 * FLOOR**2) / len(gaps))
    return Difference(fmean(gaps), error, len(gaps) - 1, len(gaps))


def _in_pairs(arms: dict[str, dict[int, Repeat]], best: str, design: Design) -> set[str]:
    """`going_on`, by pairs."""
    open_ = {arm for arm in arms if arm != best and not design.settled(paired(arms[best], arms[arm]))}
    return {best, *open_} if open_ else set()


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


def worlds() -> Iterator[World]:
    """Two arms and four at every noise and difference, then a machine that drifts by 1 % a round."""
    for arms in (2, 4):
        for noise in NOISE:
            for truth in TRUTH:
                yield World(noise, truth, arms)
    for truth in (0.0, 0.10):
        yield World(0.03, truth, step=0.01)


def blocks() -> Iterator[World]:
    """Both ways to look at repeats of 3 % noise, on a machine that stands still, drifts slowly, or fast."""
    for step in (0.0, 0.002, 0.01):
        for truth in (0.0, 0.05, 0.10):
            for pairs in (False, True):
                yield World(0.03, truth, 2, step, paired=pairs)


def plain(one: Row) -> dict[str, Any]:
    """A row as the methodology page reads it."""
    told = (Verdict.BETTER, Verdict.WORSE, Verdict.TIE, Verdict.INCONCLUSIVE)
    world = {name: getattr(one.world, name) for name in ("arms", "noise", "truth", "step")}
    rest = {"wrong": one.wrong, "rounds": round(one.rounds, 2), "attempts": round(one.attempts, 2)}
    return {**world, **{verdict.value: one.shares[verdict] for verdict in told}, **rest}


HEAD = "arms  noise  drift  truth   better   worse     tie  inconcl.   wrong  rounds  attempts"


def line(one: Row) -> str:
    world, share = one.world, one.shares
    told = (share[Verdict.BETTER], share[Verdict.WORSE], share[Verdict.TIE], share[Verdict.INCONCLUSIVE], one.wrong)
    shares = "  ".join(f"{100 * value:5.1f} %" for value in told)
    where = f"{world.arms:>4}  {100 * world.noise:>3g} %  {100 * world.step:>3g} %  {100 * world.truth:>3g} %"
    return f"{where}  {shares}  {one.rounds:6.1f}  {one.attempts:8.1f}{'  in pairs' if world.paired else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="made-up campaigns for each line")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--publish", action="store_true", help="put the table where the methodology page finds it")
    options = parser.parse_args()
    sys.stdout.write(HEAD + "\n")
    rows = []
    for world in worlds():
        rows.append(row(world, options.runs, options.seed))
        sys.stdout.write(line(rows[-1]) + "\n")
        sys.stdout.flush()
    sys.stdout.write("\nas tunebook does it, and in pairs by round\n" + HEAD + "\n")
    for world in blocks():
        sys.stdout.write(line(row(world, options.runs, options.seed)) + "\n")
        sys.stdout.flush()
    if options.publish:
        told = {"measured": this_machine()["measured"], "command": "python -m tests.benchmarks.calibrate --publish"}
        content = {**told, "runs": options.runs, "first": FIRST, "cap": CAP, "rows": [plain(one) for one in rows]}
        PLACE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
