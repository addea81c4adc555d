"""The lines of a run, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from runner.domain.events import Event
from runner.domain.failure import EndReason
from runner.events.console import ENDS, Terminal, describe


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


def shown(*events: Event) -> str:
    """The live line after these events."""
    terminal = Terminal()
    for event in events:
        terminal.handle(event)
    return terminal.progress.tasks[0].description


def test_the_live_line_names_one_attempt_with_its_configuration_and_several_by_number() -> None:
    def begun(number: int) -> Event:
        return Event("trial_started", "r", {"number": number, "entry": "vllm", "values": {"max-num-seqs": 16 + number}})

    def at(number: int, phase: str) -> Event:
        return Event("phase", "r", {"number": number, "phase": phase})

    end = {"status": "failed", "phase": "load", "cause": "crash", "seconds": 1.0}
    ended = Event("trial_ended", "r", {"number": 3, "entry": "vllm", "values": {}, **end})
    alone = (begun(3), at(3, "load"))
    assert shown(*alone) == "trial 3 vllm max-num-seqs=19 · load"
    assert shown(*alone, begun(4), at(4, "start")) == "trial 3 load  trial 4 start"
    assert shown(*alone, begun(4), ended, at(4, "measure")) == "trial 4 vllm max-num-seqs=20 · measure"
