"""The step of an attempt in which it gets its GPUs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.attempt_hardware import Held, gpu_seconds, hardware_of
from runner.deployers import deployers
from runner.domain.campaign import Deploy, Hardware
from runner.domain.failure import Phase
from runner.domain.trial import PhaseTime
from runner.hardware.locks import leases
from runner.hardware.probes import gpus_here
from tests import make


@pytest.fixture(autouse=True)
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H100:2")
    monkeypatch.setenv("TUNEBOOK_LEASES", str(tmp_path / "leases"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def step(deployer: str, wanted: Hardware, reached: Callable[[Phase], None]) -> tuple[Held, list[str]]:
    """What the attempt got, and who held leases meanwhile."""
    of = replace(make.campaign(), hardware=wanted)
    with hardware_of(of, deployers.get(deployer), "attempt-1", lambda: False, reached, lambda reason: None) as held:
        return held, [f"{one['campaign']} {one['attempt_id']} {one['pid']}" for one in leases()]


def test_a_local_engine_gets_leased_gpus() -> None:
    phases: list[Phase] = []
    held, holders = step("local", Hardware(gpus=2), phases.append)
    assert held == Held(tuple(gpu.uuid for gpu in gpus_here()))
    assert holders == [f"smollm-cpu attempt-1 {os.getpid()}"] * 2
    assert phases == [Phase.LEASE]
    assert leases() == []


def test_cpus_are_leased_beside_gpus() -> None:
    held, holders = step("local", Hardware(gpus=1, cpus=1, client_cpus=0), lambda phase: None)
    assert len(held.gpus) == len(held.cpus.engine) == 1
    assert held.cpus.client == held.cpus.engine, "it has none of its own"
    assert len(holders) == 2
    assert leases() == []


@pytest.mark.parametrize(
    ("deployer", "wanted"), [("local", Hardware()), ("attach", Hardware(gpus=2)), ("kubernetes", Hardware(cpus=1))]
)
def test_who_needs_none_here_leases_none(deployer: str, wanted: Hardware) -> None:
    phases: list[Phase] = []
    assert step(deployer, wanted, phases.append) == (Held(), [])
    assert phases == []


def test_gpu_time_begins_with_the_lease() -> None:
    phases = [PhaseTime(Phase.PRECHECK, 1.0), PhaseTime(Phase.LEASE, 60.0), PhaseTime(Phase.START, 2.0)]
    of = replace(make.campaign(), hardware=Hardware(gpus=4))
    assert gpu_seconds(of, [*phases, PhaseTime(Phase.MEASURE, 3.5)]) == 22.0
    assert gpu_seconds(of, phases[:2]) == 0.0
    pulled = [PhaseTime(Phase.PULL, 60.0), PhaseTime(Phase.MEASURE, 3.5)]
    assert gpu_seconds(of, pulled) == 4 * 63.5, "leased before the image is fetched"
    assert gpu_seconds(replace(of, deploy=Deploy("kubernetes")), pulled) == 14.0, "a pod waits for its GPUs in there"
    assert gpu_seconds(replace(of, hardware=Hardware()), phases) == 0.0
