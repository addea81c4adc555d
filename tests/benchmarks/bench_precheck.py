"""How right the pre-check is: the simulated engine's real rules against the simulated engine's own memory model.

    python -m tests.benchmarks.bench_precheck

A landscape is a space of some 28,000 points on a machine of 3 to 24 GB. The rules know weights and cache; the engine
also rounds its cache up to blocks and needs buffers, which the memory limit has to learn. For each landscape 40 random
points are tried as a search would try them (refused ones are not deployed, but one in twenty is audited), the limit is
learned from what came of them, as the next series would learn it, and then 100 other points are judged.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from runner.audits import is_drawn
from runner.domain.campaign import Campaign, Entry
from runner.domain.ground import Ground
from runner.domain.ids import fingerprint
from runner.domain.parameters import Choice, EntrySpace, Int, Parameter, Scalar
from runner.domain.trial import Configuration
from runner.fixtures import facts
from runner.precheck import precheck
from runner.runtimes import rules_of
from runner.runtimes._rules import needed
from runner.simulated.memory import problem
from runner.simulated.surface import Flags
from runner.space.rules import learned
from runner.stats.intervals import wilson

SEEDS, TRIED, JUDGED = 200, 40, 100

SPACE: dict[str, Parameter] = {
    "max-num-seqs": Int(1, 64, log=True),
    "ctx-size": Choice((64, 512, 1024, 2048, 4096, 8192)),
    "cache-dtype": Choice(("f16", "q8", "q4")),
    "block-size": Choice((8, 16, 32, 64, 128)),
    "chunk-size": Choice((256, 512, 1024, 2048, 4096)),
}


@dataclass
class Score:
    """Counts of configurations. `rules`: rule -> (refused, refused that would have failed)."""

    rules: dict[str, tuple[int, int]] = field(default_factory=dict)
    missed: int = 0
    limits: list[float] = field(default_factory=list)
    audited: int = 0
    audits_failed: int = 0

    def add(self, rule: str, failed: bool) -> None:
        refused, right = self.rules.get(rule, (0, 0))
        self.rules[rule] = refused + 1, right + failed

    @property
    def refused(self) -> int:
        return sum(refused for refused, _ in self.rules.values())

    @property
    def right(self) -> int:
        return sum(right for _, right in self.rules.values())

    @property
    def precision(self) -> float:
        return self.right / self.refused

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def landscape(seed: int) -> Campaign:
    """A machine whose memory the seed chooses."""
    memory = round(random.Random(f"machine {seed}").uniform(3.0, 24.0), 1)
    entry = Entry("simulated", "simulated", {"memory-gb": memory}, space=EntrySpace("simulated", SPACE))
    of = facts.campaign(entries=(entry,))
    return replace(of, search=replace(of.search, seed=seed))


def points(of: Campaign, rng: random.Random) -> Iterator[Configuration]:
    [entry] = of.entries
    while True:
        values: dict[str, Scalar] = {}
        for name, parameter in SPACE.items():
            match parameter:
                case Choice(choices):
                    values[name] = rng.choice(choices)
                case Int(low, high):
                    values[name] = round(low * (high / low) ** rng.random())
        flags = {**entry.flags, **values}
        yield Configuration("simulated", "simulated", values, flags, {}, fingerprint("simulated", flags, {}))


def fails(configuration: Configuration, of: Campaign) -> bool:
    """The engine's own word."""
    flags = Flags(**{name.replace("-", "_"): value for name, value in configuration.flags.items()})  # type: ignore[arg-type]
    tokens = of.space.constants["request_tokens"]
    assert isinstance(tokens, int)
    return problem(flags) is not None or flags.ctx_size < tokens


def measured(seeds: range = range(SEEDS)) -> Score:
    """All landscapes together, refusals judged with the limit that 40 tried points have taught."""
    score = Score()
    for seed in seeds:
        of, rng = landscape(seed), random.Random(seed)
        seen: list[tuple[float, bool]] = []
        drawn = points(of, rng)
        tried = 0
        while tried < TRIED:
            one = next(drawn)
            refused = precheck(one, of)
            if refused and not is_drawn(seed, one.fingerprint):
                continue
            failed = fails(one, of)
            tried += refused is None
            score.audited += refused is not None
            score.audits_failed += refused is not None and failed
            found = needed(rules_of("simulated"), one, of, Ground())
            if found and (not failed or _of_memory(one)):
                seen.append((found.share, not failed))
        limit = learned(seen)
        score.limits.append(limit.limit)
        ground = Ground(limits={"simulated": limit})
        for _ in range(JUDGED):
            one = next(drawn)
            verdict, failed = precheck(one, of, ground), fails(one, of)
            if verdict:
                score.add(verdict[0], failed)
            else:
                score.missed += failed
    return score


def _of_memory(one: Configuration) -> bool:
    return not (one.flags["cache-dtype"] == "q4" and int(one.flags["block-size"]) < 16)


def table(score: Score) -> str:
    lines = ["rule                      refused  would have failed  precision  95 % interval"]
    for rule, (refused, right) in [*sorted(score.rules.items()), ("all", (score.refused, score.right))]:
        low, high = wilson(right, refused)
        lines.append(f"{rule:<24}  {refused:>7}  {right:>17}  {right / refused:>9.4f}  {low:.4f} to {high:.4f}")
    below = sum(limit < 1 for limit in score.limits)
    lines.append(f"recall {score.recall:.4f}: {score.missed} failures that no rule foresaw")
    lines.append(f"limit below 1.00 in {below} of {len(score.limits)} landscapes, lowest {min(score.limits):.3f}")
    lines.append(f"audits while learning: {score.audited}, failed {score.audits_failed}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(measured()) + "\n")
