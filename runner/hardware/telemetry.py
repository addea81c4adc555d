"""What the GPUs of an attempt do while it is measured: one look a second from a thread of its own.

Energy is power integrated over the level by the trapezoid rule, and its error is stated beside it: that of the power
reading, which NVIDIA gives as +/- 5 % (https://docs.nvidia.com/deploy/nvml-api/, nvmlDeviceGetPowerUsage), and what the
power may have done between two looks. What a sensor leaves out is not in it: those of A100 and H100 were found to see a
quarter of the time (Yang, Adamek, Armour 2023, https://arxiv.org/abs/2312.02741).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from runner.domain.hardware import GpuState
from runner.hardware.probes import state_of

EVERY = 1.0
"""Seconds between two looks."""
POWER_ERROR = 0.05
"""Share of a power reading."""
BUSY, DROP = 0.5, 0.8
"""A GPU that works for half of the time has no reason to clock lower; below 80 % of its own highest clock it did."""
JOIN = 5.0
"""Seconds that a driver gets to answer its last question; a thread that hangs in it is left behind."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` on the monotonic clock."""

    at: float
    gpu: str
    state: GpuState


class Telemetry:
    """A context manager: it looks from entering to leaving. `beside` is called at each look, too."""

    def __init__(
        self,
        gpus: Sequence[str],
        read: Callable[[str], GpuState | None] = state_of,
        clock: Callable[[], float] = time.monotonic,
        beside: Callable[[], object] = lambda: None,
    ) -> None:
        self._gpus = tuple(gpus)
        self._beside = beside
        self._read = read
        self._clock = clock
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="telemetry", daemon=True)

    def __enter__(self) -> Telemetry:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join(JOIN)

    def look(self) -> None:
        """One sample of each GPU that answers."""
        self._beside()
        for gpu in self._gpus:
            state = self._read(gpu)
            if state is not None:
                self._samples.append(Sample(self._clock(), gpu, state))

    def samples(self, begin: float = float("-inf"), end: float = float("inf")) -> list[Sample]:
        """Those from `begin` to `end` on the monotonic clock, in the order of their time."""
        return [sample for sample in list(self._samples) if begin <= sample.at <= end]

    def _go_on(self) -> None:
        self.look()
        while not self._over.wait(EVERY):
            self.look()


def energy(samples: Sequence[Sample], begin: float, end: float) -> dict[str, float]:
    """`energy`: joules of all GPUs from `begin` to `end`, where the first and the last reading hold to the edges;
    `energy_error`: how far off it may be, as a share of it. Empty where a GPU gave no power, or none was seen.

    Between two looks power may have been at either of them all the time: half their difference times their distance
    is the bound of the trapezoid rule for a quantity that goes from one to the other.
    """
    joules = unsure = 0.0
    for gpu in dict.fromkeys(sample.gpu for sample in samples):
        points = [(one.at, one.state.power_watts) for one in samples if one.gpu == gpu]
        known = [(at, watts) for at, watts in points if watts is not None and begin <= at <= end]
        if not known:
            return {}
        edged = [(begin, known[0][1]), *known, (end, known[-1][1])]
        joules += sum((b - a) * (left + right) / 2 for (a, left), (b, right) in pairwise(edged))
        unsure += sum((b - a) * abs(left - right) / 2 for (a, left), (b, right) in pairwise(edged))
    if not samples:
        return {}
    return {"energy": joules, "energy_error": POWER_ERROR + (unsure / joules if joules > 0 else 0.0)}


def series(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Metric -> what was seen of it, ascending, over all GPUs."""
    found: dict[str, list[float | None]] = {
        "gpu_utilization": [one.state.utilization for one in samples],
        "gpu_memory": [_gigabytes(one.state.memory_used_bytes) for one in samples],
        "gpu_power": [one.state.power_watts for one in samples],
        "gpu_temperature": [one.state.temperature_celsius for one in samples],
        "gpu_clock": [one.state.sm_mhz for one in samples],
    }
    return {name: sorted(value for value in values if value is not None) for name, values in found.items()}


def warnings(samples: Sequence[Sample]) -> Iterator[str]:
    """Why numbers of this level may not be those that the GPUs are able to: lowered clocks, memory errors."""
    for gpu in dict.fromkeys(sample.gpu for sample in samples):
        states = [one.state for one in samples if one.gpu == gpu]
        for reason in dict.fromkeys(word for state in states for word in state.throttled):
            share = sum(reason in state.throttled for state in states) / len(states)
            yield f"{gpu} was slowed down in {share:.0%} of the time: {reason}"
        clocks = [one.sm_mhz for one in states if one.sm_mhz is not None and (one.utilization or 0.0) >= BUSY]
        if clocks and min(clocks) < DROP * max(clocks):
            yield f"{gpu} clocked between {min(clocks)} and {max(clocks)} MHz while it was busy"
        errors = [state.ecc_errors for state in states if state.ecc_errors is not None]
        if errors and errors[-1] > errors[0]:
            yield f"{gpu} had {errors[-1] - errors[0]} uncorrected memory errors"


def foreign(samples: Sequence[Sample], ours: Callable[[int], bool] | None) -> tuple[str, ...]:
    """One sentence for each GPU that a process used which is not the engine's. `ours` says which are; None where nobody
    can tell. Nobody is accused either while none of the engine's own is seen on any of the GPUs: inside a container
    the driver may give numbers of the host, which mean other processes here."""
    seen: dict[str, set[int]] = {}
    for one in samples:
        seen.setdefault(one.gpu, set()).update(one.state.pids)
    if ours is None or not any(map(ours, set[int]().union(*seen.values()))):
        return ()
    return tuple(
        f"{gpu} was also used by process {', '.join(map(str, others))}"
        for gpu, pids in seen.items()
        if (others := sorted(pid for pid in pids if not ours(pid)))
    )


def _gigabytes(count: int | None) -> float | None:
    return None if count is None else count / 1e9
