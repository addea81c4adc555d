"""The machine around a level: was it ours alone? Load average before and after, and CPU time stolen meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from runner.domain.trial import Load
from runner.hardware.facts import cpus_allowed

STAT = Path("/proc/stat")
TICKS = os.sysconf("SC_CLK_TCK")
LOOKS = 2


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


def others(pause: float = 0.5) -> float | None:
    """Share of all CPU time of the machine, in [0, 1], that other programs take; None where the system does not tell.

    The smaller of two looks of `pause` seconds: what an engine leaves to be done after its end is over by the second,
    other people's work is not. To be asked while nothing of ours runs; time of this process is not counted.
    """
    shares = [_others(pause) for _ in range(LOOKS)]
    return min((share for share in shares if share is not None), default=None)


def _others(pause: float) -> float | None:
    before, mine = _stat(), _own()
    time.sleep(pause)
    after, ours = _stat(), _own()
    passed = _ticks(after)[0] - _ticks(before)[0]
    if passed <= 0:
        return None
    busy = passed - (_idle(after) - _idle(before)) - (ours - mine) * TICKS
    return min(1.0, max(0.0, busy / passed))


def _own() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _idle(text: str) -> int:
    """Ticks in which a CPU had nothing to do, waiting for a disk included."""
    for line in text.splitlines():
        if line.startswith("cpu "):
            return sum(int(word) for word in line.split()[4:6])
    return 0


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
