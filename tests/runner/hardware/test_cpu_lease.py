"""Leases of CPU cores; the locks themselves are those of GPUs (test_lease)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.domain.campaign import Hardware
from runner.errors import NoCpu
from runner.hardware import cpu_lease
from runner.hardware.cores import Core, Cores, CpuSet
from runner.hardware.cpu_lease import leased_cpus
from runner.hardware.locks import FOLDER, WAIT, leases

ME = {"host": "here", "pid": os.getpid(), "campaign": "mine"}
ONE = Hardware(cpus=1, client_cpus=0)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores of two threads, and nobody waits."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "leases"))
    monkeypatch.setenv(WAIT, "0")
    monkeypatch.setattr(cpu_lease, "cores_here", lambda: Cores((Core((0, 2)), Core((1, 3))), 4))


def test_two_attempts_have_different_cores_and_a_third_is_told_who_has_them() -> None:
    with leased_cpus(ONE, ME) as first, leased_cpus(ONE, ME) as second:
        assert (first, second) == (CpuSet((0,), (0,)), CpuSet((1,), (1,)))
        assert [one["label"] for one in leases()] == ["CPU 0,2", "CPU 1,3"]
        told = r"no 1 CPU came free in 0 s: CPU 0,2 is held by pid \d+ of campaign mine on here since .*; CPU 1,3 is "
        with pytest.raises(NoCpu, match=told), leased_cpus(ONE, ME):
            pass
    assert leases() == []


def test_all_or_none() -> None:
    with leased_cpus(ONE, ME), pytest.raises(NoCpu, match="CPU 0,2 is held"), leased_cpus(Hardware(cpus=2), ME):
        pass
    with leased_cpus(Hardware(cpus=2), ME) as all_of_it:
        assert all_of_it == CpuSet((0, 2), (1,))


def test_a_machine_that_can_never_give_so_many_is_not_waited_for() -> None:
    told = "4 CPUs wanted, and this machine has 4 CPUs, 2 to a core, for engine"
    with pytest.raises(NoCpu, match=told), leased_cpus(Hardware(cpus=4), ME):
        pass
