"""What is known of the values of each searched parameter over all campaigns, from the rows of the query `parameters`.

A value is left out where its 95 % interval lies wholly beyond that of the best value: of the share of trials that
failed (Wilson 1927), or of the median gap to the best score (order statistics: W. R. Thompson, Annals of Mathematical
Statistics 7 (1936) 122-128). Two intervals that do not overlap are a strict test of a difference: N. Schenker,
J. F. Gentleman, American Statistician 55 (2001) 182-186. It is the effect of one parameter, whatever the others were:
two threads can be behind in the median and hold the best of all, so the gap leaves out no value that was a campaign's
best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from report.phrases import count, percent, value_text

Row: TypeAlias = Mapping[str, Any]

FEWEST = 20
"""Judged trials that set a parameter, below which nothing is said of it: as in `runner.stats.importance`."""
FEWEST_EACH = 5
"""Judged trials of one value."""
FEWEST_SCORED = 6
"""Scores behind an interval of a median: with fewer even the whole range does not hold it in 95 % (2 x 0.5^6)."""

GOOD, FAILS, BEHIND, FEW, SAME = "recommended", "fails more", "behind the best", "too few trials", "not told apart"


@dataclass(frozen=True, slots=True)
class Value:
    """One value, or a range of numbers: `what` as one writes it, `row` its numbers, `verdict` one of the five words."""

    what: str
    row: Row
    verdict: str


@dataclass(frozen=True, slots=True)
class Known:
    """One parameter of one engine. `said` is what to try, or why that can not be said; `evidence` its numbers."""

    runtime: str
    parameter: str
    values: tuple[Value, ...]
    said: str
    evidence: str

    @property
    def name(self) -> str:
        return f"{self.runtime}: {self.parameter}"

    @property
    def trials(self) -> int:
        return sum(value.row["trials"] for value in self.values)

    @property
    def failed(self) -> int:
        return sum(value.row["failed"] for value in self.values)

    @property
    def tells(self) -> bool:
        """Something was told apart."""
        return any(value.verdict in (FAILS, BEHIND) for value in self.values)

    @property
    def few(self) -> bool:
        """Nothing can be said."""
        return _few(self.values) is not None

    @property
    def size(self) -> int:
        return len(self.values)

    @property
    def first(self) -> Row:
        return self.values[0].row


def parameters(rows: Sequence[Row]) -> list[Known]:
    """Every parameter: those of which something can be said first, then those with more trials."""
    found = [_known(list(of)) for _, of in groupby(rows, key=lambda row: (row["runtime"], row["parameter"]))]
    return sorted(found, key=lambda one: (not one.tells, one.few, -one.trials, one.name))


def each_value(known: Sequence[Known], most: int) -> list[tuple[Known, Value]]:
    """The first `most` values, parameter by parameter."""
    return [(one, value) for one in known for value in one.values][:most]


def _known(rows: Sequence[Row]) -> Known:
    values = judged(rows)
    few = _few(values)
    if few is not None:
        said, evidence = f"not enough: {few}", ""
    elif not any(value.verdict == GOOD for value in values):
        said, evidence = "no value is told apart from the others", _lived(values)
    else:
        said, evidence = ", ".join(ranges(values)), _evidence(values)
    return Known(rows[0]["runtime"], rows[0]["parameter"], tuple(values), said, evidence)


def judged(rows: Sequence[Row]) -> list[Value]:
    """The rows of one parameter, each with its verdict. Without trials enough all are too few or not told apart."""
    enough = [row for row in rows if row["trials"] >= FEWEST_EACH]
    if sum(row["trials"] for row in rows) < FEWEST or len(enough) < 2:
        return [Value(_what(row), row, FEW if row["trials"] < FEWEST_EACH else SAME) for row in rows]
    safest = min(row["fail_high"] for row in enough)
    fails = [row["place"] for row in enough if row["fail_low"] > safest]
    quick = [row for row in enough if row["scored"] >= FEWEST_SCORED and row["place"] not in fails]
    nearest = min((row["gap_high"] for row in quick), default=None)
    behind = [row["place"] for row in quick if nearest is not None and row["gap_low"] > nearest and not row["best"]]

    def verdict(row: Row) -> str:
        if row["trials"] < FEWEST_EACH:
            return FEW
        if row["place"] in fails:
            return FAILS
        if row["place"] in behind:
            return BEHIND
        return GOOD if fails or behind else SAME

    return [Value(_what(row), row, verdict(row)) for row in rows]


def ranges(values: Sequence[Value]) -> list[str]:
    """The recommended values: numbers that follow one another become one range, which ends where a value between was
    left out or tried too seldom."""
    made = []
    for good, run in groupby(values, key=lambda value: value.verdict == GOOD):
        members = list(run)
        if not good:
            continue
        if members[0].row["low"] is None:
            made += [value.what for value in members]
        else:
            made.append(_span(members[0].row["low"], members[-1].row["high"]))
    return made


def _few(values: Sequence[Value]) -> str | None:
    trials = sum(value.row["trials"] for value in values)
    if trials < FEWEST:
        return f"{count(trials, 'trial')}, {FEWEST} are needed"
    enough = sum(value.row["trials"] >= FEWEST_EACH for value in values)
    return None if enough > 1 else f"{enough or 'no'} value has {FEWEST_EACH} trials, two must have"


def _lived(values: Sequence[Value]) -> str:
    trials = sum(value.row["trials"] for value in values)
    return f"{trials - sum(value.row['failed'] for value in values)} of {trials} trials lived"


def _evidence(values: Sequence[Value]) -> str:
    good = [value for value in values if value.verdict == GOOD]
    best, answered = sum(value.row["best"] for value in good), values[0].row["answered"]
    text = _lived(good)
    if answered:
        text += f", best of {best} of {count(answered, 'campaign')}"
    against = [_against(value) for value in values if value.verdict in (FAILS, BEHIND)]
    more = f"; and {len(against) - 4} more" if len(against) > 4 else ""
    return f"{text}. Left out: {'; '.join(against[:4])}{more}"


def _against(value: Value) -> str:
    if value.verdict == FAILS:
        yet = f", yet the best of {count(value.row['best'], 'campaign')}" if value.row["best"] else ""
        return f"{value.what}, {value.row['failed']} of {value.row['trials']} failed ({value.row['cause']}){yet}"
    return f"{value.what}, {percent(value.row['gap'])} behind the best in the median"


def _what(row: Row) -> str:
    return str(row["label"]) if row["low"] is None else _span(row["low"], row["high"])


def _span(low: float, high: float) -> str:
    return value_text(low) if low == high else f"{value_text(low)} to {value_text(high)}"
