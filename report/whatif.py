"""Which trial would win under other limits: the scores of `runner.scoring.judge` again, under rules whose SLOs are the
reader's limits, all of them hard, and nothing else. Re-scored, not re-measured.

`report/assets/whatif.js` is this module in the browser; tests run both over the same cases. `Case` is the JSON that
both read: `goal` and `at` of the first objective, `declared` levels (none where each trial searched its own),
`least` (one boolean a limit: is it a minimum?) and `trials`, each with the levels that the search measured of it:
`[position, scenario, kind of load, load, good enough?, objective, limited metrics...]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Case = Mapping[str, Any]
Level = Sequence[Any]
Limits = Sequence[float | None]
"""In the order of `least`; None: no limit."""

Asked = tuple[int, float, bool]
"""A limit that was set: its place, its value, whether it is a minimum."""

COUNTS, OBJECTIVE, FIRST = 4, 5, 6
"""Places in a level."""


@dataclass(frozen=True, slots=True)
class Step:
    """What has to hold up to some load. `worst` of each limited metric over its levels (None: measured at none of
    them), `hole`: not measured at one of them. `reached`: all levels were measured; `good`: enough requests ended well.
    """

    value: float | None
    worst: tuple[float | None, ...]
    hole: tuple[bool, ...]
    reached: bool
    good: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """`winner` is the number of a trial, `value` its objective as measured, both None where no trial meets the limits.
    `unknown`: their needed levels were not measured, since other limits had ended the ascent before."""

    winner: int | None
    value: float | None
    met: int
    missed: int
    unknown: int


Offer = tuple[int, list[list[Step]]]
"""Number of a trial, and what it offers: for `goodput` the rungs of each scenario, of which the highest good one
counts, else one step over all needed levels."""


def rescore(case: Case, limits: Limits) -> Answer:
    """The first of the best trials under `limits`."""
    return answer(case, offers(case), limits)


def offers(case: Case) -> list[Offer]:
    """The part of `rescore` that no limit changes."""
    return [(number, _groups(case, levels)) for number, levels in case["trials"]]


def answer(case: Case, offered: Iterable[Offer], limits: Limits) -> Answer:
    found = {"met": 0, "missed": 0, "unknown": 0}
    maximize = case["goal"] == "maximize"
    asked = [(place, limit, case["least"][place]) for place, limit in enumerate(limits) if limit is not None]
    winner: int | None = None
    best: float | None = None
    for number, groups in offered:
        state, value = _judged(groups, asked, maximize=maximize)
        found[state] += 1
        if value is not None and (best is None or (value > best if maximize else value < best)):
            winner, best = number, value
    return Answer(winner, best, **found)


def _groups(case: Case, levels: Sequence[Level]) -> list[list[Step]]:
    at = {level[0]: level for level in levels}
    declared = case["declared"] or [level[:COUNTS] for level in levels]
    if case["at"] == "goodput":
        return [_rungs(ladder, at, case) for ladder in _ladders(declared)]
    needed = [one for one in declared if _is_needed(one, case["at"])]
    return [[_step([at.get(one[0]) for one in needed], case)]]


def _is_needed(level: Level, at: str) -> bool:
    letter, is_load, value = at.partition("=")
    kind = {"c": "concurrency", "r": "rate"}.get(letter, letter)
    return not is_load or (level[2] == kind and level[3] == float(value))


def _ladders(declared: Iterable[Level]) -> list[list[Level]]:
    """Levels by scenario, each with its loads ascending, as `runner.scoring.levels.ladders` has them."""
    found: dict[str, list[Level]] = {}
    for one in sorted(declared, key=lambda level: level[0]):
        found.setdefault(one[1], []).append(one)
    return [sorted(ladder, key=lambda level: level[3]) for ladder in found.values()]


def _rungs(ladder: Sequence[Level], at: Mapping[int, Level], case: Case) -> list[Step]:
    """The lightest level whatever it was, then as far as every one is good and has the objective."""
    rungs: list[Step] = []
    for n in range(len(ladder)):
        step = _step([at.get(one[0]) for one in ladder[: n + 1]], case, ladder=True)
        if n and not (step.reached and step.good and step.value is not None):
            break
        rungs.append(step)
        if step.value is None or not step.good:
            break
    return rungs


def _step(levels: Sequence[Level | None], case: Case, *, ladder: bool = False) -> Step:
    known = [level for level in levels if level is not None]
    worst, hole = [], []
    for place, least in enumerate(case["least"], FIRST):
        numbers = [level[place] for level in known]
        seen = [number for number in numbers if number is not None]
        worst.append((min(seen) if least else max(seen)) if seen else None)
        hole.append(len(seen) < len(numbers))
    reached = bool(levels) and len(known) == len(levels)
    values = [level[OBJECTIVE] for level in known]
    value = None
    if reached and None not in values:
        value = values[-1] if ladder else _aggregate(values, case)
    return Step(value, tuple(worst), tuple(hole), reached, all(level[COUNTS] for level in known))


def _aggregate(values: Sequence[float], case: Case) -> float:
    if case["at"] == "mean":
        return sum(value / len(values) for value in values)
    return min(values) if case["goal"] == "maximize" else max(values)


def _judged(groups: Sequence[Sequence[Step]], asked: Sequence[Asked], *, maximize: bool) -> tuple[str, float | None]:
    """In the order of `runner.scoring.judge`: too many errors, a limit missed, a level not reached, no number."""
    first = [rungs[0] for rungs in groups]
    if any(not step.good or _over(step, asked) for step in first):
        return "missed", None
    if not first or not all(step.reached for step in first):
        return "unknown", None
    tops = []
    for rungs in groups:
        top = None
        for step in rungs:
            if step.value is None or _over(step, asked) or any(step.hole[place] for place, _, _ in asked):
                break
            top = step.value
        if top is None:
            return "missed", None
        tops.append(top)
    return "met", min(tops) if maximize else max(tops)


def _over(step: Step, asked: Sequence[Asked]) -> bool:
    for place, limit, least in asked:
        worst = step.worst[place]
        if worst is not None and (worst < limit if least else worst > limit):
            return True
    return False
