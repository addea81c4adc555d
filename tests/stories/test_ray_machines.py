"""Machines that come, go, crawl and say things twice while a search runs on them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from runner.flight.there import key_of
from tests.ray_cluster import Cluster, cluster
from tests.stories._ray_world import at_work, driver, gpu_campaign, left_on, run, said, until_loading
from tests.stories._world import assert_nothing_left, attempts, events, proposals, tunebook

pytestmark = [pytest.mark.story, pytest.mark.ray, pytest.mark.matrix]


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    with cluster() as made:
        made.add("one")
        yield made


def over(process: psutil.Process) -> bool:
    """It runs no more, whether somebody has asked how it ended or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def engine_of(attempt: str) -> psutil.Process:
    """The process of its simulated engine."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TUNEBOOK_ATTEMPT") == attempt and "simulated" in " ".join(process.cmdline()):
                return process
    raise AssertionError(f"attempt {attempt} has no engine")


def test_a_machine_that_joins_late_gets_work(machines: Cluster, tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=3)
    machines.hold("one", "measure")
    with driver(machines, path, "--slots", "2", results=results) as running:
        machines.wait_until_held("one")
        machines.add("late")
        machines.hold("late", "start")
        name = machines.node("late")
        try:
            machines.wait_until_held("late")
            for held in ("one", "late"):
                machines.release(held)
            out, err = running.communicate(timeout=300)
        finally:
            machines.kill("late")
    assert running.returncode == 0, out + err
    lines = said(events(out))
    assert "1 of 2 slots: these machines hold no more attempts at a time" in lines
    assert [line for line in lines if re.fullmatch(rf"attempts run on \S+/{name}: 1x NVIDIA H100 80GB HBM3", line)]
    assert {one["outcome"] for one in attempts(results)} == {"measured"}
    assert [number for number, _ in proposals(results)] == [0, 1, 2]
    assert_nothing_left(results)


def test_what_is_delivered_twice_is_one_row(machines: Cluster, tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=2)
    run(machines, path, "--max-trials", "1", results=results)
    folder = machines.home("one") / "cache" / "away" / key_of(results) / "records"
    [record] = (results / "records").glob("attempt-*")
    shutil.copytree(record, folder / record.name)
    lines = run(machines, path, results=results)
    assert not [line for line in said(lines) if "late record" in line or "waited there" in line]
    asked = "SELECT count(*) AS n, count(DISTINCT attempt_id) AS ids FROM attempts"
    assert tunebook("sql", asked, "--format", "csv", results=results).stdout.split() == ["n,ids", "2,2"]
    assert left_on(machines.home("one")) == []


def test_an_engine_that_stands_still_is_ended_by_the_times_of_its_attempt(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=2)
    machines.hold("one", "measure")
    with driver(machines, path, results=results) as running:
        machines.wait_until_held("one")
        [registered] = at_work(machines.home("one"))
        engine_of(registered["attempt_id"]).suspend()
        machines.release("one")
        out, err = running.communicate(timeout=300)
    assert running.returncode == 0, out + err
    first, second = attempts(results)
    assert (first["attempt_id"], first["outcome"]) == (registered["attempt_id"], "failed")
    assert first["failure"]["hung"], first["failure"]
    assert second["outcome"] == "measured"
    assert_nothing_left(results)


@contextmanager
def crawling(home: Path) -> Iterator[None]:
    """What runs for attempts of a machine stands still nine tenths of the time."""
    over = threading.Event()

    def halt() -> None:
        while not over.is_set():
            found = [one for facts in at_work_now(home) for one in tree(facts)]
            for number, seconds in ((signal.SIGSTOP, 0.45), (signal.SIGCONT, 0.05)):
                for process in found:
                    with suppress(psutil.Error):
                        process.send_signal(number)
                time.sleep(seconds)

    thread = threading.Thread(target=halt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def at_work_now(home: Path) -> list[int]:
    """Pids of its workers; a file may go while it is read."""
    with suppress(OSError):
        return [int(facts["pid"]) for facts in at_work(home)]
    return []


def tree(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        worker = psutil.Process(pid)
        return [worker, *worker.children(recursive=True)]
    return []


def test_a_machine_that_crawls_breaks_nothing(machines: Cluster, tmp_path: Path, results: Path) -> None:
    machines.add("slow")
    path = gpu_campaign(tmp_path, trials=3)
    with crawling(machines.home("slow")):
        try:
            lines = run(machines, path, "--slots", "2", results=results)
        finally:
            machines.kill("slow")
    assert lines[-1] == {**lines[-1], "event": "end", "exit_code": 0}
    ends = attempts(results)
    assert {one["outcome"] for one in ends} <= {"measured", "failed"}, "slow is no fault of the machine's"
    assert sorted(one["number"] for one in ends) == [0, 1, 2]
    assert_nothing_left(results)


def test_a_worker_that_hears_nothing_is_ended_by_the_keeper_of_its_machine(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=1, flags=", fault: slow_load:400")
    with driver(machines, path, results=results) as running:
        until_loading(running, 1)
        [registered] = at_work(machines.home("one"))
        engine = engine_of(registered["attempt_id"])
        os.kill(registered["pid"], signal.SIGSTOP)
        for _ in range(2):
            running.send_signal(signal.SIGTERM)
            time.sleep(1)
        out, err = running.communicate(timeout=300)
    assert running.returncode == 130, out + err
    [one] = attempts(results)
    assert one["outcome"] == "interrupted"
    assert one["failure"]["evidence"].endswith("it did not end in 20 s after it was asked to, and was ended")
    assert over(engine)
    assert not psutil.pid_exists(registered["pid"])
    assert left_on(machines.home("one")) == []
    assert_nothing_left(results)


def test_the_only_machine_dies_and_the_search_goes_on_with_the_next_that_comes(tmp_path: Path, results: Path) -> None:
    with cluster() as machines:
        machines.add("first")
        path = gpu_campaign(tmp_path, trials=2, flags=", fault: slow_load:100")
        with driver(machines, path, results=results) as running:
            until_loading(running, 1)
            machines.kill("first")
            machines.add("second")
            out, err = running.communicate(timeout=300)
        assert running.returncode == 0, out + err
        assert [one["outcome"] for one in attempts(results)] == ["infra", "measured", "measured"]
        goes_without(machines, tmp_path, results)


def goes_without(machines: Cluster, tmp_path: Path, results: Path) -> None:
    """No machine comes any more: it is said what was asked and what there is."""
    path = gpu_campaign(tmp_path, trials=1, name="other", sampler="grid", flags=", fault: slow_load:150")
    with driver(machines, path, results=results) as running:
        until_loading(running, 1)
        machines.kill("second")
        out, err = running.communicate(timeout=500)
    assert running.returncode == 1, out + err
    ends = [one for one in attempts(results) if one["failure"]][1:]
    assert {one["outcome"] for one in ends} == {"infra"}
    last = ends[-1]["failure"]["evidence"]
    told = (
        r"no machine took it in 120 s: asked for 1 GPU on one machine; there is \S+ with 0 GPUs; chosen for this run: "
    )
    assert re.match(told, last), last
    assert_nothing_left(results)
