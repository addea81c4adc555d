"""What every executor must keep: attempts run where it says, so many at a time, and all end before it closes."""

from __future__ import annotations

import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runner.executors import Executor, executors

PATIENCE = 60.0
"""Seconds to wait for what must come; only a broken executor uses them up."""

Emit = Callable[[dict[str, Any]], None]
Stop = Callable[[], bool]


def echo(payload: dict[str, Any], stop: Stop, emit: Emit) -> dict[str, Any]:
    """An attempt that says what it was given."""
    emit({"event": "phase", "number": payload["number"]})
    return {"payload": payload, "stop": stop()}


def fail(payload: dict[str, Any], stop: Stop, emit: Emit) -> None:
    raise ZeroDivisionError(payload["why"])


def until_stopped(payload: dict[str, Any], stop: Stop, emit: Emit) -> str:
    """An attempt that runs until it is asked to end. It leaves a file when it began."""
    Path(payload["began"]).touch()
    wait_for(stop)
    return "stopped"


def meet(payload: dict[str, Any], stop: Stop, emit: Emit) -> bool:
    """Whether another attempt was there at the same time. The folder is what both see, wherever they run."""
    mine = Path(payload["folder"]) / payload["name"]
    mine.touch()
    end = time.monotonic() + payload["patience"]
    met = False
    while not met and time.monotonic() < end:
        met = sum(1 for _ in mine.parent.iterdir()) > 1
        time.sleep(0.01)
    if payload["alone"]:
        mine.unlink()
    return met


def environment(payload: dict[str, Any], stop: Stop, emit: Emit) -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in payload["names"]}


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def dotted(function: Callable[..., Any]) -> str:
    return f"{__name__}:{function.__name__}"


def silent(event: dict[str, Any]) -> None:
    """Nobody listens."""


HERE = [name for name in executors.names() if name != "ray" or importlib.util.find_spec("ray")]
"""Ray is in an environment of its own: tests/stories/test_ray_faults.py calls this suite there, on a cluster."""


@pytest.fixture(params=HERE)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    member = executors.get(str(request.param))
    yield member
    member.close()


def test_an_attempt_gets_its_payload_and_gives_its_result(executor: Executor) -> None:
    payload = {"number": 3, "nested": {"a": [1, 2.5, True, None, "ä"]}}
    heard: list[dict[str, Any]] = []
    executor.open(1)
    result = executor.submit(dotted(echo), payload, heard.append).result(PATIENCE)
    assert result == {"payload": payload, "stop": False}
    assert json.loads(json.dumps(result)) == result
    assert heard == [{"event": "phase", "number": 3}]


def test_an_engine_gets_no_other_number_of_threads_than_without_the_executor(executor: Executor) -> None:
    """What an attempt has in its environment its engine inherits, and is slower or faster for it."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    executor.open(1)
    found = executor.submit(dotted(environment), {"names": names}, silent).result(PATIENCE)
    assert found == {name: os.environ.get(name) for name in names}


def test_a_bug_in_an_attempt_comes_out_of_its_future_and_harms_no_other(executor: Executor) -> None:
    executor.open(1)
    broken = executor.submit(dotted(fail), {"why": "on purpose"}, silent)
    good = executor.submit(dotted(echo), {"number": 1}, silent)
    with pytest.raises(Exception, match="on purpose"):
        broken.result(PATIENCE)
    assert good.result(PATIENCE)["payload"] == {"number": 1}


def test_so_many_slots_so_many_attempts_at_a_time(executor: Executor, tmp_path: Path) -> None:
    executor.open(2)
    both = [
        executor.submit(
            dotted(meet), {"folder": str(tmp_path), "name": name, "patience": PATIENCE, "alone": False}, silent
        )
        for name in "ab"
    ]
    assert [one.result(PATIENCE * 2) for one in both] == [True, True]


def test_one_slot_is_one_attempt_after_the_other(executor: Executor, tmp_path: Path) -> None:
    executor.open(1)
    order = [
        executor.submit(dotted(meet), {"folder": str(tmp_path), "name": name, "patience": 0.1, "alone": True}, silent)
        for name in "abc"
    ]
    assert [one.result(PATIENCE) for one in order] == [False, False, False]


def test_cancel_asks_every_attempt_and_waits_for_none(executor: Executor, tmp_path: Path) -> None:
    executor.open(2)
    marks = [tmp_path / name for name in "ab"]
    running = [executor.submit(dotted(until_stopped), {"began": str(mark)}, silent) for mark in marks]
    wait_for(lambda: all(mark.exists() for mark in marks))
    assert not any(one.done() for one in running)
    executor.cancel()
    assert [one.result(PATIENCE) for one in running] == ["stopped", "stopped"]


def test_close_waits_for_what_runs(executor: Executor, tmp_path: Path) -> None:
    executor.open(1)
    running = executor.submit(dotted(until_stopped), {"began": str(tmp_path / "began")}, silent)
    wait_for((tmp_path / "began").exists)
    closing = threading.Thread(target=executor.close)
    closing.start()
    assert not running.done()
    executor.cancel()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert running.result(0) == "stopped"


def test_closed_it_can_be_opened_again_and_has_forgotten_the_cancel(executor: Executor) -> None:
    executor.open(1)
    executor.cancel()
    executor.close()
    executor.close()
    executor.open(1)
    assert executor.submit(dotted(echo), {"number": 2}, silent).result(PATIENCE)["stop"] is False


def test_it_leaves_no_thread_and_no_process(executor: Executor) -> None:
    threads, children = set(threading.enumerate()), _children()
    executor.open(3)
    executor.submit(dotted(echo), {"number": 1}, silent).result(PATIENCE)
    executor.close()
    assert set(threading.enumerate()) <= threads, "what another test left may end meanwhile"
    assert _children() <= children


def _children() -> set[str]:
    found: set[str] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # a thread of another test ended meanwhile
            found |= set((task / "children").read_text().split())
    return found
