"""Which attempt decides over a trial: the same for the search, in Python, and for readers, in SQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from runner.decide import SoFar, Step, next_step
from runner.domain.failure import Cause, Phase, Role, TrialStatus
from runner.lineage import Lineage
from runner.store.history import history
from tests import make


def test_the_first_retry_that_succeeded_decides_where_the_search_failed(results: Path) -> None:
    crash = make.failure(Phase.LOAD, Cause.OOM_LOAD)
    attempts = [
        make.attempt(number=0, values={"threads": 1}, failed=crash, n=0),
        make.attempt(number=1, values={"threads": 2}, ttft=5.0, n=1),  # measured, and far over its hard SLO
        make.attempt(number=2, values={"threads": 4}, failed=make.failure(Phase.MEASURE, Cause.CRASH), n=2),
        make.attempt(number=3, values={"threads": 8}, throughput=70.0, n=3),
        make.attempt(number=0, values={"threads": 1}, failed=make.failure(Phase.START, Cause.CRASH), n=4,
                     role=Role.RETRY),
        make.attempt(number=0, values={"threads": 1}, throughput=80.0, n=5, role=Role.RETRY),
        make.attempt(number=0, values={"threads": 1}, throughput=90.0, n=6, role=Role.RETRY),
        make.attempt(number=2, values={"threads": 4}, failed=make.failure(Phase.START, Cause.CRASH), n=7,
                     role=Role.RETRY),
        make.attempt(number=3, values={"threads": 8}, throughput=99.0, n=8, role=Role.RETRY),
    ]  # fmt: skip
    of = make.campaign()
    before = Lineage.of(of, 0, sorted(attempts[:4], key=lambda attempt: attempt.number))
    assert [trial.number for trial in before.worth_a_retry] == [0, 2]
    make.write_store(results, attempts=attempts)
    lineage = Lineage.of(of, 0, history(results, of.search_key, 0))
    assert [trial.number for trial in lineage.worth_a_retry] == [2]
    judged = [(t.number, t.judgement.status.value, t.judgement.value, t.judgement.severity) for t in lineage.trials]
    assert [(number, status) for number, status, _, _ in judged] == [
        (0, "succeeded"),
        (1, "failed"),
        (2, "failed"),
        (3, "succeeded"),
    ]
    assert judged[0][2] == 80.0
    assert judged[3][2] == 70.0, "what succeeded is not improved by measuring it again"
    with duckdb.connect(str(results / "snapshot.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT number, status, score, severity FROM trials ORDER BY number").fetchall()
    assert rows == judged


def test_a_trial_that_a_limit_stopped_is_measured_on_when_the_limit_is_loosened(results: Path) -> None:
    """Under the old limit the first level was the last one; today the second counts, and nobody knows it."""
    strict = make.campaign()
    slow = make.level(0, 1, 40.0, 3.0)
    stopped = make.attempt(strict, 0, levels=(slow, make.not_reached(1)))
    make.seal_one(results, stopped)
    before = Lineage.of(strict, 0, history(results, strict.search_key, 0))
    assert [trial.judgement.status for trial in before.trials] == [TrialStatus.FAILED]
    assert before.unjudged == []

    loose = replace(strict, slos=(replace(strict.slos[0], maximum=99.0),))
    after = Lineage.of(loose, 0, history(results, loose.search_key, 0))
    assert (after.trials, after.told, after.unjudged) == ((), [], [0])
    step = next_step(loose, after, SoFar())
    assert isinstance(step, Step)
    assert (step.number, step.configuration) == (0, stopped.configuration)

    make.seal_one(results, make.attempt(loose, 0, ttft=3.0, n=50))
    done = Lineage.of(loose, 0, history(results, loose.search_key, 0))
    assert [trial.judgement.status for trial in done.trials] == [TrialStatus.SUCCEEDED]
    assert done.unjudged == []
