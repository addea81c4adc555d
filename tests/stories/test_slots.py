"""A search with several attempts at a time: each on GPUs or CPUs of its own, nothing twice, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.hardware.cores import cores_here
from runner.hardware.locks import leases
from runner.util.process import LABEL
from runner.util.procfs import labelled
from tests.stories._world import (
    assert_nothing_left,
    attempts,
    events,
    proposals,
    start,
    tunebook,
    write_campaign,
)

pytestmark = pytest.mark.story


GPUS, CPUS = "{gpus: 1, gpu: h100}", "{cpus: 1, client_cpus: 0}"
BOTH_KINDS = pytest.mark.parametrize("hardware", [GPUS, CPUS])


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two GPUs of one kind, simulated, and two real CPUs of different cores, whatever else there is."""
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "L4:1,H100:2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    before, cores = os.sched_getaffinity(0), cores_here().all
    assert len(cores) >= 2, "these tests need two cores"
    os.sched_setaffinity(0, [core.cpus[0] for core in cores[:2]])
    yield
    os.sched_setaffinity(0, before)


def campaign_on(hardware: str, folder: Path, **changes: Any) -> Path:
    path = write_campaign(folder, loads="[1]", **changes)
    path.write_text(path.read_text(encoding="utf-8") + f"hardware: {hardware}\n", encoding="utf-8")
    return path


def place(attempt: dict[str, Any]) -> str:
    """What it had to itself: a GPU or a CPU."""
    [one] = map(str, attempt["placement"]["gpus"] + attempt["placement"]["cpus"])
    return one


def spans(facts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Begin, end and place of each attempt, in the order of their beginnings."""
    return sorted((one["started_utc"], one["ended_utc"], place(one)) for one in facts)


def at_a_time(facts: list[dict[str, Any]]) -> int:
    """Most attempts that ran at one moment."""
    marks = sorted([(one["ended_utc"], -1) for one in facts] + [(one["started_utc"], 1) for one in facts])
    running = most = 0
    for _, step in marks:
        running += step
        most = max(most, running)
    return most


def until_both_load(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    loading: set[int] = set()
    while len(loading) < 2:
        line = running.stdout.readline()
        assert line, running.communicate()[1]
        [event] = events(line)
        if event["event"] == "phase" and event["phase"] == "load":
            loading.add(event["number"])


@pytest.mark.parametrize(
    ("hardware", "why"),
    [
        (GPUS, "an attempt takes 1x h100, and 2 are here"),
        (CPUS, "an attempt takes 1 CPU and 0 for its load generator, in whole cores, of 2"),
    ],
)
def test_two_slots_are_two_places_at_a_time_and_no_configuration_twice(
    hardware: str, why: str, tmp_path: Path, results: Path
) -> None:
    path = campaign_on(hardware, tmp_path, trials=8, sampler="tpe", flags=", fault: slow_load:50")
    run = tunebook("run", path, "--slots", "3", "--json", results=results)
    said = [line["message"] for line in events(run.stdout) if line["event"] == "notice"]
    assert said == [f"2 of 3 slots: {why}"]
    facts = attempts(results)
    assert {one["outcome"] for one in facts} == {"measured"}
    assert at_a_time(facts) == 2
    assert len({place(one) for one in facts}) == 2
    for taken in {span[2] for span in spans(facts)}:
        mine = [span for span in spans(facts) if span[2] == taken]
        assert all(before[1] <= after[0] for before, after in pairwise(mine)), "two attempts at once on one"
    numbers, fingerprints = zip(*proposals(results), strict=True)
    assert numbers == tuple(range(8))
    assert len(set(fingerprints)) == 8
    assert leases() == []
    assert_nothing_left(results)


def test_on_cpu_there_is_one_slot_and_a_sentence_says_why(tmp_path: Path, results: Path) -> None:
    run = tunebook("run", write_campaign(tmp_path, trials=2), "--slots", "2", "--json", results=results)
    said = [line["message"] for line in events(run.stdout) if line["event"] == "notice"]
    why = "without GPUs an attempt has the whole machine; hardware.cpus gives each CPUs of its own"
    assert said == [f"1 of 2 slots: {why}"]
    assert at_a_time(attempts(results)) == 1


@BOTH_KINDS
def test_interrupted_with_both_slots_full_it_ends_both_and_goes_on_with_them(
    hardware: str, tmp_path: Path, results: Path
) -> None:
    path = campaign_on(hardware, tmp_path, trials=2, flags=", fault: slow_load:200")
    running = start("run", path, "--slots", "2", "--json", results=results)
    until_both_load(running)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert sorted((one["number"], one["outcome"]) for one in attempts(results)) == [
        (0, "interrupted"),
        (1, "interrupted"),
    ]
    assert_nothing_left(results)
    tunebook("run", path, "--slots", "2", "--max-trials", "0", results=results)
    judged = proposals(results)
    assert [number for number, _ in judged] == [0, 1]
    assert_nothing_left(results)


@BOTH_KINDS
def test_killed_with_both_slots_full_the_next_run_ends_and_seals_both(
    hardware: str, tmp_path: Path, results: Path
) -> None:
    path = campaign_on(hardware, tmp_path, trials=2, flags=", fault: slow_load:200")
    running = start("run", path, "--slots", "2", "--json", results=results)
    until_both_load(running)
    running.kill()
    running.communicate(timeout=60)
    tunebook("run", path, "--slots", "2", results=results)
    ends = sorted((one["number"], one["outcome"]) for one in attempts(results))
    assert ends == [(0, "interrupted"), (0, "measured"), (1, "interrupted"), (1, "measured")]
    assert [number for number, _ in proposals(results)] == [0, 1]
    assert leases() == []
    assert_nothing_left(results)


def test_engine_and_load_generator_run_on_the_cpus_of_their_attempt_and_on_no_others(
    tmp_path: Path, results: Path
) -> None:
    path = campaign_on("{cpus: 1}", tmp_path, trials=1)
    running = start("run", path, "--json", results=results)
    seen: dict[str, frozenset[int]] = {}
    while running.poll() is None:
        ours = [stat.pid for file in (results / "running").glob("*.json") for stat in labelled(LABEL, file.stem)]
        for pid in ours:
            with suppress(ProcessLookupError, FileNotFoundError):  # it ended meanwhile
                client = b"runner.loadgens" in Path(f"/proc/{pid}/cmdline").read_bytes()
                seen["client" if client else "engine"] = frozenset(os.sched_getaffinity(pid))
        time.sleep(0.02)
    _, err = running.communicate()
    assert running.returncode == 0, err
    [attempt] = attempts(results)
    placement = attempt["placement"]
    assert len(placement["cpus"]) == len(placement["client_cpus"]) == 1
    assert placement["cpus"] != placement["client_cpus"]
    assert seen == {"engine": frozenset(placement["cpus"]), "client": frozenset(placement["client_cpus"])}
    assert leases() == []


def test_more_cpus_than_are_here_are_refused_before_anything_is_started(tmp_path: Path, results: Path) -> None:
    path = campaign_on("{cpus: 2}", tmp_path)
    run = tunebook("run", path, results=results, status=4)
    assert "asks for 2 CPUs and this machine has 2 CPUs, for engine (2) and load generator (1)" in run.stderr
    assert attempts(results) == []
