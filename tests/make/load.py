"""A campaign whose load was searched: which of 1, 4, 16, 8 users hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner.domain.records import RecordKind
from runner.fixtures.facts import an_id, attempt, campaign, rules, run_end, run_start, utc
from runner.fixtures.sealing import seal_one
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests.make.store import Made
from tests.make.wide import capacity_levels


def write_load(results: Path) -> Made:
    of = campaign(name="smollm-load", path="campaigns/smollm-load.yaml")
    made = Made(results, of, run_start(of, run_id=an_id(8), started_utc=utc(42000)), rules(of))
    levels = capacity_levels((1, 1.0), (4, 0.96), (16, 0.2), (8, 0.6))
    one = replace(attempt(of, 0, n=4000, run_id=an_id(8)), levels=levels)
    made.attempts.append(one)
    made.trials[one.number] = one.trial_id
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    seal_one(results, one)
    end = run_end(made.run, ended_utc=utc(42100), seconds=100.0, trials=1, succeeded=1, failed=0)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made
