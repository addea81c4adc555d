"""What is made of samples: energy, distributions, warnings; and the thread that takes them."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.domain.hardware import GpuState
from runner.hardware.telemetry import Sample, Telemetry, energy, series, warnings


def drawn(*watts: float | None, gpu: str = "GPU-0") -> list[Sample]:
    """One sample a second, from second 0."""
    return [Sample(float(at), gpu, GpuState(power_watts=power)) for at, power in enumerate(watts)]


@pytest.mark.parametrize(
    ("samples", "end", "joules"),
    [
        (drawn(100, 100, 100), 2.0, 200.0),
        (drawn(0, 100), 1.0, 50.0),
        (drawn(100), 5.0, 500.0),
        (drawn(100, None, 300), 2.0, 400.0),
        ([*drawn(100, 100), *drawn(50, 50, gpu="GPU-1")], 1.0, 150.0),
        (drawn(100, 100, 999), 1.5, 150.0),
        (drawn(None, None), 1.0, None),
        ([*drawn(100, 100), *drawn(None, None, gpu="GPU-1")], 1.0, None),
        ([], 1.0, None),
    ],
)
def test_energy_is_power_over_the_level(samples: list[Sample], end: float, joules: float | None) -> None:
    assert energy(samples, 0.0, end) == (None if joules is None else pytest.approx(joules))


@given(some.lists(some.floats(0, 1000), min_size=1, max_size=20), some.floats(0.1, 5))
def test_energy_lies_between_least_and_most_power(watts: list[float], after: float) -> None:
    end = len(watts) - 1 + after
    joules = energy(drawn(*watts), 0.0, end)
    assert joules is not None
    assert min(watts) * end * 0.999999 <= joules <= max(watts) * end * 1.000001


def test_the_series_leave_out_what_nobody_said() -> None:
    seen = [
        Sample(0.0, "GPU-0", GpuState(utilization=0.9, memory_used_bytes=4 * 10**9, sm_mhz=1980)),
        Sample(1.0, "GPU-0", GpuState(utilization=0.5, temperature_celsius=61.0)),
    ]
    assert series(seen) == {
        "gpu_utilization": [0.5, 0.9], "gpu_memory": [4.0], "gpu_power": [], "gpu_temperature": [61.0],
        "gpu_clock": [1980],
    }  # fmt: skip


def test_what_makes_a_level_doubtful() -> None:
    calm = GpuState(ecc_errors=2, pids=(10,))
    hot = GpuState(ecc_errors=5, pids=(10, 77), throttled=("power cap",))
    seen = [Sample(0.0, "GPU-0", calm), Sample(1.0, "GPU-0", hot), Sample(0.0, "GPU-1", calm)]
    assert list(warnings(seen, lambda pid: pid == 10)) == [
        "GPU-0 was slowed down in 50% of the time: power cap",
        "GPU-0 had 3 uncorrected memory errors",
        "GPU-0 was also used by process 77",
    ]
    assert list(warnings(seen[-1:], lambda pid: pid == 10)) == []
    assert not any("process" in line for line in warnings(seen))


def test_it_looks_from_entering_to_leaving_and_leaves_no_thread() -> None:
    before, asked = threading.active_count(), threading.Event()

    def read(gpu: str) -> GpuState | None:
        if gpu == "GPU-1":
            asked.set()
            return None  # it fell off the bus
        return GpuState(utilization=0.5)

    with Telemetry(["GPU-0", "GPU-1"], read) as telemetry:
        assert asked.wait(60)
    assert threading.active_count() == before
    assert {sample.gpu for sample in telemetry.samples()} == {"GPU-0"}
    [first, *_] = telemetry.samples()
    assert telemetry.samples(end=first.at - 1) == []


def test_without_gpus_nothing_is_started() -> None:
    before = threading.active_count()
    with Telemetry([]) as telemetry:
        assert threading.active_count() == before
    assert telemetry.samples() == []
