"""What a user reads when the store can not be used: golden texts, with the exit status."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli._main import run_command_line
from runner.domain.records import RecordKind
from runner.errors import TunebookError
from runner.store.record import seal
from tests import make
from tests.runner.store.conftest import live
from tests.runner.store.test_ingest import HOLD, LOCK, another_process

Golden = Callable[[str, str], None]
Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, results: Path, *words: str) -> str:
    """Exit status, stdout and stderr of a command, without what differs between two machines."""
    status = run_command_line([*words, "--results", str(results)])
    out, err = capsys.readouterr()
    text = f"exit {status}\n{out}{err}".replace(str(results), "RESULTS")
    text = re.sub(r"\(python[\d.]*, process \d+\)", "(python, process PID)", text)
    return re.sub(r"tunebook \([\d.]+\)", "tunebook (VERSION)", text)


def test_locked_by_a_shell(store: make.Made, capsys: Capture, golden: Golden) -> None:
    make.seal_one(store.results, make.attempt(store.campaign, number=12, values={"threads": 3}, n=200))
    with another_process(HOLD, store.results / "store.duckdb"):
        texts = [said(capsys, store.results, "store", word) for word in ("ingest", "verify", "snapshot", "rebuild")]
    golden("store/locked_by_a_shell.txt", "\n".join(texts))


def test_locked_by_another_tunebook(store: make.Made, capsys: Capture, golden: Golden) -> None:
    with another_process(LOCK, store.results / "store.lock"):
        golden("store/locked_by_tunebook.txt", said(capsys, store.results, "store", "verify"))


def test_of_a_newer_version(store: make.Made, capsys: Capture, golden: Golden) -> None:
    with live(store.results) as connection:
        connection.execute("INSERT INTO store.schema_migration VALUES (99, '', now()::TIMESTAMP, '9.9', '9.9')")
    texts = [said(capsys, store.results, "store", word) for word in ("ingest", "verify")]
    golden("store/newer.txt", "\n".join(texts))


def test_damaged(store: make.Made, capsys: Capture, golden: Golden) -> None:
    (store.results / "store.duckdb").write_bytes(b"not a database" * 1000)
    texts = [said(capsys, store.results, "store", word) for word in ("ingest", "verify", "rebuild", "verify")]
    golden("store/damaged.txt", "\n".join(texts))


def test_absent(results: Path, capsys: Capture, golden: Golden) -> None:
    texts = [said(capsys, results, "sql", "SELECT 1")]
    texts += [said(capsys, results, "store", word) for word in ("ingest", "verify", "snapshot", "rebuild")]
    golden("store/absent.txt", "\n".join(texts))


def test_unwritable(tmp_path: Path, golden: Golden) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:  # root may write anywhere: be somebody else for a moment
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(TunebookError) as caught:
            seal(folder, RecordKind.RUN_END, "r", make.run_end())
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
    (problem,) = caught.value.problems()
    lines = "\n".join(problem.lines()).replace(str(folder), "RESULTS")
    golden("store/unwritable.txt", f"exit {caught.value.status}\n{lines}\n")
