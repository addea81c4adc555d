"""One search on one landscape: defaults first, then what the sampler asks for. The same arguments, the same trials."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point
from runner.samplers import Told
from runner.samplers._seeding import point_key
from tests.benchmarks.search.landscape import Landscape, regret
from tests.benchmarks.search.treatments import ASKERS, Log

MOST_ASKS = 300
LOOKED_AT = (10, 20, 40)
"""Deployments after which the regret is noted."""


@dataclass(frozen=True, slots=True)
class Variant:
    """`asker` is a key of ASKERS; `precheck` refuses what the landscape's declared rules refuse; `history` begins with
    what an earlier campaign on the same engine and machine found, and runs its best three after the defaults."""

    asker: str
    precheck: bool = False
    history: bool = False

    @property
    def name(self) -> str:
        return self.asker + " + precheck" * self.precheck + " + history" * self.history


@dataclass(frozen=True, slots=True)
class Played:
    """`regret` after each of LOOKED_AT deployments: of the configuration with the best measured score, by its true
    score; 1 while nothing succeeded. `seconds` is simulated, `ask_cpu` real. `severity` is the lowest seen."""

    regret: dict[int, float]
    failed: int
    hung: int
    first_success: int | None
    seconds: float
    failed_seconds: float
    ask_cpu: float
    refused: int
    severity: float
    deployed: int


def play(
    landscape: Landscape, variant: Variant, seed: int, trials: int = 40, earlier: Sequence[Told] = (),
    startup: int | None = None,
) -> tuple[Played, list[Told]]:  # fmt: skip
    """The search, and what it learnt. `earlier` is told first, with negative numbers; needs `variant.history`."""
    log = Log()
    search = Search(seed=seed, trials=trials) if startup is None else Search(seed=seed, trials=trials, startup=startup)
    before = list(earlier) if variant.history else []
    first = [point for point in _first(landscape, before) if landscape.contains(point)]
    seen: set[str] = set()
    told: list[Told] = []
    regrets: dict[int, float] = {}
    seconds = failed_seconds = cpu = 0.0
    refused = hung = 0
    for number in range(trials):
        if first:
            point: Point | None = first.pop(0)
        else:
            began = time.process_time()
            point, refusals = _asked(landscape, variant, log, before, search, number, seen)
            cpu, refused = cpu + time.process_time() - began, refused + refusals
        if point is None:
            break
        seen.add(point_key(point))
        got = landscape.deploy(point, 1000 * seed + number)
        log.told.append(Told(number, point, got.score, got.severity))
        log.deployed.append(got)
        told.append(log.told[-1])
        seconds, hung = seconds + got.seconds, hung + got.hung
        failed_seconds += 0.0 if got.score is not None else got.seconds
        if number + 1 in LOOKED_AT:
            regrets[number + 1] = _chosen_regret(landscape, told)
    for count in LOOKED_AT:  # a space that ended early keeps what it found
        if count <= trials:
            regrets.setdefault(count, _chosen_regret(landscape, told))
    succeeded = [one.number for one in told if one.score is not None]
    played = Played(
        regret=regrets, failed=len(told) - len(succeeded), hung=hung,
        first_success=succeeded[0] + 1 if succeeded else None, seconds=seconds, failed_seconds=failed_seconds,
        ask_cpu=cpu, refused=refused, severity=min((one.severity for one in told), default=1.0), deployed=len(told),
    )  # fmt: skip
    return played, told


def _first(landscape: Landscape, before: Sequence[Told]) -> list[Point]:
    """Each entry's default, then the best three of the earlier campaign."""
    sign = 1 if landscape.goal is Goal.MAXIMIZE else -1
    good = sorted((told for told in before if told.score is not None), key=lambda told: -sign * (told.score or 0.0))
    firsts = [Point(entry.entry) for entry in landscape.space.entries] + [told.point for told in good[:3]]
    return list({point_key(point): point for point in firsts}.values())


def _asked(
    landscape: Landscape, variant: Variant, log: Log, before: Sequence[Told], search: Search, number: int,
    seen: set[str],
) -> tuple[Point | None, int]:  # fmt: skip
    """A proposal that the pre-check lets pass and that was never deployed, and how many were refused before it."""
    rule = landscape.rule if variant.precheck else None
    known = Log([*before, *log.told], log.deployed) if before else log
    refused = 0
    for skip in range(MOST_ASKS):
        point = ASKERS[variant.asker].ask(landscape.space, landscape.goal, known, search, number, skip)
        if point is None:
            return None, refused
        if point_key(point) in seen or not landscape.contains(point):
            continue
        if rule is not None and rule(point):
            refused += 1
            continue
        return point, refused
    return None, refused


def _chosen_regret(landscape: Landscape, told: Sequence[Told]) -> float:
    good = [(one.score, one.point) for one in told if one.score is not None]
    if not good:
        return 1.0
    sign = 1 if landscape.goal is Goal.MAXIMIZE else -1
    return regret(landscape, max(good, key=lambda pair: sign * pair[0])[1])


def as_earlier(told: Sequence[Told]) -> list[Told]:
    """A finished campaign as a later one is told of it: before everything of its own."""
    return [Told(index - len(told), one.point, one.score, one.severity) for index, one in enumerate(told)]
