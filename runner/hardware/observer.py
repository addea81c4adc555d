"""What the hardware does beside the levels of one attempt: the machine's load, the engine's share, the GPUs.

`begin()` before a level, `window()` when its measured part begins, `end()` when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from runner.domain.trial import Load
from runner.hardware import load
from runner.hardware.telemetry import Sample, Telemetry, energy, foreign, series, warnings
from runner.hardware.usage import Mark, Meter
from runner.util import procfs


@dataclass(frozen=True, slots=True)
class Observed:
    """Of one level. `values`: metric -> its number; `seen`: metric -> ascending samples. `contended`: somebody else's
    process used one of its GPUs meanwhile."""

    load: Load
    values: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, list[float]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    contended: bool = False


class Observer:
    """A context manager round all levels. `pids` gives the engine's processes, None where they are not on this host;
    `gpus` are the UUIDs that were leased, `label` is what the environment of this attempt's processes has. `shared`:
    other attempts may run on other cores of the same CPU packages, and their energy says nothing of this one."""

    def __init__(
        self,
        pids: Callable[[], Set[int] | None],
        gpus: Sequence[str] = (),
        label: tuple[str, str] | None = None,
        shared: bool = False,
    ) -> None:
        self._pids = pids
        self._shared = shared
        self._label = label
        self._meter = Meter(pids)
        self._telemetry = Telemetry(gpus, beside=self._meter.look)
        self._before = load.begin()
        self._mark: Mark | None = None

    def __enter__(self) -> Observer:
        self._telemetry.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._telemetry.__exit__(*exc)

    def begin(self) -> None:
        self._before = load.begin()
        self.window()  # for a load generator that does not say when its warm-up is over

    def window(self) -> None:
        self._mark = self._meter.look()

    def end(self, begin: float, seconds: float) -> Observed:
        """Of a level whose measured window began at `begin` on the monotonic clock and lasted `seconds`."""
        mark, over = self._meter.look(), begin + seconds
        samples = self._telemetry.samples(begin, over)
        values = _used(self._mark, mark, seconds) | energy(samples, begin, over)
        if self._shared:
            values.pop("cpu_energy", None)
        ours = None if self._pids() is None else self._is_ours  # else: other numbers, or no label
        others = foreign(samples, ours)
        return Observed(
            load=load.end(self._before),
            values=values,
            seen={**series(samples), "engine_memory": self._meter.memory(begin, over)},
            warnings=(*warnings(samples), *others),
            contended=bool(others),
        )

    def samples(self) -> tuple[Sample, ...]:
        """All of the GPUs, from entering to leaving."""
        return tuple(self._telemetry.samples())

    def _is_ours(self, pid: int) -> bool:
        """The engine's, or one that left it and carries its label."""
        return pid in self._meter.seen or (self._label is not None and procfs.environment_has(pid, *self._label))


def _used(begin: Mark | None, end: Mark | None, seconds: float) -> dict[str, float]:
    """The engine's cores and the energy of the CPU packages between two marks; the second one may come a little after
    the level's last request, so the cores are those of the time between the marks."""
    if begin is None or end is None or end.at <= begin.at or seconds <= 0:
        return {}
    passed = end.at - begin.at
    found = {"engine_cpu": (end.cpu_seconds - begin.cpu_seconds) / passed}
    if begin.joules is not None and end.joules is not None:
        found["cpu_energy"] = (end.joules - begin.joules) * min(1.0, seconds / passed)
    return found
