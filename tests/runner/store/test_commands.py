"""`tunebook store` and `tunebook sql` as a user meets them: text, files, exit status."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from runner.cli._main import run_command_line
from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.reader import snapshot_path
from runner.store.record import record_path
from tests import make

Capture = pytest.CaptureFixture[str]


def run(*words: object) -> int:
    return run_command_line([str(word) for word in words])


def sql(made: make.Made, query: str, *words: object) -> int:
    return run("sql", query, "--results", made.results, *words)


def test_a_table_on_stdout_and_the_age_on_stderr(sealed: make.Made, capsys: Capture) -> None:
    assert sql(sealed, "SELECT number, entry, status, score FROM trials WHERE number < 4 ORDER BY number;") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["number", "entry", "status", "score"]
    assert lines[2].startswith("     0  f16    succeeded  ")
    assert lines[5].endswith("failed        NULL")
    assert len(lines) == 6
    assert err.startswith("4 rows from a snapshot ")


def test_control_characters_do_not_reach_the_terminal(sealed: make.Made, capsys: Capture) -> None:
    assert sql(sealed, "SELECT chr(27) || '[2J' || chr(7) AS evil, 'ä' AS fine") == 0
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    assert "\\x1b[2J\\x07" in out
    assert "ä" in out


def test_csv_and_json_hold_the_same(sealed: make.Made, capsys: Capture, tmp_path: Path) -> None:
    query = (
        "SELECT number, number AS number, params, launch, started_utc, hung, 'NaN'::DOUBLE AS n FROM trials ORDER BY 1"
    )
    assert sql(sealed, query, "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 12
    assert list(rows[0]) == ["number", "number_1", "params", "launch", "started_utc", "hung", "n"]
    assert rows[4]["params"] == {"batch-size": 256, "flash-attn": True, "threads": 4}
    assert rows[0]["started_utc"] == "2026-03-02T01:01:00"
    assert rows[0]["n"] is None
    file = tmp_path / "answer.csv"
    assert sql(sealed, query, "--format", "csv", "--out", file) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"written to {file}" in err
    table = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [row["launch"] for row in table] == [row["launch"] for row in rows]
    assert json.loads(table[4]["params"]) == rows[4]["params"]
    assert sql(sealed, "FROM trials WHERE false", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_parquet_needs_a_file(sealed: make.Made, capsys: Capture, tmp_path: Path) -> None:
    assert sql(sealed, "FROM trials", "--format", "parquet") == 2
    assert "--out" in capsys.readouterr().err
    file = tmp_path / "trials.parquet"
    assert sql(sealed, "FROM trials ORDER BY number -- all of them", "--format", "parquet", "--out", file) == 0
    assert capsys.readouterr().err.startswith("12 rows ")
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT count(*), max(number) FROM '{file}'").fetchone() == (12, 11)


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("DELETE FROM store.attempt", "query-refused"),
        ("UPDATE store.score SET value = 1", "query-refused"),
        ("INSERT INTO store.retraction SELECT * FROM store.retraction", "query-refused"),
        ("CREATE TABLE t (a INT)", "query-refused"),
        ("DROP VIEW trials", "query-refused"),
        ("ATTACH 'other.duckdb'", "query-refused"),
        ("COPY trials TO 'trials.csv'", "query-refused"),
        ("SET memory_limit = '1GB'", "query-refused"),
        ("PRAGMA database_list", "query-refused"),
        ("INSTALL httpfs", "query-refused"),
        ("CHECKPOINT", "query-refused"),
        ("SELECT 1; SELECT 2", "query-refused"),
        ("WITH gone AS (DELETE FROM store.attempt RETURNING 1) FROM gone", "query-refused"),
        ("EXPLAIN ANALYZE DELETE FROM store.host", "query-refused"),
        ("FROM read_text('/etc/hostname')", "query-refused"),
        ("", "query-refused"),
        ("SELEC 1", "usage"),
        ("FROM trails", "usage"),
    ],
)
def test_anything_but_reading_is_refused(sealed: make.Made, capsys: Capture, query: str, slug: str) -> None:
    before = snapshot_path(sealed.results).read_bytes()
    assert sql(sealed, query) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error[{slug}]: ")
    assert "\n  hint: " in err
    assert snapshot_path(sealed.results).read_bytes() == before


def test_reading_in_other_words_is_not_refused(sealed: make.Made, capsys: Capture) -> None:
    for query in ("FROM best", "DESCRIBE trials", "SHOW TABLES", "EXPLAIN SELECT 1", "VALUES (1)", "SUMMARIZE levels"):
        assert sql(sealed, query) == 0
    attempt = sealed.attempts[0].attempt_id
    assert sql(sealed, f"SELECT count(*) FROM requests('{attempt}')", "--format", "csv") == 0
    assert capsys.readouterr().out.endswith("count_star()\n24\n")


def test_a_query_from_standard_input(sealed: make.Made, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 41 + 1 AS answer\n"))
    assert sql(sealed, "-", "--format", "csv") == 0
    assert capsys.readouterr().out == "answer\n42\n"


def test_without_a_store_each_command_says_what_to_do(results: Path, capsys: Capture) -> None:
    assert run("sql", "SELECT 1", "--results", results) == 5
    assert "tunebook run" in capsys.readouterr().err
    assert run("store", "ingest", "--results", results) == 0
    assert "no sealed records" in capsys.readouterr().out
    assert run("store", "verify", "--results", results) == 0
    assert run("store", "snapshot", "--results", results) == 5
    assert run("store", "export", results / "out", "--results", results) == 5
    assert not (results / "out").exists()


def test_ingest_verify_rebuild_snapshot_export(results: Path, tmp_path: Path, capsys: Capture) -> None:
    make.write_store(results, attempts=[make.attempt()], ingested=False)
    assert run("store", "ingest", "--results", results) == 0
    assert capsys.readouterr().out == "4 new records\n"
    assert run("store", "ingest", "--results", results) == 0
    assert capsys.readouterr().out == "0 new records\n"
    assert run("store", "verify", "--results", results) == 0
    assert capsys.readouterr().out.startswith("whole: 4 records, ")
    assert run("store", "rebuild", "--results", results) == 0
    assert "store of 4 records; the old file is " in capsys.readouterr().out
    assert run("store", "snapshot", "--results", results) == 0
    assert run("store", "export", tmp_path / "data", "--results", results) == 0
    assert (tmp_path / "data" / "trials.csv").exists()


def test_a_damaged_record_does_not_freeze_the_snapshot(store: make.Made, capsys: Capture) -> None:
    good, bad = (make.attempt(store.campaign, number=n, values={"threads": n}, n=200 + n) for n in (12, 13))
    log = make.seal_one(store.results, bad) / "engine.log"
    log.write_bytes(log.read_bytes() + b"!")
    make.seal_one(store.results, good)
    assert run("store", "ingest", "--results", store.results) == 0
    out, err = capsys.readouterr()
    assert out == "1 new records, 1 not taken in\n"
    assert "tunebook store verify" in err
    assert sql(store, "SELECT max(number) AS latest FROM trials", "--format", "csv") == 0
    assert capsys.readouterr().out == "latest\n12\n"


def test_ingest_publishes_what_a_killed_run_had_taken_in(store: make.Made, capsys: Capture) -> None:
    """The record is in the store, the snapshot is older: nothing new, and yet something to publish. Once."""
    make.seal_one(store.results, make.attempt(store.campaign, number=12, values={"threads": 3}, n=200))
    assert ingest(store.results).new == 1
    published = snapshot_path(store.results).stat().st_ino
    assert run("store", "ingest", "--results", store.results) == 0
    assert capsys.readouterr().out == "0 new records\n"
    again = snapshot_path(store.results).stat().st_ino
    assert again != published
    assert sql(store, "SELECT max(number) AS latest FROM trials", "--format", "csv") == 0
    assert capsys.readouterr().out == "latest\n12\n"
    assert run("store", "ingest", "--results", store.results) == 0
    assert snapshot_path(store.results).stat().st_ino == again, "it is current"


def test_verify_tells_damage_and_exits_with_5(store: make.Made, capsys: Capture) -> None:
    file = record_path(store.results, RecordKind.ATTEMPT, store.attempts[0].attempt_id) / "attempt.json"
    file.write_text(file.read_text().replace('"seconds": 11', '"seconds": 10', 1))
    assert run("store", "verify", "--results", store.results) == 5
    out = capsys.readouterr().out
    assert f"record: {file.parent.name}/attempt.json: changed after it was sealed" in out
    assert "  hint: restore the folder from a backup" in out
    assert out.splitlines()[-1].startswith("damaged: ")
