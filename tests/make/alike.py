"""Three campaigns: two that may be compared, and one that ran on another machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner.domain.records import RecordKind
from runner.fixtures.facts import an_id, attempt, campaign, host, rules, run_end, run_start, utc
from runner.fixtures.sealing import seal_one
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot

FIRST, SECOND, ELSEWHERE = "chat-first", "chat-second", "chat-elsewhere"


def write_alike(results: Path) -> None:
    for n, (name, throughput) in enumerate({FIRST: 60.0, SECOND: 90.0, ELSEWHERE: 200.0}.items()):
        of = campaign(name=name, path=f"campaigns/{name}.yaml", description=f"Number {n}.")
        machine = replace(host(), host="far-away", cpu_model="Another CPU") if name == ELSEWHERE else host()
        run = run_start(of, run_id=an_id(3000 + n), started_utc=utc(3e6 + 1000 * n), host=machine)
        seal(results, RecordKind.RUN_START, run.run_id, run)
        seal_rules(results, rules(of))
        for number in range(2):
            one = attempt(
                of, number, n=7000 + 10 * n + number, run_id=run.run_id, host=machine, workload_key="the same",
                values={"threads": 2 + number} if number else {}, throughput=throughput + number,
                started_utc=utc(3e6 + 1000 * n + 60 * number), ended_utc=utc(3e6 + 1000 * n + 60 * number + 12),
            )  # fmt: skip
            seal_one(results, one)
        end = run_end(run, ended_utc=utc(3e6 + 1000 * n + 200), seconds=200.0, trials=2, succeeded=2, failed=0)
        seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
