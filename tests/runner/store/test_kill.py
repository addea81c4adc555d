"""kill -9 at any moment of sealing and ingesting: nothing acknowledged is missing, nothing half-made is seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import record_folders, record_path, seal, verify_record
from runner.store.snapshot import snapshot
from runner.store.verify import verify
from tests import make

POINTS = 4


def child(what: str, results: Path, at: int) -> int:
    """Run the child; returns the number of lines when it lived to the end, 0 when it was killed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.runner.store._killed", what, str(results), str(at)],
        capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout or 0)


def test_a_seal_is_whole_or_absent(tmp_path: Path) -> None:
    total = child("seal", tmp_path / "counted", 0)
    assert total > 30
    for at in range(2, total, max(1, total // 6)):
        results = tmp_path / f"killed-{at}"
        assert child("seal", results, at) == 0, "the child should have been killed"
        path = record_path(results, RecordKind.RUN_END, make.run_end().run_id)
        assert not path.exists() or verify_record(path) == []
        fact = make.run_end()
        seal(results, RecordKind.RUN_END, fact.run_id, fact)  # what the next run does
        assert verify_record(path) == []
        assert record_folders(results) == [path]


def test_an_ingest_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    attempts = [make.attempt(number=n, values={"threads": n + 1}) for n in range(3)]
    total = 0
    for at in range(POINTS + 1):
        results = tmp_path / f"killed-{at}"
        make.write_store(results, attempts=attempts, ingested=False)
        if at == 0:
            total = child("ingest", results, 0)
            assert total > 100
        else:
            assert child("ingest", results, total * at // (POINTS + 1)) == 0, "the child should have been killed"
        done = ingest(results)
        assert (done.pending, done.warnings) == (0, ())
        assert ingest(results).new == 0
        seen = verify(results)
        assert seen.findings == ()
        assert seen.records == 6
        if at == POINTS:
            snapshot(results)
            with open_snapshot(results) as connection:
                row = connection.execute("SELECT count(*), count(score) FROM trials").fetchone()
            assert row == (3, 3)


@pytest.mark.parametrize("name", [".store.duckdb.tmp", ".snapshot.duckdb.tmp", ".store.duckdb.rebuilt"])
def test_a_half_made_file_of_a_killed_process_is_replaced(tmp_path: Path, name: str) -> None:
    results = tmp_path / "results"
    results.mkdir()
    for half in (name, f"{name}.wal"):
        (results / half).write_bytes(b"half")
    made = make.write_store(results, attempts=[make.attempt()])
    assert list(made.results.glob(".*")) == []
    assert verify(made.results).findings == ()
