"""Whatever is damaged is found, named, and cured by what the finding says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.domain.failure import Role
from runner.domain.records import RecordKind
from runner.errors import StoreError
from runner.store.ingest import ingest
from runner.store.rebuild import content_hashes, rebuild
from runner.store.record import record_path
from runner.store.verify import Finding, verify
from tests import make
from tests.runner.store.conftest import live

EMPTY = (
    "gpu_sample", "retraction", "objective", "merge", "merged", "foreign_result", "foreign_level", "foreign_metric",
)  # fmt: skip
"""Tables that nothing of the believable campaign goes to."""


def only(results: Path) -> Finding:
    (finding,) = verify(results).findings
    return finding


def test_a_whole_store_has_no_findings(store: make.Made) -> None:
    seen = verify(store.results)
    assert (seen.findings, seen.damaged) == ((), False)
    assert seen.records == len(store.attempts) + 8
    assert seen.tables == 27
    assert seen.rows > 1000


def test_a_flipped_bit_in_a_record_names_the_file(store: make.Made) -> None:
    file = record_path(store.results, RecordKind.ATTEMPT, store.attempts[4].attempt_id) / "requests.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)
    finding = only(store.results)
    assert finding.kind == "record"
    assert f"{file.parent.name}/{file.name}: changed" in finding.what
    assert "backup" in finding.todo


def test_a_missing_record_is_named(store: make.Made) -> None:
    path = record_path(store.results, RecordKind.ATTEMPT, store.of(0, Role.CONFIRM).attempt_id)
    shutil.rmtree(path)
    finding = only(store.results)
    assert finding.kind == "missing_record"
    assert f"records/{path.name}" in finding.what
    with pytest.raises(StoreError, match=path.name):
        rebuild(store.results)
    assert only(store.results).kind == "missing_record", "nothing was replaced"
    assert rebuild(store.results, drop_missing=True).ingested.pending == 0
    assert verify(store.results).findings == ()


def test_a_record_replaced_with_its_manifest_is_noticed(store: make.Made) -> None:
    """Somebody changed a fact and made the manifest fit: the store remembers what it took in."""
    other = make.write_store(store.results.parent / "other", attempts=[make.attempt(throughput=999.0)], ingested=False)
    name = record_path(store.results, RecordKind.ATTEMPT, other.attempts[0].attempt_id).name
    shutil.rmtree(store.results / "records" / name)
    shutil.copytree(other.results / "records" / name, store.results / "records" / name)
    finding = only(store.results)
    assert (finding.kind, name in finding.what) == ("record", True)


def test_pending_records_are_no_damage(store: make.Made) -> None:
    make.seal_one(store.results, make.attempt(store.campaign, number=12, values={"threads": 3}, n=200))
    assert only(store.results).kind == "pending"
    assert not verify(store.results).damaged
    ingest(store.results)
    assert verify(store.results).findings == ()


def test_a_row_that_was_deleted_behind_the_triggers_is_found(store: make.Made) -> None:
    attempt = store.attempts[2].attempt_id
    with live(store.results) as connection:
        connection.execute("DROP TRIGGER attempt_no_delete ON store.attempt")
        connection.execute("DELETE FROM store.attempt WHERE attempt_id = ?", [attempt])
    kinds = {finding.kind: finding for finding in verify(store.results).findings}
    assert set(kinds) == {"trigger", "row"}
    assert attempt in kinds["row"].what
    rebuild(store.results)
    assert verify(store.results).findings == ()


def test_a_row_that_came_from_no_record_is_found(store: make.Made) -> None:
    with live(store.results) as connection:
        connection.execute(
            "INSERT INTO store.attempt SELECT * REPLACE ('invented' AS attempt_id) FROM store.attempt LIMIT 1"
        )
    assert "invented" in only(store.results).what


@pytest.mark.parametrize("part", [0.0, 0.2, 0.35, 0.5, 0.65, 0.8])
def test_a_flipped_bit_in_the_store_is_found_or_harmless(store: make.Made, part: float) -> None:
    """DuckDB checks a block when it reads it; a bit in a block that no row uses changes nothing."""
    file = store.results / "store.duckdb"
    with live(store.results) as connection:
        before = content_hashes(connection)
    data = bytearray(file.read_bytes())
    data[min(len(data) - 1, 5000 + int(part * (len(data) - 5000)))] ^= 0x04
    file.write_bytes(data)
    seen = verify(store.results)
    if not seen.findings:
        with live(store.results) as connection:
            assert content_hashes(connection) == before
    else:
        assert seen.damaged
    rebuild(store.results)
    assert verify(store.results).findings == ()


def test_rebuild_gives_the_same_rows(store: make.Made) -> None:
    asked = make.attempt(store.campaign, 12, values={"threads": 3}, n=200, quality=make.quality(make.an_id(100)))
    make.seal_one(store.results, asked)
    ingest(store.results)
    with live(store.results) as connection:
        before = content_hashes(connection)
    assert before["attempt"][0] == len(store.attempts) + 1
    assert min(rows for table, (rows, _) in before.items() if table not in EMPTY) > 0
    made = rebuild(store.results)
    assert made.ingested.pending == 0
    with live(store.results) as connection:
        assert content_hashes(connection) == before
    assert verify(store.results).findings == ()
    assert sorted(p.name for p in store.results.iterdir() if p.name.startswith(".")) == []


def test_a_content_hash_sees_a_changed_value(store: make.Made) -> None:
    with live(store.results) as connection:
        before = content_hashes(connection)
        connection.execute("DROP TRIGGER level_no_update ON store.level")
        connection.execute("UPDATE store.level SET sent = sent + 1 WHERE position = 0")
        after = content_hashes(connection)
    assert {table for table in before if before[table] != after[table]} == {"level"}
