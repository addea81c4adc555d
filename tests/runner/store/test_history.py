"""What a sampler and a resume see: the sealed records of the lineage, ingested or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.records import RecordKind
from runner.errors import StoreDamaged
from runner.store.history import facts, history, lineage_facts
from runner.store.record import seal
from tests import make


def test_attempts_come_by_number_then_start_ingested_or_not(results: Path) -> None:
    of = make.campaign()
    attempts = [
        make.attempt(of, 1, values={"threads": 2}, n=5),
        make.attempt(of, 0, n=9),
        make.attempt(of, 1, values={"threads": 2}, n=3),
        make.attempt(of, 10, values={"threads": 4}, n=4),
        make.attempt(of, 2, values={"threads": 1}, n=6, failed=make.failure()),
    ]
    made = make.write_store(results, of=of, attempts=attempts, ingested=False)
    assert not (results / "store.duckdb").exists()
    found = history(made.results, of.search_key, 0)
    assert found == [attempts[1], attempts[2], attempts[0], attempts[4], attempts[3]]
    assert found[0] is history(made.results, of.search_key, 0)[0], "parsed once"


def test_other_lineages_and_series_and_retracted_attempts_are_left_out(results: Path) -> None:
    of, other = make.campaign(), make.campaign(name="other")
    mine, elsewhere = make.attempt(of, n=1), make.attempt(other, n=2)
    next_series, gone = make.attempt(of, n=3, series=1), make.attempt(of, 1, values={"threads": 1}, n=4)
    for one in (mine, elsewhere, next_series, gone):
        make.seal_one(results, one)
    fact = make.retraction(gone)
    seal(results, RecordKind.RETRACTION, fact.retraction_id, fact)
    assert history(results, of.search_key, 0) == [mine]
    assert history(results, of.search_key) == [mine, next_series]
    assert history(results, "nobody") == []


def test_what_is_sealed_after_a_look_is_seen_at_the_next(results: Path) -> None:
    of = make.campaign()
    assert history(results, of.search_key) == []
    for n in range(3):
        make.seal_one(results, make.attempt(of, n, values={"threads": n + 1}))
        assert [one.number for one in history(results, of.search_key)] == list(range(n + 1))


def test_a_lineage_knows_its_runs(store: make.Made) -> None:
    killed = replace(store.run, run_id=make.an_id(2), started_utc=make.utc(9000))
    seal(store.results, RecordKind.RUN_START, killed.run_id, killed)
    found = lineage_facts(store.results, store.campaign.search_key)
    assert [start.run_id for start in found.starts] == [store.run.run_id, killed.run_id]
    assert [end.run_id for end in found.ends] == [store.run.run_id]
    assert len(found.rejections) == 2
    assert len(found.comparisons) == 3
    assert [fact.rules_id for fact in found.rules] == [store.rules.rules_id]
    assert found.attempt_seconds(store.run.run_id) == pytest.approx(sum(one.seconds for one in store.attempts))
    assert found.attempt_seconds(killed.run_id) == 0
    assert lineage_facts(store.results, "nobody").starts == ()


def test_a_damaged_record_is_named(results: Path) -> None:
    path = make.seal_one(results, make.attempt())
    text = (path / "attempt.json").read_text()
    (path / "attempt.json").write_text(text.replace('"seconds"', '"sekunden"', 1))
    with pytest.raises(StoreDamaged, match=path.name):
        facts(results, RecordKind.ATTEMPT)
