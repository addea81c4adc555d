"""How bad a failure is: one number in (0, 1) from phase and cause alone, never from a timeout or the wall clock.

The further an attempt got, the milder its failure, so that a sampler that has seen nothing but failures still knows
in which direction success lies. A hang is worse than the same failure told at once: it costs the whole deadline.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from runner.domain.failure import Cause, Failure, Phase

HANG = 0.04
"""Added when a deadline or the watchdog ended the attempt. Smaller than any step of the table: order is kept."""
HIGHEST = 0.99
LOWEST = 1e-6
MEASURE_START, MEASURE_SPAN = 0.50, 0.30
SLO_SPAN = 0.10


@dataclass(frozen=True, slots=True)
class SeverityRow:
    """One line of the printed table. `cause` None: every cause of the phases that has no line of its own.
    `severity` is a number, or the formula as text where it depends on how far the attempt got."""

    phases: tuple[Phase, ...]
    cause: Cause | None
    severity: float
    formula: str
    means: str


_BEFORE = (Phase.PRECHECK, Phase.LEASE, Phase.PULL, Phase.START)
_STARTUP = (*_BEFORE, Phase.LOAD, Phase.READY)

SEVERITY: tuple[SeverityRow, ...] = (
    SeverityRow(_STARTUP, Cause.BAD_FLAG, 0.95, "0.95", "the engine refused its own flags"),
    SeverityRow(_BEFORE, None, 0.90, "0.90", "the engine did not get as far as loading the model"),
    SeverityRow((Phase.LOAD,), None, 0.85, "0.85", "it ended while it loaded the model"),
    SeverityRow(_STARTUP, Cause.OOM_LOAD, 0.80, "0.80", "out of memory while loading the weights"),
    SeverityRow(_STARTUP, Cause.KV_TOO_SMALL, 0.78, "0.78", "no room left for the KV cache"),
    SeverityRow(_STARTUP, Cause.OOM_GRAPH, 0.75, "0.75", "out of memory while capturing graphs"),
    SeverityRow((Phase.READY,), None, 0.70, "0.70", "loaded, but it never answered its first request"),
    SeverityRow((Phase.WARMUP,), None, 0.60, "0.60", "answered once, then failed during warm-up"),
    SeverityRow(
        (Phase.MEASURE,), None, MEASURE_START, "0.50 - 0.30 x share of levels done", "failed under load"
    ),
    SeverityRow((Phase.SLO, Phase.DONE), None, 0.15, "0.15", "measured, but the result can not be used"),
    SeverityRow(
        (Phase.MEASURE, Phase.SLO, Phase.DONE), Cause.QUALITY, 0.15, "0.15", "measured, wrong answers"
    ),
    SeverityRow(
        (Phase.SLO, Phase.DONE), Cause.SLO, SLO_SPAN, "0.10 x r / (1 + r), r = sum of log(actual / limit)",
        "measured, but a hard SLO was missed",
    ),
)  # fmt: skip
"""The one table: documentation and pages print it, `severity` reads it."""


def severity(failure: Failure, levels_done: int, levels_total: int, hard_ratios: Iterable[float] = ()) -> float:
    """Severity of a failure, strictly between 0 and 1.

    `levels_done` of `levels_total` declared levels were measured with enough good requests. `hard_ratios` are the
    worst ratios (runner.scoring.slo) of the hard SLOs; those that are met (<= 1) do not count.
    """
    value = _base(failure, levels_done, levels_total, hard_ratios)
    if failure.hung or failure.cause is Cause.HANG:
        value += HANG
    return min(HIGHEST, max(LOWEST, value))


def _base(failure: Failure, done: int, total: int, hard_ratios: Iterable[float]) -> float:
    row = _row(failure)
    if row.cause is Cause.SLO:
        missed = math.fsum(math.log(ratio) for ratio in hard_ratios if ratio > 1)
        return SLO_SPAN * missed / (1 + missed)
    if row.phases == (Phase.MEASURE,):
        share = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
        return MEASURE_START - MEASURE_SPAN * share
    return row.severity


def _row(failure: Failure) -> SeverityRow:
    """The line of that cause in that phase, else the line of the phase. A cause of start-up named after the engine
    has served (bad_flag at `measure`) counts by its phase: it got further than start-up."""
    for row in SEVERITY:
        if row.cause is failure.cause and failure.phase in row.phases:
            return row
    for row in SEVERITY:
        if row.cause is None and failure.phase in row.phases:
            return row
    raise AssertionError(f"no severity for phase {failure.phase}")
