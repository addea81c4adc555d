"""The CPU cores of this machine, and which of them one attempt gets.

An attempt gets whole physical cores: two hardware threads of one core share its units, so that two engines on one core
would slow each other. It gets cores of one kind, and of one NUMA node wherever a node has so many: memory of another
node is slower, and attempts that are compared must not differ in that. Topology as the kernel tells it:
https://docs.kernel.org/admin-guide/cputopology.html
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.domain.campaign import Hardware
from runner.hardware.facts import cpus_allowed

SYS = Path("/sys/devices")


@dataclass(frozen=True, slots=True)
class Core:
    """A physical core: the logical CPUs of it that we may use, ascending, by the kernel's numbers; its NUMA node, and
    the number of its first CPU, whether that is ours or not."""

    cpus: tuple[int, ...]
    node: int = 0
    first: int = -1

    @property
    def name(self) -> str:
        """Of its lease: the same for everybody, whichever of its CPUs they may use."""
        return f"cpu-{self.cpus[0] if self.first < 0 else self.first}"

    @property
    def label(self) -> str:
        return f"CPU {','.join(map(str, self.cpus))}"


@dataclass(frozen=True, slots=True)
class CpuSet:
    """Logical CPUs of one attempt: those of the engine, and those of its load generator. Empty: no CPUs of its own."""

    engine: tuple[int, ...] = ()
    client: tuple[int, ...] = ()


NO_CPUS = CpuSet()


@dataclass(frozen=True, slots=True)
class Cores:
    """All cores that attempts can have, of one kind, ascending by node and number. `at_most`: logical CPUs that may be
    busy at a time, which a quota of the control group can make fewer than there are."""

    all: tuple[Core, ...]
    at_most: int

    def missing(self, wanted: Hardware) -> str | None:
        """Why a machine with these cores can never give what is wanted, a clause; None when it can."""
        if not self.all:
            return "this system pins no process to CPUs"
        if len(self.all) >= self._needed(wanted) and wanted.all_cpus <= self.at_most:
            return None
        width = len(self.all[0].cpus)
        have = f"{self.at_most} CPU{'s' if self.at_most > 1 else ''}" + (f", {width} to a core" if width > 1 else "")
        return f"this machine has {have}, for engine ({wanted.cpus}) and load generator ({wanted.client_cpus})"

    def sets(self, wanted: Hardware) -> int:
        """How many attempts can have CPUs of their own at a time."""
        if self.missing(wanted) is not None:
            return 0
        needed = self._needed(wanted)
        on_nodes = sum(number // needed for number in Counter(core.node for core in self.all).values())
        return min(on_nodes or len(self.all) // needed, self.at_most // wanted.all_cpus)

    def choose(self, free: Sequence[Core], wanted: Hardware) -> tuple[Core, ...]:
        """Cores for one attempt out of the free ones; empty when there are too few. Of one node where any node is
        large enough: of the fullest one that still has so many, so that larger sets find room on the others."""
        needed = self._needed(wanted)
        if max(Counter(core.node for core in self.all).values(), default=0) < needed:
            return tuple(free[:needed]) if len(free) >= needed else ()
        left = Counter(core.node for core in free)
        node = min((node for node in left if left[node] >= needed), key=lambda node: (left[node], node), default=None)
        return tuple(core for core in free if core.node == node)[:needed]

    def _needed(self, wanted: Hardware) -> int:
        """Whole cores: a thread that nobody asked for stays empty."""
        width = len(self.all[0].cpus)
        return _whole(width, wanted.cpus) + _whole(width, wanted.client_cpus)


def cores_here(root: Path = SYS) -> Cores:
    """Those that we may use: of a processor with fast and slow cores the fast ones, and of cores that are ours in part
    or whole the whole ones. None where the system pins nothing."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores((), 0)
    mine = os.sched_getaffinity(os.getpid())  # of the process: a thread of it may have been pinned
    slow, nodes = numbers(_read(root / "cpu_atom/cpus")), _nodes(root)
    kinds: dict[Core, tuple[bool, int, int]] = {}
    for cpu in sorted(mine):
        place = root / f"system/cpu/cpu{cpu}"
        siblings = numbers(_read(place / "topology/core_cpus_list") or _read(place / "topology/thread_siblings_list"))
        every = siblings | {cpu}
        core = Core(tuple(sorted(every & mine)), nodes.get(cpu, 0), min(every))
        capacity = _read(place / "cpu_capacity")
        kinds[core] = (cpu not in slow, int(capacity) if capacity.isdigit() else 0, len(core.cpus))
    best = max(kinds.values(), default=None)
    same = sorted((core for core, kind in kinds.items() if kind == best), key=lambda core: (core.node, core.cpus))
    return Cores(tuple(same), min(sum(len(core.cpus) for core in same), cpus_allowed()))


def divided(team: Sequence[Core], wanted: Hardware) -> CpuSet:
    """The CPUs of a team that `choose` gave. Without CPUs of its own the load generator has those of the engine."""
    first = _whole(len(team[0].cpus), wanted.cpus)
    engine, client = _cpus(team[:first], wanted.cpus), _cpus(team[first:], wanted.client_cpus)
    return CpuSet(engine, client or engine)


def numbers(text: str) -> set[int]:
    """Of a list as the kernel writes it: `0-3,8`."""
    found: set[int] = set()
    for word in text.split(","):
        first, _, last = word.strip().partition("-")
        if first.isdigit():
            found |= set(range(int(first), int(last or first) + 1))
    return found


def _cpus(cores: Sequence[Core], count: int) -> tuple[int, ...]:
    return tuple(sorted([cpu for core in cores for cpu in core.cpus][:count]))


def _whole(width: int, cpus: int) -> int:
    return -(-cpus // width)


def _nodes(root: Path) -> dict[int, int]:
    """NUMA node of each CPU."""
    found = {}
    for folder in root.glob("system/node/node[0-9]*"):
        for cpu in numbers(_read(folder / "cpulist")):
            found[cpu] = int(folder.name.removeprefix("node"))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
