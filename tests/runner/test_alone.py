"""Was the machine ours alone beside an attempt: looks before and after it, and what a hypervisor took during it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.alone import Alone
from runner.domain.trial import Attempt, Load
from runner.hardware import load
from tests import make


def seen(monkeypatch: pytest.MonkeyPatch, *shares: float | None, kind: str = "local", average: float = 0.0) -> Alone:
    left = iter(shares)
    monkeypatch.setattr(load, "others", lambda: next(left))
    monkeypatch.setattr("os.getloadavg", lambda: (average, 0.0, 0.0))
    return Alone.begin(kind)


def stolen(attempt: Attempt, steal: float) -> Attempt:
    levels = tuple(replace(level, load=Load(0.1, 0.1, steal, 2)) for level in attempt.levels)
    return replace(attempt, levels=levels)


def test_the_most_around_and_during_an_attempt_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, attempt = seen(monkeypatch, 0.01, 0.3, 0.02, 0.0), stolen(make.attempt(make.campaign(), 0), 0.0)
    assert alone.taken(attempt) == 0.3, "it began during the first"
    assert alone.taken(attempt) == 0.3, "and had not ended when the second began"
    assert alone.taken(stolen(attempt, 0.11)) == 0.11


def test_where_the_system_does_not_tell_the_minute_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = seen(monkeypatch, None, None, average=1e6)
    assert busy.taken(stolen(make.attempt(make.campaign(), 0), 0.0)) > 0.25
    [doubt] = busy.doubts
    assert doubt.startswith("the machine was busy before anything was started: load 1000000.0 on ")
    quiet = seen(monkeypatch, None, None)
    assert (quiet.taken(stolen(make.attempt(make.campaign(), 0), 0.0)), quiet.doubts) == (0.0, [])


def test_a_server_that_is_not_ours_is_not_taken_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(monkeypatch, kind="attach").taken(stolen(make.attempt(make.campaign(), 0), 0.0)) == 0.0
