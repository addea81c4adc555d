"""One believable store per session; each test that writes gets a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.store._live import open_live, store_lock
from runner.store.reader import open_snapshot, snapshot_path
from tests import make

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    """Only read it."""
    return make.write_store(tmp_path_factory.mktemp("sealed") / "results")


@pytest.fixture
def store(sealed: make.Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> make.Made:
    """A copy to write to."""
    folder = tmp_path / "results"
    shutil.copytree(sealed.results, folder)
    monkeypatch.setenv("TUNEBOOK_LOCK_WAIT", "0.2")
    return make.Made(folder, sealed.campaign, sealed.run, sealed.rules, sealed.attempts, sealed.trials)


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """`ask(results, query)`: rows of a query to the snapshot. A connection is kept until a new snapshot stands."""
    connections: dict[tuple[Path, int], Any] = {}

    def query(results: Path, text: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        key = (results, snapshot_path(results).stat().st_mtime_ns)
        if key not in connections:
            connections[key] = open_snapshot(results)
        rows: list[tuple[Any, ...]] = connections[key].execute(text, parameters or []).fetchall()
        return rows

    yield query
    for connection in connections.values():
        connection.close()


@contextmanager
def live(results: Path) -> Iterator[Any]:
    with store_lock(results), open_live(results) as connection:
        yield connection
