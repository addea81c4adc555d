"""When a campaign is due, from its records and the time alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from runner.domain.failure import EndReason
from runner.domain.records import RunEnd, RunStart
from runner.domain.schedule import due_from, finished
from runner.due import Due, due, last_finished, until_text
from runner.store.history import LineageFacts
from tests import make

HOUR, DAY = 3600.0, 86400.0


def run(n: int, at: float, reason: EndReason | None = EndReason.TRIALS, **end: Any) -> tuple[RunStart, RunEnd | None]:
    """A run that began `at` seconds after the start of the test's time and took ten minutes."""
    start = make.run_start(run_id=make.an_id(n), started_utc=make.utc(at))
    ended = make.run_end(start, ended_utc=make.utc(at + 600), **end)
    return start, replace(ended, end_reason=reason) if reason else None


def facts(*runs: tuple[RunStart, RunEnd | None], idle: tuple[int, ...] = ()) -> LineageFacts:
    """`idle`: positions of runs that made no attempt."""
    starts = tuple(start for start, _ in runs)
    seconds = {start.run_id: 60.0 for n, start in enumerate(starts) if n not in idle}
    return LineageFacts("key", starts, tuple(end for _, end in runs if end), seconds_of=seconds)


def asked(known: LineageFacts, after: float, *, every: float | None = 7 * DAY, nothing_to_do: bool = True) -> Due:
    now = datetime.fromisoformat(make.utc(after))
    return due(make.campaign(every=every), known, nothing_to_do, now)


def test_what_never_ran_is_due_and_starts_no_second_series() -> None:
    answer = asked(facts(), 0, nothing_to_do=False)
    assert answer.now
    assert not answer.again


def test_a_finished_one_waits_for_its_time_and_then_starts_the_next_series() -> None:
    known = facts(run(1, 0))
    early = asked(known, 3 * DAY)
    assert not early.now
    assert early.next == datetime.fromisoformat(make.utc(7 * DAY - 6 * HOUR))
    assert until_text(early) == "until 2026-03-08 19:00 UTC (every 7d, last begun 2026-03-02 01:00 UTC)"
    late = asked(known, 7 * DAY)
    assert late.now
    assert late.again


def test_a_nightly_job_runs_a_daily_campaign_every_night() -> None:
    """It was the last of a long batch yesterday and is the first today."""
    assert asked(facts(run(1, 2 * HOUR)), DAY, every=DAY).now
    assert not asked(facts(run(1, 2 * HOUR)), DAY - 3 * HOUR, every=DAY).now


def test_an_unfinished_one_is_due_at_once() -> None:
    for runs in ([run(1, 0, EndReason.INTERRUPTED)], [run(1, 0, None)], [run(1, 0), run(2, DAY, EndReason.ERROR)]):
        answer = asked(facts(*runs), DAY + HOUR, nothing_to_do=False)
        assert answer.now
        assert not answer.again, "it is resumed"


def test_an_interrupted_run_does_not_put_it_off() -> None:
    known = facts(run(1, 0), run(2, 6 * DAY, EndReason.INTERRUPTED))
    assert asked(known, 7 * DAY, nothing_to_do=False).again


def test_a_run_that_only_noted_an_edit_does_not_put_it_off() -> None:
    known = facts(run(1, 0), run(2, 6 * DAY), idle=(1,))
    assert last_finished(known) == known.starts[0]
    assert asked(known, 7 * DAY).now


def test_a_run_killed_behind_its_last_trial_counts_from_its_beginning() -> None:
    known = facts(run(1, 0, None))
    assert not asked(known, DAY).now
    assert asked(known, 7 * DAY).again


def test_without_every_it_is_due_until_it_is_finished_once() -> None:
    known = facts(run(1, 0))
    assert not asked(known, 365 * DAY, every=None).now
    assert asked(known, 365 * DAY, every=None).next is None
    assert asked(known, HOUR, every=None, nothing_to_do=False).now


@pytest.mark.parametrize(
    ("reason", "trials", "expected"),
    [
        (None, 0, False),
        (EndReason.INTERRUPTED, 12, False),
        (EndReason.ERROR, 12, False),
        (EndReason.TRIALS, 3, False),
        (EndReason.TRIALS, 12, True),
        (EndReason.WALL, 3, True),
        (EndReason.CONVERGED, 3, True),
    ],
)
def test_which_runs_are_finished(reason: EndReason | None, trials: int, expected: bool) -> None:
    """One that --max-trials stopped ends by `trials` with fewer than were planned."""
    assert finished(reason, trials, 12) is expected


def test_how_much_too_early_counts() -> None:
    began = datetime.fromisoformat(make.utc())
    assert due_from(began, DAY) - began == timedelta(hours=21.6)
    assert due_from(began, 30 * DAY) - began == timedelta(days=30, hours=-6)
