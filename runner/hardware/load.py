"""The machine around a level: was it ours alone? Load average before and after, and CPU time stolen meanwhile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runner.domain.trial import Load
from runner.hardware.facts import cpus_allowed

STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Mark:
    """What stood there when the level began: 1 minute load average, ticks of all CPUs in all and stolen."""

    average: float
    ticks: int
    stolen: int


def begin() -> Mark:
    """Called just before a level."""
    ticks, stolen = _ticks(_stat())
    return Mark(os.getloadavg()[0], ticks, stolen)


def end(mark: Mark) -> Load:
    """Called just after it. `steal` is a share of all CPU time of the machine, in [0, 1]."""
    ticks, stolen = _ticks(_stat())
    passed = ticks - mark.ticks
    steal = (stolen - mark.stolen) / passed if passed > 0 else 0.0
    return Load(
        before=round(mark.average, 2),
        after=round(os.getloadavg()[0], 2),
        steal=round(min(1.0, max(0.0, steal)), 4),
        cpus=cpus_allowed(),
    )


def _stat() -> str:
    try:
        return STAT.read_text()
    except OSError:
        return ""


def _ticks(text: str) -> tuple[int, int]:
    """All ticks and stolen ticks. The `cpu` line is: user nice system idle iowait irq softirq steal (guest, which
    is counted in user already)."""
    for line in text.splitlines():
        if line.startswith("cpu "):
            numbers = [int(word) for word in line.split()[1:9]]
            return sum(numbers), numbers[7] if len(numbers) == 8 else 0
    return 0, 0
