"""A campaign on simulated GPUs, from its file to the store; and two that want the same one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.domain.campaign import Hardware
from runner.hardware.lease import leased
from runner.hardware.locks import leases
from runner.hardware.probes.simulated import parse
from runner.running_file import identity
from tests.stories._world import (
    assert_nothing_left,
    assert_quiet,
    assert_seen_dead,
    attempts,
    events,
    our_processes,
    start,
    tunebook,
    write_campaign,
)

pytestmark = pytest.mark.story

H100 = "NVIDIA H100 80GB HBM3"
SAMPLES = (
    "SELECT count(DISTINCT attempt_id) AS attempts, count(DISTINCT gpu) AS gpus, max(power_watts) AS power "
    "FROM gpu_samples"
)


def gpu_campaign(folder: Path, gpus: int = 1, **changes: Any) -> Path:
    path = write_campaign(folder, loads="[1]", **{"trials": 1, **changes})
    text = path.read_text(encoding="utf-8") + f"hardware: {{gpus: {gpus}, gpu: h100, price_per_gpu_hour: 2.5}}\n"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "L4:1,H100:2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_from_the_file_to_the_store(tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, 2, trials=2)
    slow = (
        path.read_text(encoding="utf-8")
        .replace("requests: 6", "requests: 1000")
        .replace("duration: 5s", "duration: 3s")
    )
    path.write_text(slow, encoding="utf-8")  # a look a second: a level must last some
    run = tunebook("run", path, "--json", results=results)
    phases = [line["phase"] for line in events(run.stdout) if line["event"] == "phase"]
    assert phases[:3] == ["lease", "start", "load"]
    wanted = [gpu.uuid for gpu in parse("L4:1,H100:2")[1:]]
    for attempt in attempts(results):
        assert attempt["outcome"] == "measured"
        assert attempt["placement"]["gpus"] == wanted
        assert [gpu["name"] for gpu in attempt["host"]["gpus"]] == ["NVIDIA L4", H100, H100]
        assert 0 < attempt["gpu_seconds"] <= 2 * attempt["seconds"]
        [level] = attempt["levels"]
        seen = {value["metric"]: value["value"] for value in level["metrics"] if value["stat"] in ("value", "max")}
        assert seen["energy"] == pytest.approx(140 * level["seconds"]), "two simulated H100 draw 70 W each"
        tokens = seen["output_throughput"] * level["seconds"]
        assert seen["energy_per_token"] == pytest.approx(seen["energy"] / tokens)
        assert (seen["gpu_utilization"], seen["gpu_power"]) == (0.0, 70.0)
    query = (
        "SELECT h.gpu, a.gpu_seconds > 0 AS spent, c.price > 0 AS cost "
        "FROM attempts a JOIN cost c USING (attempt_id) CROSS JOIN hosts h"
    )
    samples = json.loads(tunebook("sql", SAMPLES, "--format", "json", results=results).stdout)
    assert samples == [{"attempts": 2, "gpus": 2, "power": 70.0}]
    rows = json.loads(tunebook("sql", query, "--format", "json", results=results).stdout)
    assert rows == [{"gpu": f"NVIDIA L4, 2x {H100}", "spent": True, "cost": True}] * 2
    assert leases() == []
    assert_nothing_left(results)


@contextmanager
def held(gpus: int) -> Iterator[list[str]]:
    """H100s that this process holds."""
    with leased(Hardware(gpus=gpus, gpu="H100"), {**identity(), "campaign": "other"}) as mine:
        yield [gpu.uuid for gpu in mine]


def test_the_second_of_two_waits_and_says_for_whom(tmp_path: Path, results: Path) -> None:
    """The first is this process, so that the second can wait as long as the test wants."""
    path = gpu_campaign(tmp_path)
    with held(2):
        second = start("run", path, "--json", results=results)
        assert second.stdout is not None
        waiting = next(line for line in map(json.loads, second.stdout) if line["event"] == "waiting")
        assert f"waiting for 1x h100: GPU 1 is held by pid {os.getpid()} of campaign other" in waiting["reason"]
        seen = tunebook("status", results=results).stdout
        assert "phase     lease, for " in seen
        assert f"GPU 1 is held by pid {os.getpid()} of campaign other" in seen
    _, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    [attempt] = attempts(results)
    assert attempt["outcome"] == "measured"
    waited = next(phase["seconds"] for phase in attempt["phases"] if phase["phase"] == "lease")
    assert attempt["gpu_seconds"] <= attempt["seconds"] - waited
    assert leases() == []
    assert_nothing_left(results)


def test_two_runs_at_once_take_turns(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H100:1")
    runs = [
        start("run", gpu_campaign(tmp_path, name=name, trials=3, flags=f", threads: {n}"), results=results)
        for n, name in enumerate(("one", "other"), 1)
    ]
    for run in runs:
        _, err = run.communicate(timeout=240)
        assert run.returncode == 0, err
    found = attempts(results)
    assert [fact["outcome"] for fact in found] == ["measured"] * 6
    assert len({fact["run_id"] for fact in found}) == 2
    assert len({uuid for fact in found for uuid in fact["placement"]["gpus"]}) == 1
    assert leases() == []
    assert_nothing_left(results)


def test_who_waits_too_long_has_met_a_fault_of_the_host(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOOK_GPU_WAIT", "0")
    with held(2):
        tunebook("run", gpu_campaign(tmp_path), results=results, status=None)
    found = attempts(results)
    assert {fact["outcome"] for fact in found} == {"infra"}
    for fact in found:
        assert (fact["failure"]["phase"], fact["failure"]["cause"]) == ("lease", "infra")
        assert f"GPU 2 is held by pid {os.getpid()} of campaign other" in fact["failure"]["evidence"]
        assert fact["gpu_seconds"] == 0
    assert_nothing_left(results)


def test_a_killed_run_holds_no_gpu(tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, 2, flags=", fault: never_ready")
    first = start("run", path, "--json", results=results)
    assert first.stdout is not None
    assert next(line for line in map(json.loads, first.stdout) if line.get("phase") == "load")
    assert [one["pid"] for one in leases()] == [first.pid] * 2
    assert "holds     GPU 1 (GPU-" in tunebook("status", results=results).stdout
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    assert_seen_dead(results, "story")
    with held(2) as both:
        assert len(both) == 2
    assert leases() == []
    tunebook("reap", results=results)
    assert [fact["outcome"] for fact in attempts(results)] == ["interrupted"]
    assert our_processes(results) == []
    assert_quiet(results)


def test_a_stopped_run_gives_its_gpus_back(tmp_path: Path, results: Path) -> None:
    run = start("run", gpu_campaign(tmp_path, 2, trials=50), "--json", results=results)
    assert run.stdout is not None
    assert next(line for line in map(json.loads, run.stdout) if line.get("phase") == "load")
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 130
    assert leases() == []
    assert_nothing_left(results)


def test_another_machine_is_skipped_or_refused(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H100:1,L4:2")
    path = gpu_campaign(tmp_path, 2)
    refused = tunebook("run", path, results=results, status=4).stderr
    assert "error[other-hardware]: campaign 'story' asks for 2x h100 and this machine has 1x NVIDIA H100" in refused
    assert "other hardware: " in tunebook("run", path, "--matching", results=results).stdout
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H1OO:1")
    told = tunebook("run", path, results=results, status=2).stderr
    assert "error[usage]: TUNEBOOK_FAKE_GPUS: 'H1OO' in 'H1OO:1' is no GPU model" in told
    assert "did you mean 'H100'?" in told
    assert attempts(results) == []
