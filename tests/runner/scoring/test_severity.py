"""The printed table is what the code does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from runner.domain.failure import Cause, Failure, Phase
from runner.scoring.severity import SEVERITY, severity
from tests.runner.scoring.facts import failed

TABLE = [
    (Phase.START, Cause.BAD_FLAG, 0.95),
    (Phase.START, Cause.CRASH, 0.90),
    (Phase.PULL, Cause.MODEL_MISSING, 0.90),
    (Phase.LOAD, Cause.CRASH, 0.85),
    (Phase.LOAD, Cause.DTYPE, 0.85),
    (Phase.LOAD, Cause.OOM_LOAD, 0.80),
    (Phase.LOAD, Cause.KV_TOO_SMALL, 0.78),
    (Phase.READY, Cause.OOM_GRAPH, 0.75),
    (Phase.READY, Cause.UNKNOWN, 0.70),
    (Phase.WARMUP, Cause.ERROR_RATE, 0.60),
    (Phase.MEASURE, Cause.OOM_SERVE, 0.50),
    (Phase.MEASURE, Cause.QUALITY, 0.15),
    (Phase.SLO, Cause.UNKNOWN, 0.15),
]


@pytest.mark.parametrize(("phase", "cause", "expected"), TABLE)
def test_the_table_of_the_design(phase: Phase, cause: Cause, expected: float) -> None:
    assert severity(failed(phase, cause), 0, 3) == pytest.approx(expected)
    assert severity(failed(phase, cause, hung=True), 0, 3) == pytest.approx(min(0.99, expected + 0.04))


def test_the_further_under_load_the_milder() -> None:
    crash = failed(Phase.MEASURE, Cause.CRASH)
    assert [severity(crash, done, 4) for done in range(5)] == pytest.approx([0.5, 0.425, 0.35, 0.275, 0.2])


def test_a_far_missed_slo_stays_milder_than_any_crash() -> None:
    slo = failed(Phase.SLO, Cause.SLO)
    r = math.log(10)
    assert severity(slo, 3, 3, [10.0]) == pytest.approx(0.1 * r / (1 + r))
    assert severity(slo, 3, 3, [1.01]) < severity(slo, 3, 3, [10.0]) < severity(slo, 3, 3, [10.0, 2.0]) < 0.1


def test_an_slo_that_is_met_with_room_does_not_excuse_one_that_is_missed() -> None:
    slo = failed(Phase.SLO, Cause.SLO)
    assert severity(slo, 3, 3, [2.0, 0.1]) == severity(slo, 3, 3, [2.0])


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_and_cause_has_a_severity(phase: Phase, cause: Cause) -> None:
    assert 0 < severity(Failure(phase, cause, "x"), 0, 0) < 1


def test_the_documentation_prints_every_line_of_the_table() -> None:
    page = Path(__file__).parents[3] / "site" / "reference" / "scoring.md"
    text = page.read_text(encoding="utf-8")
    for row in SEVERITY:
        cause = f"`{row.cause.value}`" if row.cause else "any other"
        phases = " ".join(f"`{phase.value}`" for phase in row.phases)
        assert f"| {phases} | {cause} | {row.formula} | {row.means} |" in text
