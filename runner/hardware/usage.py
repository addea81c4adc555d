"""What an engine takes of its host: CPU time and memory of its processes, and the energy counters of the CPU packages.

RAPL counts the whole package, with whatever else runs there; since Linux 5.10 only root may read it
(https://docs.kernel.org/power/powercap/powercap.html). A counter starts again from zero when it is full.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from runner.util import procfs

POWERCAP = Path("/sys/class/powercap")
_PACKAGE = re.compile(r"intel-rapl:\d+")  # AMD's have the same name; parts of a package are intel-rapl:0:1


@dataclass(frozen=True, slots=True)
class Mark:
    """Counted up to one moment: CPU seconds of the engine's processes, joules of the packages (None where nobody
    tells). Only differences mean anything. `at` on the monotonic clock."""

    at: float
    cpu_seconds: float
    joules: float | None


@dataclass(slots=True)
class Meter:
    """Looked at once a second by one thread, and at the edges of a level by another.

    `pids` gives the engine's processes, None where they are not on this host: then nothing is measured, for the
    energy would be another machine's. What a process used after the last look before its end is not seen.
    """

    pids: Callable[[], Set[int] | None]
    powercap: Path = POWERCAP
    seen: set[int] = field(default_factory=set)
    """Every process that the engine has had at a look."""
    _memory: list[tuple[float, int]] = field(default_factory=list)
    _cpu: dict[tuple[int, int], float] = field(default_factory=dict)
    _counters: Mapping[Path, int] = field(default_factory=dict)
    _joules: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> Mark | None:
        """Everything, now. None without processes on this host."""
        pids = self.pids()
        if pids is None:
            return None
        with self._lock:
            stats = [stat for pid in pids if (stat := procfs.stat(pid)) is not None and not stat.zombie]
            now = time.monotonic()
            self._cpu |= {(stat.pid, stat.started): stat.cpu_seconds for stat in stats}
            self.seen |= {stat.pid for stat in stats}
            if stats:
                self._memory.append((now, sum(stat.resident_bytes for stat in stats)))
            self._count_energy()
            return Mark(now, sum(self._cpu.values()), self._joules if self._counters else None)

    def memory(self, begin: float, end: float) -> list[float]:
        """Resident gigabytes of all processes at each look from `begin` to `end`, ascending."""
        with self._lock:
            return sorted(resident / 1e9 for at, resident in self._memory if begin <= at <= end)

    def _count_energy(self) -> None:
        """Add what each counter has gone on since the last look."""
        now = _energy_counters(self.powercap)
        for zone, value in now.items():
            before = self._counters.get(zone)
            if before is not None:
                self._joules += ((value - before) % (_number(zone / "max_energy_range_uj") + 1)) / 1e6
        self._counters = now


def _energy_counters(powercap: Path) -> dict[Path, int]:
    """Microjoules by zone; empty where there is no RAPL, or it may not be read."""
    try:
        zones = sorted(one for one in powercap.iterdir() if _PACKAGE.fullmatch(one.name))
        packages = [one for one in zones if (one / "name").read_text().startswith("package")]  # `psys` holds them too
        return {zone: _number(zone / "energy_uj") for zone in packages}
    except (OSError, ValueError):
        return {}


def _number(path: Path) -> int:
    return int(path.read_text())
