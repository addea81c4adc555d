"""A campaign that ran nine nights: on one the engine crashed, and its next version lost 15 %, as a gate saw too."""

from __future__ import annotations

from pathlib import Path

from runner.domain.failure import Cause, Phase, Role, Verdict
from runner.domain.records import RecordKind
from runner.domain.trial import EngineFacts
from runner.fixtures.facts import an_id, attempt, campaign, failure, rules, run_end, run_start, utc
from runner.fixtures.sealing import seal_one
from runner.fixtures.verdicts import comparison
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests.make.store import Made

NIGHTS = 9
DEAD = 2
"""The night on which the engine crashed."""
SLOWER = 5
"""The first night of the engine that is slower."""
DAY = 86400.0


def version(night: int) -> EngineFacts:
    return EngineFacts("llama.cpp", "b11556" if night >= SLOWER else "b11549")


def write_trend(results: Path) -> Made:
    of = campaign(name="smollm-nightly", path="campaigns/smollm-nightly.yaml")
    made = Made(results, of, run_start(of, run_id=an_id(2000), started_utc=utc(50000)), rules(of))
    seal_rules(results, made.rules)
    for night in range(NIGHTS):
        began = 50000 + DAY * night
        run = run_start(of, run_id=an_id(2000 + night), started_utc=utc(began), series=night)
        seal(results, RecordKind.RUN_START, run.run_id, run)
        for n in range(2):
            one = attempt(
                of, 0, n=5000 + 10 * night + n, run_id=run.run_id, series=night, started_utc=utc(began + 60 * n),
                ended_utc=utc(began + 60 * n + 12), role=Role.REPEAT if n else Role.BASELINE,
                throughput=(85.0 if night >= SLOWER else 100.0) + (night % 3) * 0.4 + 0.3 * n,
                failed=failure(Phase.LOAD, Cause.CRASH) if night == DEAD else None,
                engine=None if night == DEAD else version(night),
            )  # fmt: skip
            seal_one(results, one)
            made.attempts.append(one)
        good = night != DEAD
        end = run_end(run, ended_utc=utc(began + 100), seconds=100.0, trials=1, succeeded=good, failed=not good)
        seal(results, RecordKind.RUN_END, end.run_id, end)
    last, first = made.attempts[-1], made.attempts[0]
    gate = comparison(
        last, first, n=90, purpose="gate", verdict=Verdict.WORSE, log_ratio=-0.16, low=-0.2, high=-0.12,
        compared_utc=utc(50000 + DAY * (NIGHTS - 1) + 90), run_id=last.run_id,
    )  # fmt: skip
    seal(results, RecordKind.COMPARISON, gate.comparison_id, gate)
    ingest(results)
    snapshot(results)
    return made
