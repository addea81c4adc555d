"""Which campaigns may be laid side by side: those whose best trials were measured under equal facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.stats.compare import EQUAL_WITHIN_A_RUNTIME, MUST_BE_EQUAL

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
"""Campaigns side by side."""


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
