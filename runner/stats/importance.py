"""Which parameters matter for an outcome of the trials of one entry, and which are not told apart from chance. Pure.

The outcome is the rank of a trial's score, or whether it failed (0 or 1). A parameter's values are put into groups, and
the question is how much of the outcome's variance lies between them: the correlation ratio (K. Pearson, 1905), which is
the main effect of functional ANOVA at the points that were tried (F. Hutter, H. Hoos, K. Leyton-Brown, ICML 2014).

A search makes parameters go together: late trials have the good value of one, and whatever stood beside it of another.
So the surest parameter is taken first, and the others are asked what they add to it, until none is left whose chance,
corrected for how many were asked (Holm), is at most LEVEL. What is left is not told apart from chance, or goes together
with what is named. A conditional parameter is judged by the trials that set it, which leaves an entry's default out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np

from runner.domain.parameters import Scalar, Values
from runner.stats.failing import spelled
from runner.stats.ranks import double_ranks, holm
from runner.stats.shuffles import Added, Floats, added

LEVEL = 0.05
FEWEST = 20
"""Trials that set a parameter, below which nothing is said of it."""
FEWEST_EACH = 5
"""Failed ones, and succeeded ones, among the trials from which failing is judged."""
GROUPS = 4
"""Into so many groups of about the same size go numbers that have more values."""
SMALLEST = 3
"""Trials of a word, below which it shares a group with other seldom ones."""


@dataclass(frozen=True, slots=True)
class Group:
    """Trials whose value is `what` (`4`, `64 to 128`, `auto`). `middle`: median score, or the share that failed."""

    what: str
    trials: int
    middle: float


@dataclass(frozen=True, slots=True)
class Weight:
    """What is known of one parameter. `lacks` says why nothing could be asked; else `chance` is the corrected
    probability that chance explains as much, and `explained` the share of variance that the parameter adds to those
    named before it (0 where it is not told apart from chance). `beyond` names these."""

    parameter: str
    trials: int
    lacks: str | None = None
    chance: float = 1.0
    explained: float = 0.0
    beyond: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()

    @property
    def matters(self) -> bool:
        return self.lacks is None and self.chance <= LEVEL


def for_objective(trials: Sequence[Values], scores: Sequence[float | None]) -> tuple[Weight, ...]:
    """Each parameter that was searched, those that matter for the score first, the surest before the others. `scores`:
    one for each of `trials`, None for a failed one. All trials are of one entry."""
    scored = [index for index, score in enumerate(scores) if score is not None]
    known = [float(score) for score in scores if score is not None]

    def lacks(rows: Sequence[int]) -> str | None:
        found = {known[row] for row in rows}
        if not known:
            return "no trial succeeded"
        if len(rows) < FEWEST:
            return f"too few trials: {len(rows)} succeeded, {FEWEST} are needed"
        return "all scores are equal" if len(found) == 1 else None

    ranks = [rank / 2 for rank in double_ranks(known)]
    asked = _questions(trials, scored, lacks)
    return _weighed(asked, np.array(ranks, dtype=float), lambda rows: median(known[row] for row in rows))


def for_failing(trials: Sequence[Values], failed: Sequence[bool]) -> tuple[Weight, ...]:
    """The same for failing: `failed` says of each of `trials` whether it did."""
    ends = [float(one) for one in failed]

    def lacks(rows: Sequence[int]) -> str | None:
        bad = sum(failed[row] for row in rows)
        good = len(rows) - bad
        if not any(failed):
            return "no trial failed"
        if all(failed):
            return "no trial succeeded"
        if len(rows) >= FEWEST and min(bad, good) >= FEWEST_EACH:
            return None
        needed = f"{FEWEST_EACH} of each and {FEWEST} in all are needed"
        return f"too few trials: {bad} failed and {good} succeeded, {needed}"

    asked = _questions(trials, range(len(trials)), lacks)
    return _weighed(asked, np.array(ends, dtype=float), lambda rows: fmean(ends[row] for row in rows))


@dataclass(frozen=True, slots=True)
class _Question:
    """One parameter: `codes` maps each row that has it to the number of its group, `names` are those of the groups."""

    parameter: str
    codes: dict[int, int]
    names: tuple[str, ...] = ()
    lacks: str | None = None


def _questions(
    trials: Sequence[Values], kept: Sequence[int], lacks: Callable[[Sequence[int]], str | None]
) -> list[_Question]:
    """What is asked of each parameter that has two values in `trials`, by those of `kept`; rows count in `kept`."""
    made = []
    for name in sorted({name for trial in trials for name in trial}):
        written = {index: spelled(trial[name]) for index, trial in enumerate(trials) if name in trial}
        if len(set(written.values())) < 2:
            continue
        rows = {row: index for row, index in enumerate(kept) if index in written}
        reason = lacks(list(rows))
        if reason is None and len({written[index] for index in rows.values()}) < 2:
            reason = f"all of them have the value {written[next(iter(rows.values()))]}"
        values = [trials[index][name] for index in rows.values()]
        codes, names = grouped(values) if reason is None else ([0] * len(values), ())
        made.append(_Question(name, dict(zip(rows, codes, strict=True)), names, reason))
    return made


def _weighed(
    asked: Sequence[_Question], outcome: Floats, middle: Callable[[Sequence[int]], float]
) -> tuple[Weight, ...]:
    """Named one after the other, the surest first; of two that chance never reaches, the one that explains more."""
    left = [one for one in asked if one.lacks is None]
    named: list[_Question] = []
    weights: list[Weight] = []
    floor = 0.0
    while left:
        found = _asked(left, named, outcome)
        corrected = [max(floor, chance) for chance in holm([one.chance for one in found])]
        best = min(range(len(left)), key=lambda at: (corrected[at], -found[at].explained, left[at].parameter))
        if corrected[best] > LEVEL:
            weights += [_weight(one, chance, 0.0, named) for one, chance in zip(left, corrected, strict=True)]
            break
        floor = corrected[best]
        one = left.pop(best)
        groups = tuple(_groups(one, middle))
        weights.append(replace(_weight(one, floor, found[best].explained, named), groups=groups))
        named.append(one)
    return (*weights, *(Weight(one.parameter, len(one.codes), one.lacks) for one in asked if one.lacks is not None))


def _weight(one: _Question, chance: float, explained: float, named: Sequence[_Question]) -> Weight:
    before = tuple(other.parameter for other in named)
    return Weight(one.parameter, len(one.codes), None, chance, explained, before)


def _asked(left: Sequence[_Question], named: Sequence[_Question], outcome: Floats) -> list[Added]:
    """What each adds to those named already, in the trials that set it; where these lack one of the named, that is a
    group too. Parameters that the same trials set are asked together."""
    found: dict[str, Added] = {}
    for rows in {tuple(one.codes): None for one in left}:
        together = [one for one in left if tuple(one.codes) == rows]
        base = [np.ones((len(rows), 1))]
        base += [_columns([other.codes.get(row, len(other.names)) for row in rows]) for other in named]
        extras = [_columns(list(one.codes.values())) for one in together]
        answers = added(outcome[list(rows)], np.hstack(base), extras)
        found |= {one.parameter: answer for one, answer in zip(together, answers, strict=True)}
    return [found[one.parameter] for one in left]


def _columns(codes: Sequence[int]) -> Floats:
    """One column for each group: 1 where the trial is in it."""
    return np.array(np.array(codes)[:, None] == np.arange(max(codes) + 1), dtype=float)


def _groups(one: _Question, middle: Callable[[Sequence[int]], float]) -> list[Group]:
    members = [[row for row, code in one.codes.items() if code == at] for at in range(len(one.names))]
    return [Group(name, len(rows), middle(rows)) for name, rows in zip(one.names, members, strict=True)]


def grouped(values: Sequence[Scalar]) -> tuple[list[int], tuple[str, ...]]:
    """The group of each value, and what the groups are called. Numbers with more than GROUPS values go by their rank,
    equal ones together; of words each is one, but for the seldom ones."""
    numbers = [value for value in values if not isinstance(value, bool | str)]
    if len(numbers) < len(values):
        return _words([spelled(value) for value in values])
    distinct = sorted(set(numbers))
    if len(distinct) <= GROUPS:
        return [distinct.index(number) for number in numbers], tuple(spelled(number) for number in distinct)
    places = [(rank - 1) * GROUPS // (2 * len(numbers)) for rank in double_ranks(numbers)]
    used = sorted(set(places))
    members = [[number for number, at in zip(numbers, places, strict=True) if at == place] for place in used]
    return [used.index(place) for place in places], tuple(_span(group) for group in members)


def _span(numbers: Sequence[float]) -> str:
    low, high = spelled(min(numbers)), spelled(max(numbers))
    return low if low == high else f"{low} to {high}"


def _words(words: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    often = sorted(word for word, n in Counter(words).items() if n >= SMALLEST)
    seldom = sorted(set(words) - set(often))
    names = [*often, *([" or ".join(seldom)] if seldom else [])]
    return [often.index(word) if word in often else len(often) for word in words], tuple(names)
