"""A configuration over time: what makes a trend, where it changed, and the feed that says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from report.build import build_site
from report.charts import charts
from report.feed import feed
from report.gather import gather, prepare
from report.publish import Publisher
from report.trends import trends
from runner.domain.failure import Verdict
from runner.store.reader import open_snapshot
from tests.make.trend import DEAD, NIGHTS, SLOWER, write_trend
from tests.report.conftest import EVIL, make_small_project

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, Any]]]]:
    results = tmp_path_factory.mktemp("trend") / "results"
    write_trend(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        yield gather(connection, ("trend_sessions", "gates", "snapshot"), Publisher([]))


def row(night: int, value: float | None = 100.0, **changes: Any) -> dict[str, Any]:
    return {
        "campaign_name": "nightly", "model": "m", "hardware": "CPU", "entry": "f16", "params_json": "{}",
        "fingerprint": "f", "host": "host-1", "client": "native", "client_version": "1", "workload_key": "w",
        "objective": "output_throughput", "goal": "maximize", "run_id": f"run-{night}",
        "moment": datetime(2026, 3, 1 + night), "number": 0, "engine": "llama.cpp", "engine_version": "b1",
        "image_digest": None, "attempts": 1, "failed": int(value is None), "phase": None if value else "load",
        "cause": None if value else "crash", "samples": [value] if value else [], **changes,
    }  # fmt: skip


def gate(**changes: Any) -> dict[str, Any]:
    return {
        "campaign_name": "nightly", "moment": datetime(2026, 3, 9), "comparison_id": "c-1", "number": 3, "entry": "f16",
        "verdict": "worse", "log_ratio": -0.2, "low": -0.3, "high": -0.1, "metric": "output_throughput", "repeats": 5,
        "confidence": 0.95, **changes,
    }  # fmt: skip


def as_xml(sessions: list[dict[str, Any]], gates: list[dict[str, Any]], site: str = "https://example.org/t/") -> Any:
    given = {"trend_sessions": sessions, "gates": gates, "snapshot": [{"as_of": datetime(2026, 3, 10)}]}
    return Xml.fromstring(feed(given, site, "tunebook"))


def test_the_night_that_began_the_loss_is_named_with_both_engines(data: dict[str, list[dict[str, Any]]]) -> None:
    (trend,) = trends(data["trend_sessions"])
    assert (len(trend.sessions), trend.measured) == (NIGHTS, NIGHTS - 1)
    assert trend.sessions[DEAD]["samples"] == []
    (change,) = trend.changes
    assert change.verdict is Verdict.WORSE
    assert change.row is trend.sessions[SLOWER]
    assert (change.before, change.after) == ("llama.cpp b11549", "llama.cpp b11556")


@pytest.mark.parametrize(
    "differs",
    [{"host": "host-2"}, {"client_version": "2"}, {"workload_key": "x"}, {"fingerprint": "g"}, {"hardware": "H100"}],
    ids=lambda change: next(iter(change)),
)
def test_what_is_not_comparable_makes_no_trend(differs: dict[str, Any]) -> None:
    sessions = [row(n) for n in range(4)] + [row(n, 50.0, **differs) for n in range(4, 8)]
    found = trends(sessions)
    assert [len(trend.sessions) for trend in found] == [4, 4]
    assert not any(trend.changes for trend in found)
    assert len({trend.title for trend in found}) == 2


def test_another_version_of_the_engine_is_what_a_trend_shows() -> None:
    sessions = [row(n) for n in range(4)] + [row(n, 50.0, engine_version="b2") for n in range(4, 8)]
    (trend,) = trends(sessions)
    assert [(change.before, change.after) for change in trend.changes] == [("llama.cpp b1", "llama.cpp b2")]


def test_a_run_without_a_failure_and_without_a_number_says_so() -> None:
    """Nothing at all was served within the limits: a goodput of zero has no logarithm, and no phase failed."""
    drawn = charts.get("trend").rows({"trend_sessions": [row(0), row(1, None, phase=None, cause=None, failed=0)]})
    assert [one["failed_at"] for one in drawn] == [None, "nothing above zero"]


def test_the_feed_holds_losses_and_no_gains() -> None:
    up = [row(n, 50.0, entry="q8", fingerprint="q") for n in range(4)] + [
        row(n, 100.0, entry="q8", fingerprint="q") for n in range(4, 8)
    ]
    down = [row(n) for n in range(4)] + [row(n, 50.0) for n in range(4, 8)]
    tree = as_xml([*down, *up], [gate(), gate(comparison_id="c-2", verdict="better", log_ratio=0.2)])
    entries = tree.findall(f"{ATOM}entry")
    assert [entry.find(f"{ATOM}updated").text for entry in entries] == ["2026-03-09T00:00:00Z", "2026-03-05T00:00:00Z"]
    assert "-50.0 %" in entries[1].find(f"{ATOM}title").text
    assert tree.find(f"{ATOM}updated").text == "2026-03-09T00:00:00Z"
    assert len({entry.find(f"{ATOM}id").text for entry in entries}) == 2


def test_links_are_absolute_and_ids_do_not_depend_on_when_it_was_built() -> None:
    one, other = as_xml([], [gate()]), as_xml([row(0), row(1)], [gate()])
    link = one.find(f"{ATOM}entry/{ATOM}link").get("href")
    assert link == "https://example.org/t/results/campaigns/nightly/index.html"
    assert one.find(f"{ATOM}entry/{ATOM}id").text == other.find(f"{ATOM}entry/{ATOM}id").text


def test_hostile_words_stay_words() -> None:
    tree = as_xml([], [gate(campaign_name=f"{EVIL}\x00\x1b[31m")])
    title = tree.find(f"{ATOM}entry/{ATOM}title").text
    assert EVIL in title
    assert "\x1b" not in title


def test_without_a_loss_the_feed_is_empty_and_dated(data: dict[str, list[dict[str, Any]]]) -> None:
    tree = as_xml([row(0)], [])
    assert tree.findall(f"{ATOM}entry") == []
    assert tree.find(f"{ATOM}updated").text == "2026-03-10T00:00:00Z"


def test_the_site_has_the_page_and_the_feed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    write_trend(results)
    site = build_site(results, make_small_project(tmp_path / "project"), None).out
    tree = Xml.parse(site / "results" / "regressions.xml").getroot()
    gate, step = (entry.find(f"{ATOM}title") for entry in tree.findall(f"{ATOM}entry"))
    assert gate is not None
    assert step is not None
    assert (gate.text, step.text) == (
        "smollm-nightly: a gate saw -14.8 % output throughput",
        "smollm-nightly: -14.6 % output throughput",
    )
    page = (site / "results" / "trends.html").read_text(encoding="utf-8")
    assert "regressions.xml" in page
    assert "llama.cpp b11556" in page
