"""Which campaigns and runs may be laid side by side: those whose best trials were measured under equal facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from runner.stats.compare import EQUAL_WITHIN_A_RUNTIME, MUST_BE_EQUAL, comparable

Row = Mapping[str, Any]

IN_WORDS = {
    "client": "load generator",
    "client_version": "version of the load generator",
    "workload_key": "workload",
    "model": "model",
    "model_revision": "revision of the model",
    "hardware": "hardware",
    "gpu": "GPU",
    "cpu_model": "CPU",
    "host": "machine",
    "engine_version": "version of the engine",
    "image_digest": "container image",
}

FACTS = {
    "always": [[name, IN_WORDS[name]] for name in MUST_BE_EQUAL],
    "runtime": [[name, IN_WORDS[name]] for name in EQUAL_WITHIN_A_RUNTIME],
}
"""For the page: what must be equal always, and what within one runtime, in the order in which it is asked."""

MOST = 4
"""Campaigns and runs side by side."""


@dataclass(frozen=True, slots=True)
class Group:
    """Campaigns with equal facts: each may be compared with each, unless one runtime stands in two versions."""

    facts: Row
    campaigns: Sequence[str]


def comparable_groups(rows: Sequence[Row]) -> list[Group]:
    """Of the rows of the query `compare_facts`: groups of two or more, the largest first."""
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in MUST_BE_EQUAL)].append(row)
    groups = [Group(mine[0], [row["campaign"] for row in mine]) for mine in found.values() if len(mine) > 1]
    return sorted(groups, key=lambda group: (-len(group.campaigns), group.campaigns[0]))


@dataclass(frozen=True, slots=True)
class Ran:
    """A run: its row of the query `compared_runs`. `before` is the latest run before it in which something succeeded,
    when something did in this one; `differs` says why the two are not comparable, None when they are."""

    row: Row
    started: datetime
    before: int | None
    differs: str | None


def runs_in_turn(rows: Sequence[Row]) -> list[Ran]:
    """Of the rows of one campaign, the latest first, as the query gives them."""
    found = []
    earlier: Row | None = None
    for row in reversed(rows):
        started = datetime.fromtimestamp(row["begin_ms"] / 1000, UTC)
        worked = row["number"] is not None
        if worked and earlier is not None:
            found.append(Ran(row, started, earlier["run"], differing_fact(earlier, row)))
        else:
            found.append(Ran(row, started, None, None))
        earlier = row if worked else earlier
    return found[::-1]


def differing_fact(a: Row, b: Row) -> str | None:
    """`runner.stats.compare.comparable` in words: the first fact that differs, with both values."""
    said = comparable(a, b)
    if said is None:
        return None
    name, _, values = said.partition(" differs: ")
    return f"{IN_WORDS[name]} differs, {values}"


def selection(*chosen: str | tuple[str, int]) -> str:
    """Campaigns, and runs of them by their number, as they stand in the address of the page behind the `#`: nothing in
    it means anything to HTML."""
    return "c=" + ",".join(quote(one, safe="") if isinstance(one, str) else _run(*one) for one in chosen)


def _run(campaign: str, number: int) -> str:
    return f"{quote(campaign, safe='')}@{number}"
