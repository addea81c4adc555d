"""The lines of a run, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from runner.domain.events import Event
from runner.domain.failure import EndReason
from runner.events.console import ENDS, describe


def line(name: str, **data: Any) -> str | None:
    return describe(Event(name, "r", data))


@pytest.mark.parametrize(
    ("series", "done", "text"),
    [(0, 0, "chat: starts, 0 of 9"), (0, 4, "chat: goes on, 4 of 9"), (2, 0, "chat: starts again (series 2), 0 of 9")],
)
def test_how_a_run_begins(series: int, done: int, text: str) -> None:
    words = {"campaign": "chat", "trials_planned": 9, "sampler": "tpe", "objective": "maximize x at worst"}
    assert str(line("run_started", series=series, trials_done=done, **words)).startswith(f"{text} trials done")


def test_how_a_run_ends() -> None:
    words = {"campaign": "chat", "trials": 9, "succeeded": 7, "failed": 2, "seconds": 61.2}
    ended = "chat: 9 trials, 7 succeeded, 2 failed; "
    assert line("run_ended", end_reason="converged", **words) == f"{ended}nothing untried is left after 1m1s"
    assert line("run_ended", end_reason="trials", **words) == f"{ended}done after 1m1s"
    assert set(ENDS) == {reason.value for reason in EndReason}
