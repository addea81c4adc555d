"""Published penalties, and the predecessor's scale with its own vectors in both signs."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from runner.domain.campaign import Goal
from runner.scoring.penalty import classic_penalty, published_penalty

VECTORS = [
    (30, "Failed to deploy InferenceService", 1200),
    (30, "engine crashed", 1000),
    (300, "CUDA OOM while loading", 750),
    (300, "runtime not found", 600),
    (480, "engine crashed", 200),
    (600, "Experiment timed out", 100),  # its factor 0.8 looks for "timeout"
    (600, "timeout", 80),
    (20, "hard SLO violation", 1000),
    (30, "Failed to deploy: CUDA out of memory", 1200),
    (119.9, "x", 1000),
    (120, "x", 500),
    (360, "x", 200),
    (570, "x", 100),
]


@pytest.mark.parametrize(("elapsed", "message", "size"), VECTORS)
def test_the_predecessors_vectors_in_both_signs(elapsed: float, message: str, size: float) -> None:
    assert classic_penalty(message, elapsed, 600, Goal.MINIMIZE) == size
    assert classic_penalty(message, elapsed, 600, Goal.MAXIMIZE) == -size


def test_worse_than_the_worst_success_by_a_share_of_the_spread() -> None:
    assert published_penalty(0.5, Goal.MAXIMIZE, [100, 300], 0.1) == 0.0
    assert published_penalty(0.5, Goal.MINIMIZE, [1.0, 3.0], 0.001) == 4.0


def test_one_success_alone_still_beats_its_failures() -> None:
    assert published_penalty(0.9, Goal.MAXIMIZE, [100], 0.1) == pytest.approx(91.0)
    assert published_penalty(0.9, Goal.MINIMIZE, [2.0], 0.001) == pytest.approx(2.18)
    assert published_penalty(0.9, Goal.MAXIMIZE, [0.0], 0.1) == pytest.approx(-0.09)


def test_without_a_success_there_is_no_unit_to_speak_in() -> None:
    assert published_penalty(0.9, Goal.MAXIMIZE, [], 0.1) is None


VIEWS = Path(__file__).parents[3] / "runner" / "store" / "views.sql"


@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize("scores", [[100.0], [100.0, 300.0], [-5.0, 2.0], [0.0], [-1e-9, 0.0], [2.5, 2.5, 7.0]])
def test_the_macro_of_the_store_is_its_twin(goal: Goal, scores: list[float]) -> None:
    macro = re.search(r"CREATE OR REPLACE MACRO penalty\(.*?;", VIEWS.read_text(encoding="utf-8"), re.DOTALL)
    assert macro is not None
    with duckdb.connect() as connection:
        connection.execute(macro[0])
        for severity in (0.001, 0.5, 0.99):
            asked = [goal.value, severity, min(scores), max(scores), 0.1]
            row = connection.execute("SELECT penalty(?, ?, ?, ?, ?)", asked).fetchone()
            assert row is not None
            assert row[0] == pytest.approx(published_penalty(severity, goal, scores, 0.1))
