"""Records into rows: once, all of them, whatever holds the file meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from runner.domain.campaign import Goal, Objective
from runner.domain.records import RecordKind
from runner.errors import StoreDamaged, StoreNewer
from runner.store import migrations, schema
from runner.store.ingest import ingest, insert_rows
from runner.store.rebuild import rebuild
from runner.store.record import record_path, seal, seal_attempt, seal_rules
from runner.store.snapshot import snapshot, snapshot_if_older
from runner.store.verify import verify
from tests import make
from tests.runner.store.conftest import Ask, live

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print("held", flush=True)
sys.stdin.read()
"""
LOCK = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(code: str, path: Path) -> Iterator[int]:
    """A process that runs `code` on `path` until the block ends; gives its pid."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child.pid
        child.communicate("")


def test_everything_sealed_is_taken_in_once(store: make.Made) -> None:
    again = ingest(store.results)
    assert (again.new, again.pending, again.warnings) == (0, 0, ())
    extra = make.attempt(store.campaign, number=12, values={"threads": 3}, n=200)
    make.seal_one(store.results, extra)
    assert ingest(store.results).new == 1
    assert ingest(store.results).new == 0


def test_an_empty_folder_is_no_error_and_makes_no_store(results: Path) -> None:
    assert ingest(results).new == 0
    assert not results.exists()


def test_a_shell_on_the_live_file_makes_records_wait(store: make.Made) -> None:
    extra = make.attempt(store.campaign, number=12, values={"threads": 3}, n=200)
    with another_process(HOLD, store.results / "store.duckdb") as pid:
        make.seal_one(store.results, extra)
        waiting = ingest(store.results)
        assert (waiting.new, waiting.pending, waiting.damaged) == (0, 1, 0)
        assert str(pid) in waiting.warnings[0]
        assert "store ingest" in waiting.warnings[0]
        assert snapshot_if_older(store.results, 0.0) is False
    taken = ingest(store.results)
    assert (taken.new, taken.pending, taken.warnings) == (1, 0, ())


def test_another_ingest_at_work_makes_records_wait(store: make.Made) -> None:
    make.seal_one(store.results, make.attempt(store.campaign, number=12, values={"threads": 3}, n=200))
    with another_process(LOCK, store.results / "store.lock"):
        waiting = ingest(store.results)
        assert (waiting.new, waiting.pending) == (0, 1)
    assert ingest(store.results).new == 1


def test_a_damaged_record_waits_alone(store: make.Made) -> None:
    good, bad = (make.attempt(store.campaign, number=n, values={"threads": n}, n=200 + n) for n in (12, 13))
    make.seal_one(store.results, good)
    log = make.seal_one(store.results, bad) / "engine.log"
    log.write_bytes(log.read_bytes() + b"!")
    done = ingest(store.results)
    assert (done.new, done.pending, done.damaged) == (1, 1, 1)
    assert f"attempt-{bad.attempt_id}/engine.log" in done.warnings[0]
    assert "tunebook store verify" in done.warnings[0]


def test_a_record_of_another_version_waits_alone(store: make.Made, tmp_path: Path) -> None:
    """Sealed with a field that we do not know: not a reason to lose it in silence, nor to stop the others."""
    attempt = make.attempt(store.campaign, number=12, values={"threads": 3}, n=200)
    path = record_path(store.results, RecordKind.ATTEMPT, attempt.attempt_id)
    make.seal_one(store.results, attempt)
    facts = json.loads((path / "attempt.json").read_text()) | {"tomorrow": 1}
    other = make.an_id(900)
    target = record_path(store.results, RecordKind.ATTEMPT, other)
    target.mkdir()
    (target / "attempt.json").write_text(json.dumps(facts | {"attempt_id": other}))
    digest = subprocess.run(["sha256sum", "attempt.json"], cwd=target, capture_output=True, text=True, check=True)
    (target / "MANIFEST.sha256").write_text(digest.stdout)
    done = ingest(store.results)
    assert (done.new, done.pending, done.damaged) == (1, 1, 1)
    assert f"attempt-{other} was refused" in done.warnings[0]
    assert "move the folder out of records/" in done.warnings[0]
    assert "tomorrow" in done.warnings[0]


def test_new_rules_score_old_attempts_and_keep_the_old_scores(store: make.Made, ask: Ask) -> None:
    """A changed objective runs nothing again: rows are added, the views follow the latest rules."""
    before = ask(store.results, "SELECT number, score, status FROM trials ORDER BY number")
    count = "SELECT count(*), count(*) FILTER (WHERE latest) FROM scores"
    ((rows, latest),) = ask(store.results, count)
    assert rows == latest == len(store.attempts)
    other = make.campaign(
        objective=Objective("e2e_p50", Goal.MINIMIZE, "c=1"), slos=(), search_key=store.campaign.search_key
    )
    seal_rules(store.results, make.rules(other, written_utc=make.utc(7000)))
    assert ingest(store.results).new == 1
    snapshot(store.results)
    ((rows, latest),) = ask(store.results, count)
    assert (rows, latest) == (2 * len(store.attempts), len(store.attempts))
    after = ask(store.results, "SELECT number, score, status, unit FROM trials ORDER BY number")
    assert {row[3] for row in after} == {"s"}
    assert after[0][1] == pytest.approx(store.of(0).levels[0].metric("e2e", "p50"))
    assert after[8][2] == "succeeded", "without the SLO trial 8 is no failure any more"
    assert before[8][2] == "failed"
    seal_rules(store.results, make.rules(store.campaign, written_utc=make.utc(8000)))
    assert ingest(store.results).new == 1
    snapshot(store.results)
    assert ask(store.results, "SELECT number, score, status FROM trials ORDER BY number") == before


def test_gpu_telemetry_is_read_from_the_record(store: make.Made, tmp_path: Path, ask: Ask) -> None:
    file = tmp_path / "gpu.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT s::DOUBLE AS seconds, 'GPU-0' AS gpu, 0.5 AS utilization, 1024 AS memory_bytes, "
            f"300.5 AS power_watts, 40.0 AS temperature_celsius FROM range(3) t(s)) TO '{file}' (FORMAT parquet)"
        )
    attempt = make.attempt(store.campaign, number=12, values={"threads": 3}, n=200)
    seal_attempt(store.results, attempt, None, None, None, {"gpu.parquet": file})
    assert ingest(store.results).new == 1
    snapshot(store.results)
    found = ask(store.results, "SELECT seconds, power_watts, clock_mhz FROM gpu_samples ORDER BY seconds")
    assert found == [(0.0, 300.5, None), (1.0, 300.5, None), (2.0, 300.5, None)]


def test_a_store_of_a_newer_version_is_left_alone(store: make.Made) -> None:
    with live(store.results) as connection:
        connection.execute("INSERT INTO store.schema_migration VALUES (99, '', now()::TIMESTAMP, '9.9', '9.9')")
    for action in (ingest, snapshot):
        with pytest.raises(StoreNewer, match="schema version 99") as caught:
            action(store.results)
        assert "rebuild" in str(caught.value.hint)
    assert [finding.kind for finding in verify(store.results).findings] == ["store"]
    rebuild(store.results)
    assert ingest(store.results).warnings == ()


def test_what_is_no_store_is_said_to_be_none(store: make.Made) -> None:
    (store.results / "store.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreDamaged) as caught:
        ingest(store.results)
    assert "store rebuild" in str(caught.value.hint)
    assert [finding.kind for finding in verify(store.results).findings] == ["store"]
    made = rebuild(store.results)
    assert made.old is not None
    assert made.old.read_bytes().startswith(b"not a database")
    assert verify(store.results).findings == ()


def test_changed_views_are_applied_at_the_next_open(store: make.Made, monkeypatch: pytest.MonkeyPatch) -> None:
    text = schema.views_text() + "\nCREATE OR REPLACE VIEW extra AS SELECT 42 AS answer;\n"
    monkeypatch.setattr(schema, "views_text", lambda: text)
    ingest(store.results)
    with live(store.results) as connection:
        assert connection.execute("FROM extra").fetchall() == [(42,)]
        assert connection.execute("SELECT count(*) FROM store.schema_migration").fetchall() == [(2,)]


def test_a_migration_runs_once(store: make.Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 99)
    for version in range(3, 100):
        monkeypatch.setitem(migrations.MIGRATIONS, version, "SELECT 1")
    monkeypatch.setitem(migrations.MIGRATIONS, 99, "ALTER TABLE store.run ADD COLUMN branch VARCHAR")
    for _ in range(2):
        ingest(store.results)
    with live(store.results) as connection:
        assert schema.current_version(connection)[0] == 99
        assert connection.execute("SELECT branch FROM store.run").fetchall() == [(None,)]
        assert schema.missing_triggers(connection) == []


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("level_metric", {"value": "NaN"}),
        ("level_metric", {"value": "Infinity"}),
        ("score", {"value": "NaN"}),
        ("score", {"value": "-Infinity"}),
        ("score", {"severity": "1.0"}),
        ("score", {"status": "'SUCCEEDED'"}),
        ("attempt", {"outcome": "'Measured'"}),
        ("attempt", {"role": "NULL"}),
        ("record", {"sha256": "'abc'"}),
        ("attempt", {"attempt_id": "attempt_id"}),
    ],
)
def test_what_may_not_stand_in_a_table_is_refused(store: make.Made, table: str, wrong: dict[str, str]) -> None:
    """A row that stands there, with one value changed."""
    key = {"level_metric": "attempt_id", "score": "attempt_id", "attempt": "attempt_id", "record": "record_id"}[table]
    ((column, value),) = wrong.items()
    replaced = f"{value}::DOUBLE" if value in ("NaN", "Infinity") else value
    replaced = f"'{value}'::DOUBLE" if value.strip("-") in ("NaN", "Infinity") else replaced
    new_key = "" if column == key else f", 'another' AS {key}"
    with live(store.results) as connection, pytest.raises(duckdb.ConstraintException):
        connection.execute(
            f"INSERT INTO store.{table} BY NAME "
            f"SELECT * REPLACE ({replaced} AS {column}{new_key}) FROM store.{table} LIMIT 1"
        )


def test_rows_may_come_twice_in_one_batch(store: make.Made) -> None:
    with live(store.results) as connection:
        row = {"retraction_id": "r", "attempt_id": "a", "reason": "", "by": "", "retracted_utc": make.utc()}
        insert_rows(connection, "retraction", [row, row])
        insert_rows(connection, "retraction", [row])
        assert connection.execute("SELECT count(*) FROM store.retraction").fetchall() == [(1,)]
        with pytest.raises(AssertionError, match="no column nope"):
            insert_rows(connection, "retraction", [row | {"nope": 1}])


def test_runs_are_told_apart_by_their_end(results: Path, ask: Ask) -> None:
    """A killed run has no end; the end of a run may be sealed under any id."""
    for n, ended in ((1, True), (2, False)):
        start = make.run_start(run_id=make.an_id(n), started_utc=make.utc(n))
        seal(results, RecordKind.RUN_START, start.run_id, start)
        if ended:
            seal(results, RecordKind.RUN_END, make.an_id(77), make.run_end(start))
    assert ingest(results).new == 3
    snapshot(results)
    found = ask(results, "SELECT end_reason, ended_utc IS NULL FROM runs ORDER BY started_utc")
    assert found == [("trials", False), (None, True)]
    assert verify(results).findings == ()


FULL = """
import resource, sys, duckdb
from runner.cli._main import run_command_line
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
sys.exit(run_command_line(["store", "ingest", "--results", sys.argv[1]]))
"""


@pytest.mark.parametrize("limit", [100, 30_000, 150_000, 400_000])
def test_a_full_disk_is_said_and_loses_nothing(results: Path, limit: int) -> None:
    """At whatever moment the disk is full: while the store is created, filled, or copied."""
    make.write_store(results, attempts=[make.attempt()], ingested=False)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(results), str(limit)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 10, done.stderr
    assert done.stderr.startswith("error[no-space]: no space left on the disk of ")
    assert not [path.name for path in results.iterdir() if path.name.startswith(".")]
    after = ingest(results)
    assert (after.pending, after.warnings) == (0, ())
    assert verify(results).findings == ()
    snapshot(results)


def test_a_log_of_a_deleted_store_is_not_replayed(store: make.Made) -> None:
    (store.results / "store.duckdb").unlink()
    (store.results / "store.duckdb.wal").write_bytes(b"left over")
    assert ingest(store.results).pending == 0
    assert verify(store.results).findings == ()
