"""Engines side by side, of the rows of the query `runtimes`: which entries may stand together, and in which order.

Entries of one campaign's shown series stand together, measured in one search. Entries of several campaigns do only
where objective and all facts of `runner.stats.compare.MUST_BE_EQUAL` are equal, and for one runtime its version and
image too: one runtime in two versions is two things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from report.phrases import at_text, objective_title
from runner.stats.compare import MUST_BE_EQUAL, comparable

Row: TypeAlias = Mapping[str, Any]

_ASKED = ("objective", "objective_at", "goal")
_SPOKEN = {
    "workload_key": "workload", "model_revision": "revision", "client_version": "client version",
    "objective_at": "level that counts", "cpu_model": "CPU", "gpu": "GPU", "image_digest": "image",
    "engine_version": "engine version",
}  # fmt: skip
_HASHES = ("workload_key", "image_digest")
"""Facts whose value says nothing to a reader."""
MOST = 6
"""Entries of one setting that a page lays side by side: the best of each campaign first."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What may be compared. `key` is its number as text; `members` are rows of `runtimes`, the best first: confirmed
    scores, then search scores, then entries in which nothing succeeded. `facts` are those they share."""

    key: str
    members: tuple[Row, ...]

    @property
    def facts(self) -> Row:
        return self.members[0]

    @property
    def title(self) -> str:
        facts = self.facts
        return f"{facts['model']} on {facts['hardware']}: {objective_title(facts['objective'])}"

    @property
    def at(self) -> str:
        return at_text(self.facts["objective_at"])

    @property
    def campaigns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row["campaign"] for row in self.members))

    @property
    def shown(self) -> tuple[Row, ...]:
        """At most MOST: the first of each campaign and runtime before the others."""
        seen: set[tuple[str, str]] = set()
        first: list[Row] = []
        rest: list[Row] = []
        for row in self.members:
            one = (row["campaign"], row["runtime"])
            (rest if one in seen else first).append(row)
            seen.add(one)
        kept = {id(row) for row in [*first, *rest][:MOST]}
        return tuple(row for row in self.members if id(row) in kept)

    def label(self, row: Row) -> str:
        """An entry as this setting calls it: with its campaign where there are several."""
        return f"{row['entry']} ({row['campaign']})" if len(self.campaigns) > 1 else str(row["entry"])


@dataclass(frozen=True, slots=True)
class Alone:
    """A setting with one entry, and the facts that keep it from the nearest other one: name, its value, the other's."""

    row: Row
    other: Row | None
    differs: tuple[tuple[str, str, str], ...]


def settings(rows: Sequence[Row]) -> list[Setting]:
    """Every setting: those that compare something first, then the latest run first."""
    pools: dict[tuple[Any, ...], list[list[Row]]] = {}
    for _, entries in groupby(rows, key=lambda row: row["campaign"]):
        mine: dict[tuple[Any, ...], list[Row]] = {}
        # What never worked may lack facts (it was given no GPU): it stands beside what its campaign measured.
        for row in sorted(entries, key=lambda row: not _worked(row)):
            key = next(iter(mine)) if mine and not _worked(row) else _key(row)
            mine.setdefault(key, []).append(row)
        for key, members in mine.items():
            pool = next((one for one in pools.setdefault(key, []) if _fit(one, members)), None)
            if pool is None:
                pools[key].append(list(members))
            else:
                pool.extend(members)
    found = [pool for of_key in pools.values() for pool in of_key]
    found.sort(key=lambda pool: -min(len(pool), 2))
    return [Setting(str(n), tuple(sorted(pool, key=_order))) for n, pool in enumerate(found, 1)]


def side_by_side(rows: Sequence[Row]) -> list[Setting]:
    """The settings that compare something."""
    return [one for one in settings(rows) if len(one.members) > 1]


def alone(rows: Sequence[Row], most: int = 100) -> list[Alone]:
    """The first `most` entries that nothing may be compared with. The nearest of the others is the one that differs in
    the fewest facts."""
    every = settings(rows)
    known = [row for one in every for row in one.members][: most * 2]
    found = []
    for one in [one for one in every if len(one.members) == 1][:most]:
        row = one.facts
        others = [(differs, other) for other in known if (differs := differing(row, other))]
        differs, nearest = min(others, key=lambda pair: len(pair[0]), default=((), None))
        found.append(Alone(row, nearest, differs))
    return found


def differing(a: Row, b: Row) -> tuple[tuple[str, str, str], ...]:
    """The facts in which two entries differ, in the order in which they are asked: name, one value, the other."""
    names = [name for name in (*_ASKED, *MUST_BE_EQUAL) if a[name] != b[name]]
    if not names and a["runtime"] == b["runtime"]:
        names = [name for name in ("engine_version", "image_digest") if a[name] != b[name]]
    return tuple((_SPOKEN.get(name, name), _value(a, name), _value(b, name)) for name in names)


def _value(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        return "unknown"
    return str(value)[:8] if name in _HASHES else str(value)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*_ASKED, *MUST_BE_EQUAL))


def _fit(pool: Sequence[Row], members: Sequence[Row]) -> bool:
    """Equal facts are equal to all that have them: one of each runtime and version of the pool is asked."""
    asked = {(row["runtime"], row["engine_version"], row["image_digest"]): row for row in pool if _worked(row)}
    return all(comparable(one, row) is None for one in asked.values() for row in members if _worked(row))


def _worked(row: Row) -> bool:
    return row["best_number"] is not None


def _order(row: Row) -> tuple[Any, ...]:
    if row["best_number"] is None:
        return (2, 0.0, row["campaign"], row["entry"])
    sign = -1 if row["goal"] == "maximize" else 1
    return (row["best_basis"] != "confirmed", sign * row["best_score"], row["campaign"], row["entry"])
