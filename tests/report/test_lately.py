"""The seven days before the newest fact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from report.gather import gather, prepare
from report.lately import lately
from report.publish import Publisher
from runner.store.reader import open_snapshot
from tests import make
from tests.make.trend import NIGHTS, write_trend

NOW = datetime(2026, 3, 20, 12)


def a_run(days_ago: float, *, killed: bool = False) -> dict[str, Any]:
    ended = NOW - timedelta(days=days_ago)
    return {"started_utc": ended - timedelta(hours=2), "ended_utc": None if killed else ended}


def test_a_run_counts_by_its_end_and_a_killed_one_by_its_start() -> None:
    runs = [a_run(0), a_run(6.99), a_run(7.01), a_run(6.95, killed=True), a_run(0.5, killed=True)]
    assert lately(runs, NOW) == [runs[0], runs[1], runs[4]]
    assert lately(runs, None) == []


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """An old campaign, and one that ran for nine nights afterwards, one of them without a result."""
    results: Path = tmp_path_factory.mktemp("lately") / "results"
    make.write_store(results)
    write_trend(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        yield gather(connection, ("lately_failed", "lately_changed", "runs", "snapshot"), Publisher([]))


def test_a_week_holds_what_ran_in_it(data: dict[str, list[dict[str, Any]]]) -> None:
    recent = lately(data["runs"], data["snapshot"][0]["as_of"])
    assert len(data["runs"]) == 1 + NIGHTS
    assert {run["campaign"] for run in recent} == {"smollm-nightly"}
    assert len(recent) == 7


def test_what_failed_before_the_week_is_not_told_as_new(data: dict[str, list[dict[str, Any]]]) -> None:
    assert [(row["phase"], row["cause"], row["attempts"]) for row in data["lately_failed"]] == [("load", "crash", 2)]


def test_only_the_gate_of_last_night_is_news(data: dict[str, list[dict[str, Any]]]) -> None:
    assert [(row["kind"], row["verdict"]) for row in data["lately_changed"]] == [("gate", "worse")]


def test_verdicts_and_new_campaigns_are_news(tmp_path: Path) -> None:
    results = tmp_path / "results"
    make.write_store(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        news = gather(connection, ("lately_changed",), Publisher([]))["lately_changed"]
    assert {row["kind"] for row in news} == {"new", "verdict"}
    assert all(row["default_b"] for row in news if row["kind"] == "verdict")
