"""Failed trials, from rows of the query `failures`: the same last line, the time it took, what a campaign's died of.

Lines are made alike here, after what may not leave was taken out of them (`report.publish`): a host name or a secret
with its digits replaced would no longer be known as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from report.phrases import seconds_text
from runner.domain.failure import Phase

Row: TypeAlias = Mapping[str, Any]

_LONGEST = 500
"""Characters of a line that are compared: what follows is data, not the message."""
_ALIKE = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<address>"),
    (re.compile(r"(?<![\w.<>])(?:~|\.{1,2})?(?:/[\w.@+-]+){2,}/?"), "<path>"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"), "<id>"),
    (re.compile(r"[0-9]+(?:[.,:][0-9]+)*(?:e[+-]?[0-9]+)?", re.IGNORECASE), "<n>"),
    (re.compile(r"\s+"), " "),
)


@lru_cache(maxsize=4096)
def alike(line: str) -> str:
    """`line` without what differs from one time to the next: numbers, paths, addresses, ids. What is done once is done:
    a line that was made alike stays as it is."""
    text = line
    for pattern, stands in _ALIKE:
        text = pattern.sub(stands, text)
    return text.strip()


@dataclass(frozen=True, slots=True)
class Toll:
    """What failed attempts took: seconds of GPUs where they had some, and wall seconds of those that had none."""

    trials: int
    cpu_seconds: float
    gpu_seconds: float

    @property
    def text(self) -> str:
        parts = [f"{self.gpu_seconds / 60:.3g} GPU-min"] if self.gpu_seconds else []
        return " + ".join([*parts, *([seconds_text(self.cpu_seconds)] if self.cpu_seconds or not parts else [])])


@dataclass(frozen=True, slots=True)
class Death:
    """Trials that ended with the same line. `first` is one of them, of the first campaign by name."""

    line: str
    trials: int
    campaigns: tuple[str, ...]
    causes: tuple[str, ...]
    phases: tuple[str, ...]
    toll: Toll
    first: Row

    @property
    def many(self) -> bool:
        return self.trials > 1


def deaths(failures: Sequence[Row]) -> list[Death]:
    """One for each line, that of most trials first. Failures without a line are no group."""
    groups: dict[str, list[Row]] = {}
    for row in failures:
        line = alike((row["evidence"] or "")[:_LONGEST])
        if line:
            groups.setdefault(line, []).append(row)
    made = [_death(line, rows) for line, rows in groups.items()]
    return sorted(made, key=lambda one: (-one.trials, -len(one.campaigns), one.line))


def _death(line: str, rows: Sequence[Row]) -> Death:
    return Death(
        line,
        len(rows),
        tuple(sorted({row["campaign"] for row in rows})),
        tuple(sorted({row["cause"] for row in rows})),
        _in_order({row["phase"] for row in rows}),
        _toll(rows),
        min(rows, key=lambda row: (row["campaign"], row["number"])),
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """Trials of one campaign that ended alike: one cause and phase, the same line but for its numbers. `first` is one
    of them; `numbers` are all, ascending. `severity`, `penalty` and `classic` are (least, most), None where no trial
    has one."""

    first: Row
    numbers: tuple[int, ...]
    toll: Toll
    severity: tuple[float, float] | None
    penalty: tuple[float, float] | None
    classic: tuple[float, float] | None


def endings(failures: Sequence[Row]) -> list[Ending]:
    """Of the failures of one campaign, in their order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in failures:
        key = row["cause"], row["phase"], row["hung"], row["rule"], alike((row["evidence"] or "")[:_LONGEST])
        groups.setdefault(key, []).append(row)
    return [
        Ending(
            rows[0],
            tuple(sorted(row["number"] for row in rows)),
            _toll(rows),
            _span(rows, "severity"),
            _span(rows, "penalty"),
            _span(rows, "penalty_classic"),
        )
        for rows in groups.values()
    ]


def _span(rows: Sequence[Row], column: str) -> tuple[float, float] | None:
    known = [row[column] for row in rows if row[column] is not None]
    return (min(known), max(known)) if known else None


@dataclass(frozen=True, slots=True)
class Lost:
    """Failed trials with one cause, by phase: `cells` has one for each phase of the table, None where none failed."""

    cause: str
    cells: tuple[Toll | None, ...]
    total: Toll


def phases_of(failures: Sequence[Row]) -> tuple[str, ...]:
    """The phases that occur, in their order."""
    return _in_order({row["phase"] for row in failures})


def lost(failures: Sequence[Row]) -> list[Lost]:
    """One for each cause, that which took most time first; cells by `phases_of(failures)`."""
    phases = phases_of(failures)
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in failures:
        groups.setdefault(row["cause"], {}).setdefault(row["phase"], []).append(row)
    made = []
    for cause, by_phase in groups.items():
        cells = tuple(_toll(by_phase[phase]) if phase in by_phase else None for phase in phases)
        made.append(Lost(cause, cells, _toll([row for rows in by_phase.values() for row in rows])))
    return sorted(made, key=lambda one: (-one.total.gpu_seconds, -one.total.cpu_seconds, one.cause))


def by_campaign(failures: Sequence[Row]) -> list[tuple[str, str, str, Toll]]:
    """Campaign, phase, cause, and what they took: most trials first, campaign by campaign."""
    groups: dict[str, dict[tuple[str, str], list[Row]]] = {}
    for row in failures:
        groups.setdefault(row["campaign"], {}).setdefault((row["phase"], row["cause"]), []).append(row)
    order = list(Phase)
    found = []
    for campaign in sorted(groups, key=lambda name: (-sum(map(len, groups[name].values())), name)):
        for phase, cause in sorted(groups[campaign], key=lambda at: (order.index(Phase(at[0])), at[1])):
            found.append((campaign, phase, cause, _toll(groups[campaign][phase, cause])))
    return found


def _toll(rows: Sequence[Row]) -> Toll:
    on_cpu = [row for row in rows if not row["gpu_seconds_lost"]]
    return Toll(len(rows), _sum(on_cpu, "seconds_lost"), _sum(rows, "gpu_seconds_lost"))


def _sum(rows: Sequence[Row], column: str) -> float:
    return round(sum(row[column] or 0.0 for row in rows), 3)


def _in_order(phases: set[str]) -> tuple[str, ...]:
    return tuple(phase.value for phase in Phase if phase.value in phases)
