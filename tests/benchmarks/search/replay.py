"""A real space, measured whole: 384 configurations of llama.cpp at three loads, by tunebook itself (`make_grid`).

A score is what was measured, so nothing better than one measurement is known of a configuration: the true optimum is
the best of them, and a search sees the measurement with the noise of another one on top.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from runner.domain.campaign import Goal
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.parameters import Choice, EntrySpace, Point, Space
from runner.samplers._seeding import point_key
from runner.scoring.severity import severity
from tests.benchmarks.search.landscape import Deployed, noisy

NAME = "llama.cpp, measured"
GRID = Path(__file__).parent / "llama-grid.json"
ENTRY = "llama_cpp"
NOISE = 0.035
LOADS = (1.0, 4.0, 8.0)
"""Which load a search looks at: the instances of this landscape."""


@dataclass(frozen=True)
class Replay:
    """See `Landscape`. Points without a measurement are not in it."""

    name: str
    space: Space
    goal: Goal
    rows: Mapping[str, Mapping[str, Any]]
    position: int

    @property
    def optimum(self) -> float:
        return max(score for row in self.rows.values() if (score := self._score(row)) is not None)

    @property
    def rule(self) -> Callable[[Point], bool] | None:
        return _refuses

    def contains(self, point: Point) -> bool:
        return point_key(point) in self.rows

    def true(self, point: Point) -> float | None:
        return self._score(self.rows[point_key(point)])

    def deploy(self, point: Point, seed: int) -> Deployed:
        row = self.rows[point_key(point)]
        score = self._score(row)
        if score is not None:
            return Deployed(noisy(score, NOISE, point, seed), 0.0, row["seconds"])
        cause = Cause(row["cause"])
        failure = Failure(Phase(row["phase"]), cause, row["evidence"], hung=row["hung"])
        levels = sum(1 for level in row["levels"] if level["state"] == "complete")
        return Deployed(None, severity(failure, levels, len(LOADS)), row["seconds"], failure, row["evidence"])

    def _score(self, row: Mapping[str, Any]) -> float | None:
        """Tokens per second at this instance's load; None when the attempt failed."""
        if row["outcome"] != "measured":
            return None
        value: float = row["levels"][self.position]["output_throughput"]
        return value


def _refuses(point: Point) -> bool:
    """llama.cpp's rule: a quantized V cache does not start without flash attention."""
    values = point.values
    return str(values.get("cache-type-v", "f16")) != "f16" and values.get("flash-attn") == "off"


@lru_cache(maxsize=8)
def make(instance: int) -> Replay:
    """Odd instances look at the highest load, even ones at the middle one: two questions to one grid."""
    return of(json.loads(GRID.read_text("utf-8")), 2 if instance % 2 else 1)


def of(content: Mapping[str, Any], position: int) -> Replay:
    rows = {point_key(Point(ENTRY, row["values"])): row for row in content["rows"]}
    return Replay(NAME, Space((EntrySpace(ENTRY, _parameters(content)),)), Goal.MAXIMIZE, rows, position)


def _parameters(content: Mapping[str, Any]) -> dict[str, Choice]:
    """Each value that was measured, in the order of the campaign."""
    listed: Mapping[str, list[Any]] = content["space"]
    return {name: Choice(tuple(values)) for name, values in listed.items()}
