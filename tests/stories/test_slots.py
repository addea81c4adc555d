"""A search with several attempts at a time: each on GPUs of its own, nothing twice, nothing lost."""

from __future__ import annotations

import signal
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.hardware.lease import leases
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


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "L4:1,H100:2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def gpu_campaign(folder: Path, **changes: Any) -> Path:
    path = write_campaign(folder, loads="[1]", **changes)
    path.write_text(path.read_text(encoding="utf-8") + "hardware: {gpus: 1, gpu: h100}\n", encoding="utf-8")
    return path


def spans(facts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Begin, end and GPU of each attempt, in the order of their beginnings."""
    return sorted((one["started_utc"], one["ended_utc"], one["placement"]["gpus"][0]) for one in facts)


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


def test_two_slots_are_two_gpus_at_a_time_and_no_configuration_twice(tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=8, sampler="tpe", flags=", fault: slow_load:50")
    run = tunebook("run", path, "--slots", "3", "--json", results=results)
    said = [line["message"] for line in events(run.stdout) if line["event"] == "notice"]
    assert said == ["2 of 3 slots: an attempt takes 1x h100, and 2 are here"]
    facts = attempts(results)
    assert {one["outcome"] for one in facts} == {"measured"}
    assert at_a_time(facts) == 2
    assert len({one["placement"]["gpus"][0] for one in facts}) == 2
    for gpu in {span[2] for span in spans(facts)}:
        mine = [span for span in spans(facts) if span[2] == gpu]
        assert all(before[1] <= after[0] for before, after in pairwise(mine)), "two attempts at once on one GPU"
    numbers, fingerprints = zip(*proposals(results), strict=True)
    assert numbers == tuple(range(8))
    assert len(set(fingerprints)) == 8
    assert leases() == []
    assert_nothing_left(results)


def test_on_cpu_there_is_one_slot_and_a_sentence_says_why(tmp_path: Path, results: Path) -> None:
    run = tunebook("run", write_campaign(tmp_path, trials=2), "--slots", "2", "--json", results=results)
    said = [line["message"] for line in events(run.stdout) if line["event"] == "notice"]
    assert said == ["1 of 2 slots: without GPUs an attempt has the whole machine"]
    assert at_a_time(attempts(results)) == 1


def test_interrupted_with_both_slots_full_it_ends_both_and_goes_on_with_them(tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=2, flags=", fault: slow_load:200")
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


def test_killed_with_both_slots_full_the_next_run_ends_and_seals_both(tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=2, flags=", fault: slow_load:200")
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
