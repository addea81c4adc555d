"""Which GPUs an attempt gets: those of the right name that are free enough, best first. Pure: facts in,
choice out.

The rules: a GPU is available below 50 % utilisation and 80 % of its memory; the better one has more of its memory
free (0.6) and less to do (0.4); several for one engine have one name, and the fullest of them has at least 80 % of
what the emptiest has free, because an engine that is spread over them is as large as the smallest share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.domain.campaign import Hardware
from runner.domain.hardware import Gpu, GpuState

BUSY, FULL = 0.5, 0.8
"""Shares from which a GPU is somebody else's: of time, of memory."""
BALANCE = 0.8
"""Least free memory among the GPUs of one engine, as a share of the most."""
FREE_WEIGHT, IDLE_WEIGHT = 0.6, 0.4


@dataclass(frozen=True, slots=True)
class Candidate:
    gpu: Gpu
    state: GpuState | None

    @property
    def free(self) -> int:
        """Bytes. A driver that does not say what is used is believed to have all of it."""
        used = self.state.memory_used_bytes if self.state else None
        return max(0, self.gpu.memory_bytes - (used or 0))

    @property
    def busy(self) -> float:
        """Share of time in [0, 1]; 0 where nobody says, as for a MIG device: its memory decides."""
        return (self.state.utilization if self.state else None) or 0.0

    @property
    def score(self) -> float:
        """In [0, 1], higher is better."""
        return FREE_WEIGHT * self.free / max(1, self.gpu.memory_bytes) + IDLE_WEIGHT * (1 - self.busy)

    def in_use(self) -> str | None:
        """Why it can not be given away although nobody holds a lease on it; None when it can."""
        if self.state is None:
            return f"{self.gpu.label} does not answer"
        taken = 1 - self.free / max(1, self.gpu.memory_bytes)
        if self.busy < BUSY and taken < FULL:
            return None
        whose = f" by process {', '.join(map(str, self.state.pids))}" if self.state.pids else ""
        return f"{self.gpu.label} is in use{whose}: busy {self.busy:.0%}, memory {taken:.0%}, and nobody holds a lease"


def matching(gpus: Sequence[Gpu], name: str | None) -> list[Gpu]:
    """Those whose name has `name` in it, in any case; all without a name."""
    return [gpu for gpu in gpus if name is None or name.lower() in gpu.name.lower()]


def visible(gpus: Sequence[Gpu], setting: str | None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES leaves us: numbers, UUIDs or beginnings of UUIDs. A scheduler that gave this job
    two of eight GPUs sets it, and the others are not ours to lease. Not set: all; empty: none."""
    if setting is None:
        return list(gpus)
    words = [word.strip() for word in setting.split(",") if word.strip()]
    return [gpu for gpu in gpus if any(_names(word, gpu) for word in words)]


def _names(word: str, gpu: Gpu) -> bool:
    if word.isascii() and word.isdigit():
        return gpu.index == int(word)
    return word.startswith(("GPU-", "MIG-")) and (gpu.uuid.startswith(word) or gpu.parent == word)


def missing(gpus: Sequence[Gpu], wanted: Hardware) -> str | None:
    """Why a machine with these GPUs can never run it, a clause; None when it can. GPUs of several names are no team."""
    names = [gpu.name for gpu in gpus]
    fitting = [gpu.name for gpu in matching(gpus, wanted.gpu)]
    if any(fitting.count(name) >= wanted.gpus for name in fitting):
        return None
    have = ", ".join(f"{names.count(name)}x {name}" for name in dict.fromkeys(names))
    return f"this machine has {have or 'no GPU that tunebook can lease'}"


def choose(candidates: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
    """The best `count` of the available ones, best first; empty when there are not so many that belong together."""
    free = [one for one in candidates if one.in_use() is None]
    teams: list[list[Candidate]] = []
    for name in dict.fromkeys(one.gpu.name for one in free):
        same = sorted((one for one in free if one.gpu.name == name), key=lambda one: -one.free)
        for place, emptiest in enumerate(same):
            balanced = [one for one in same[place:] if one.free >= BALANCE * emptiest.free]
            if len(balanced) >= count:
                teams.append(sorted(balanced, key=lambda one: -one.score)[:count])
    best = max(teams, key=lambda team: sum(one.score for one in team), default=[])
    return tuple(best)
