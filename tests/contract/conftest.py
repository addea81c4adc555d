"""What the suites of the report's seams look at: a small believable store, and one without a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from report.gather import prepare
from runner.store import schema
from runner.store._live import open_live, store_lock
from runner.store.reader import open_snapshot
from runner.store.snapshot import snapshot
from tests import make
from tests.make.load import write_load
from tests.make.trend import write_trend


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBPyConnection]:
    """A campaign that went well, one in which nothing worked, and one with trials enough to say what decides,
    one that searched the load that holds, and three to lay side by side."""
    results = tmp_path_factory.mktemp("contract") / "results"
    make.write_store(results)
    make.write_all_failed(results)
    make.write_gpus(results)
    make.write_audits(results)
    make.write_searched(results)
    make.write_comparable(results)
    write_load(results)
    write_trend(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        yield connection


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBPyConnection]:
    results = tmp_path_factory.mktemp("contract-bare") / "results"
    write_nothing(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        yield connection


def write_nothing(results: Path) -> None:
    results.mkdir()
    with store_lock(results), open_live(results) as connection:
        schema.prepare(connection)
    snapshot(results)
