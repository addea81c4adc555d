"""A campaign with trials enough to say which of its parameters matter."""

from __future__ import annotations

import random
from pathlib import Path

from runner.domain.campaign import Search
from runner.domain.failure import Cause, Phase
from runner.domain.parameters import Scalar
from runner.domain.records import RecordKind
from runner.fixtures.facts import an_id, attempt, campaign, failure, rules, run_end, run_start, utc
from runner.fixtures.sealing import seal_one
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests.make.store import Made

TRIALS = 48


def write_searched(results: Path) -> Made:
    """48 random trials of entry f16, in which `threads` alone decides the score, `batch-size` alone whether the model
    still fits, and `flash-attn` nothing; then four of q8, from which nothing can be told."""
    of = campaign(name="smollm-searched", path="campaigns/smollm-searched.yaml", search=Search(trials=TRIALS + 4))
    draw = random.Random(11)
    made = Made(results, of, run_start(of, run_id=an_id(6), started_utc=utc(38000)), rules(of))
    failed = 0
    for number in range(TRIALS + 4):
        threads = draw.choice((1, 2, 4))
        batch = draw.randrange(64, 513)
        values: dict[str, Scalar] = {"threads": threads, "batch-size": batch, "flash-attn": draw.random() < 0.5}
        full = batch > 380 and number < TRIALS
        failed += full
        made.attempts.append(
            attempt(
                of, number, n=1300 + number, run_id=an_id(6), entry="f16" if number < TRIALS else "q8", values=values,
                throughput={1: 38.0, 2: 71.0, 4: 96.0}[threads] * draw.uniform(0.9, 1.1),
                failed=failure(Phase.LOAD, Cause.OOM_LOAD) if full else None,
            )
        )  # fmt: skip
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    for one in made.attempts:
        seal_one(results, one)
        made.trials[one.number] = one.trial_id
    counts = {"trials": len(made.attempts), "succeeded": len(made.attempts) - failed, "failed": failed}
    end = run_end(made.run, ended_utc=utc(41000), seconds=3000.0, **counts)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made
