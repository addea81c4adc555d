"""What is due, said by the site without a clock."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from report.build import build_site
from report.due import schedule
from runner.domain.failure import EndReason
from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.record import seal
from runner.store.snapshot import snapshot
from tests import make
from tests.report.conftest import make_small_project

DAY = 86400.0
START = datetime(2026, 3, 2, 1)


def a_run(campaign: str, day: int, reason: str | None = "trials", trials: int = 12) -> dict[str, Any]:
    began = START.replace(day=START.day + day)
    ended = began.replace(hour=3) if reason else None
    return {
        "campaign": campaign, "every_seconds": 7 * DAY, "started_utc": began, "ended_utc": ended, "end_reason": reason,
        "trials": trials, "trials_planned": 12,
    }  # fmt: skip


def test_the_longest_wait_comes_first() -> None:
    runs = [a_run("fresh", 9), a_run("late", 0), a_run("never", 8, "interrupted", 3)]
    rows = schedule(runs, START.replace(day=12))
    assert [(row["campaign"], row["due"], row["open"]) for row in rows] == [
        ("never", True, True),
        ("late", True, False),
        ("fresh", False, False),
    ]
    assert rows[1]["due_utc"] == datetime(2026, 3, 8, 19)
    assert rows[1]["finished_utc"] == datetime(2026, 3, 2, 3)


def test_a_slice_of_the_search_is_no_finished_run() -> None:
    (row,) = schedule([a_run("sliced", 8, "trials", 4), a_run("sliced", 0)], START.replace(day=11))
    assert row["open"]
    assert row["finished_utc"] == datetime(2026, 3, 2, 3)


def test_the_overview_says_it_and_a_renamed_campaign_has_one_name(tmp_path: Path, results: Path) -> None:
    made = make.write_store(results, of=make.campaign(every=7 * DAY))
    renamed = make.campaign(every=7 * DAY, name="new-name", search_key=made.campaign.search_key)
    start = make.run_start(renamed, run_id=make.an_id(2), started_utc=make.utc(8 * DAY))
    end = make.run_end(start, ended_utc=make.utc(8 * DAY + 1), end_reason=EndReason.TRIALS)
    seal(results, RecordKind.RUN_START, start.run_id, start)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    built = build_site(results, make_small_project(tmp_path / "project"), None)
    page = (built.out / "index.html").read_text(encoding="utf-8")
    section = page.split('id="what-is-due"')[1]
    assert "<td>7d</td>" in section
    assert "<b>since 2026-03-08 19:00 UTC</b>" in section
    assert "new-name" in section
    assert "smollm-cpu" not in section, "the old runs are told under the new name"
    assert built.campaigns == 1
    assert not (built.out / "results/campaigns/smollm-cpu").exists()
