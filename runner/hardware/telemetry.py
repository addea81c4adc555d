"""What the GPUs of an attempt do while it is measured: one look a second from a thread of its own.

Energy is power integrated over the level by the trapezoid rule. NVIDIA states its power readings as exact to 5 %, and
each is a mean over a part of a second: of a level shorter than ten seconds the energy is a rough figure.
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
JOIN = 5.0
"""Seconds that a driver gets to answer its last question; a thread that hangs in it is left behind."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` on the monotonic clock."""

    at: float
    gpu: str
    state: GpuState


class Telemetry:
    """A context manager: it looks from entering to leaving. Nothing is started without GPUs."""

    def __init__(
        self,
        gpus: Sequence[str],
        read: Callable[[str], GpuState | None] = state_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gpus = tuple(gpus)
        self._read = read
        self._clock = clock
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="gpu-telemetry", daemon=True)

    def __enter__(self) -> Telemetry:
        if self._gpus:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        if self._gpus:
            self._thread.join(JOIN)

    def look(self) -> None:
        """One sample of each GPU that answers."""
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


def energy(samples: Sequence[Sample], begin: float, end: float) -> float | None:
    """Joules of all GPUs from `begin` to `end`: the first and the last reading hold to the edges. None where a GPU gave
    no power, or none at all was seen."""
    joules = []
    for gpu in dict.fromkeys(sample.gpu for sample in samples):
        points = [(one.at, one.state.power_watts) for one in samples if one.gpu == gpu]
        known = [(at, watts) for at, watts in points if watts is not None and begin <= at <= end]
        if not known:
            return None
        edged = [(begin, known[0][1]), *known, (end, known[-1][1])]
        joules.append(sum((b - a) * (left + right) / 2 for (a, left), (b, right) in pairwise(edged)))
    return sum(joules) if joules else None


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


def warnings(samples: Sequence[Sample], ours: Callable[[int], bool] | None = None) -> Iterator[str]:
    """Why numbers of this level may not be those of the GPUs alone: throttled clocks, memory errors, processes that are
    not the engine's (`ours` says which are; None where nobody can tell)."""
    for gpu in dict.fromkeys(sample.gpu for sample in samples):
        states = [one.state for one in samples if one.gpu == gpu]
        for reason in dict.fromkeys(word for state in states for word in state.throttled):
            share = sum(reason in state.throttled for state in states) / len(states)
            yield f"{gpu} was slowed down in {share:.0%} of the time: {reason}"
        errors = [state.ecc_errors for state in states if state.ecc_errors is not None]
        if errors and errors[-1] > errors[0]:
            yield f"{gpu} had {errors[-1] - errors[0]} uncorrected memory errors"
        others = {pid for state in states for pid in state.pids if ours is not None and not ours(pid)}
        if others:
            yield f"{gpu} was also used by process {', '.join(map(str, sorted(others)))}"


def _gigabytes(count: int | None) -> float | None:
    return None if count is None else count / 1e9
