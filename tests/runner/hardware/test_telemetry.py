"""What is made of samples: energy, distributions, warnings; and the thread that takes them."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.domain.hardware import GpuState
from runner.hardware.telemetry import POWER_ERROR, Sample, Telemetry, energy, foreign, series, warnings


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
    assert energy(samples, 0.0, end).get("energy") == (None if joules is None else pytest.approx(joules))


@given(some.lists(some.floats(0, 1000), min_size=1, max_size=20), some.floats(0.1, 5))
def test_energy_lies_between_least_and_most_power(watts: list[float], after: float) -> None:
    end = len(watts) - 1 + after
    joules = energy(drawn(*watts), 0.0, end)["energy"]
    assert min(watts) * end * 0.999999 <= joules <= max(watts) * end * 1.000001


@pytest.mark.parametrize(
    ("watts", "error"),
    [((100, 100, 100), 0.0), ((0, 100), 1.0), ((100, 300, 100), 0.5), ((0, 0), 0.0)],
)
def test_the_error_of_the_energy_is_the_meters_own_and_what_happened_between_two_looks(
    watts: tuple[float, ...], error: float
) -> None:
    found = energy(drawn(*watts), 0.0, len(watts) - 1.0)
    assert found["energy_error"] == pytest.approx(POWER_ERROR + error)


@given(some.lists(some.floats(1, 1000), min_size=1, max_size=20), some.lists(some.booleans(), min_size=20, max_size=20))
def test_no_power_between_two_readings_gives_an_energy_beyond_the_error(watts: list[float], early: list[bool]) -> None:
    """The truth may have jumped from one reading to the next right after the first, or right before the second."""
    found = energy(drawn(*watts), 0.0, len(watts) - 1.0)
    truth = sum(b if soon else a for a, b, soon in zip(watts, watts[1:], early, strict=False))
    assert abs(found["energy"] - truth) <= found["energy"] * (found["energy_error"] - POWER_ERROR) + 1e-6


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
    calm = GpuState(ecc_errors=2, utilization=0.9, sm_mhz=1980)
    hot = GpuState(ecc_errors=5, utilization=0.9, sm_mhz=1200, throttled=("power cap",))
    idle = GpuState(ecc_errors=2, utilization=0.1, sm_mhz=345)
    seen = [
        Sample(0.0, "GPU-0", calm),
        Sample(1.0, "GPU-0", hot),
        Sample(0.0, "GPU-1", calm),
        Sample(1.0, "GPU-1", idle),
    ]
    assert list(warnings(seen)) == [
        "GPU-0 was slowed down in 50% of the time: power cap",
        "GPU-0 clocked between 1200 and 1980 MHz while it was busy",
        "GPU-0 had 3 uncorrected memory errors",
    ]
    assert list(warnings(seen[2:])) == [], "an idle one may clock as low as it likes"


def test_a_process_that_is_not_the_engines() -> None:
    both, ours = GpuState(pids=(10, 77)), GpuState(pids=(10,))
    seen = [Sample(0.0, "GPU-0", ours), Sample(1.0, "GPU-0", both), Sample(1.0, "GPU-1", ours)]
    assert foreign(seen, lambda pid: pid == 10) == ("GPU-0 was also used by process 77",)
    assert foreign(seen[2:], lambda pid: pid == 10) == ()
    assert foreign(seen, None) == (), "nobody can tell"
    assert foreign(seen, lambda pid: pid == 4010) == (), "these are numbers of another namespace"


def test_it_looks_from_entering_to_leaving_and_leaves_no_thread() -> None:
    before, asked, beside = set(threading.enumerate()), threading.Event(), threading.Event()

    def read(gpu: str) -> GpuState | None:
        if gpu == "GPU-1":
            asked.set()
            return None  # it fell off the bus
        return GpuState(utilization=0.5)

    with Telemetry(["GPU-0", "GPU-1"], read, beside=beside.set) as telemetry:
        assert asked.wait(60)
        assert beside.is_set()
    assert set(threading.enumerate()) <= before
    assert {sample.gpu for sample in telemetry.samples()} == {"GPU-0"}
    [first, *_] = telemetry.samples()
    assert telemetry.samples(end=first.at - 1) == []
