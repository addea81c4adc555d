"""Budgets hold over all runs of a series, killed ones included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.campaign.identity import resolved
from runner.cli._summary import summary
from runner.decide import Over, Step, next_step
from runner.domain.campaign import Budget, Campaign
from runner.domain.failure import Cause, EndReason, Phase
from runner.domain.records import RecordKind
from runner.run_campaign import Run
from runner.store.record import seal
from tests import make


def opened(results: Path, budget: Budget) -> Run:
    """Two runs came before: one ended after 600 s, the other was killed and had sealed two attempts. Of three attempts
    two failed; each took half an hour of one GPU."""
    of = replace(make.gpu_campaign(), budget=budget)
    for n, ended in ((1, True), (2, False)):
        run = make.an_id(n)
        start = make.run_start(of, run_id=run, campaign=resolved(of), started_utc=make.utc(n))
        seal(results, RecordKind.RUN_START, run, start)
        if ended:
            seal(results, RecordKind.RUN_END, make.an_id(50), make.run_end(start, seconds=600.0))
    crash = make.failure(Phase.LOAD, Cause.CRASH)
    for number, (of_run, failed) in enumerate(((1, None), (2, crash), (2, crash))):
        values = {"threads": number} if number else {}
        made = make.attempt(
            of, number, values=values, failed=failed, run_id=make.an_id(of_run), seconds=100.0, gpu_seconds=1800.0
        )
        seal(results, RecordKind.ATTEMPT, made.attempt_id, made)
    return Run.open(of, Path("x.yaml"), results, results)


def ended_by(run: Run) -> EndReason | None:
    campaign: Campaign = replace(run.campaign, search=replace(run.campaign.search, baseline=False, sampler="random"))
    step = next_step(campaign, run.lineage, run.so_far())
    return step.reason if isinstance(step, Over) else None


@pytest.mark.parametrize(
    ("budget", "end"),
    [
        (Budget(wall=801.0), None),
        (Budget(wall=800.0), EndReason.WALL),  # 600 s of the run that ended, 2 x 100 s of the one that was killed
        (Budget(gpu_hours=1.6), None),
        (Budget(gpu_hours=1.5), EndReason.GPU_HOURS),
        (Budget(failures=3), None),
        (Budget(failures=2), EndReason.FAILURES),
    ],
)
def test_it_counts_all_runs_of_the_series(results: Path, budget: Budget, end: EndReason | None) -> None:
    run = opened(results, budget)
    if end is None:
        assert isinstance(next_step(run.campaign, run.lineage, run.so_far()), Step)
    assert ended_by(run) == end


def test_the_summary_says_what_failures_took(results: Path) -> None:
    run = opened(results, Budget())
    assert "; attempts that failed took 1 of 1.5 GPU-hours" in summary(run.result(EndReason.TRIALS), results)
