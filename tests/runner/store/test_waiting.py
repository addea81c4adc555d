"""Counting what waits for the store, without touching the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.store.ingest import ingest
from runner.store.snapshot import snapshot
from runner.store.waiting import store_state
from tests import make

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_an_empty_folder_waits_for_nothing(tmp_path: Path) -> None:
    state = store_state(tmp_path / "nowhere")
    assert (state.sealed, state.pending, state.holders, state.snapshot_seconds) == (0, 0, (), None)


def test_sealed_is_pending_until_it_is_ingested_also_before_the_next_snapshot(tmp_path: Path) -> None:
    results = tmp_path / "results"
    make.seal_one(results, make.attempt(n=0))
    assert store_state(results).pending == 1, "there is no store yet"
    ingest(results)
    assert (store_state(results).pending, store_state(results).snapshot_seconds) == (0, None)
    snapshot(results)
    assert store_state(results).pending == 0
    make.seal_one(results, make.attempt(n=1))
    state = store_state(results)
    assert (state.sealed, state.pending) == (2, 1)
    assert state.snapshot_seconds is not None
    ingest(results)
    assert store_state(results).pending == 0, "in the store, though not in the snapshot"


def test_a_refused_record_stays_pending(tmp_path: Path) -> None:
    results = tmp_path / "results"
    path = make.seal_one(results, make.attempt())
    (path / "engine.log").write_text("changed after the seal")
    assert ingest(results).damaged == 1
    snapshot(results)
    assert store_state(results).pending == 1


def test_a_shell_that_holds_the_store_is_named_and_records_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    monkeypatch.setenv("TUNEBOOK_LOCK_WAIT", "0")
    make.seal_one(results, make.attempt(n=0))
    ingest(results)
    snapshot(results)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(results / "store.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "held\n"
        make.seal_one(results, make.attempt(n=1))
        ingest(results)
        state = store_state(results)
        assert state.holders == (shell.pid,)
        assert state.pending == 1
        shell.communicate("", timeout=30)
    state = store_state(results)
    assert (state.holders, state.pending) == ((), 1), "the shell closed it and took nothing in"


def test_a_snapshot_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    results = tmp_path / "results"
    make.seal_one(results, make.attempt())
    ingest(results)
    (results / "snapshot.duckdb").write_text("no database")
    state = store_state(results)
    assert state.problem is not None
    assert (state.sealed, state.pending) == (1, 0)
