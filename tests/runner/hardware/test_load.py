"""What other programs take of the CPU, from made-up counters of the kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.hardware import load


def stat(busy: int, idle: int, waiting: int = 0) -> str:
    """user nice system idle iowait irq softirq steal guest guest_nice, as ticks since boot."""
    return f"cpu  {busy} 0 0 {idle} {waiting} 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"


def looks(monkeypatch: pytest.MonkeyPatch, texts: list[str], own: list[float]) -> float | None:
    said: Iterator[str] = iter(texts)
    mine = iter(own)
    monkeypatch.setattr(load, "_stat", lambda: next(said))
    monkeypatch.setattr(load, "_own", lambda: next(mine))
    monkeypatch.setattr(load, "TICKS", 100)
    return load.others(0.0)


def test_what_is_busy_and_not_ours_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [stat(0, 0), stat(60, 30, 10), stat(60, 30, 10), stat(120, 60, 20)]
    assert looks(monkeypatch, texts, [5.0, 5.2, 5.2, 5.4]) == pytest.approx(0.4), "60 of 100 ticks, 20 of them ours"


def test_what_is_over_by_the_second_look_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [stat(0, 0), stat(90, 10), stat(90, 10), stat(92, 108)]
    assert looks(monkeypatch, texts, [0.0] * 4) == pytest.approx(0.02)


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, [""] * 4, [0.0] * 4) is None


def test_this_machine_gives_a_share() -> None:
    share = load.others(0.05)
    assert share is None or 0 <= share <= 1
