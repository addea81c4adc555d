"""SEAM: GPU probes. A member sees the GPUs of one vendor; `cpu` is the one that finds none.

`simulated` sees what `TUNEBOOK_FAKE_GPUS` names, and where that is set it is the only one that is asked: a test on a
machine with GPUs must not find them.
"""

from __future__ import annotations

from typing import Protocol

from runner.domain.hardware import Gpu, GpuState
from runner.util.plugins import Folder

SIMULATED = "simulated"


class Probe(Protocol):
    name: str
    title: str

    def unavailable(self) -> str | None:
        """Why this probe sees nothing here, a phrase; None when it can be asked. Raises UsageError where a setting of
        the user's can not be read; trouble of a driver is a phrase."""
        ...

    def gpus(self) -> tuple[Gpu, ...]:
        """Every GPU that can be given to an engine, in the order of the bus; MIG devices instead of the GPU that was
        cut into them. Empty where `unavailable()`, and where the vendor is recognised and no more."""
        ...

    def state(self, uuid: str) -> GpuState | None:
        """What that GPU does now. None: it is not of this probe, or it does not answer."""
        ...


PROBES: Folder[Probe] = Folder(__name__, "PROBE", "GPU probe")


def asked() -> list[Probe]:
    """The probes that see something on this machine. Raises UsageError for a bad TUNEBOOK_FAKE_GPUS."""
    simulated = PROBES.get(SIMULATED)
    if simulated.unavailable() is None:
        return [simulated]
    others = (PROBES.get(name) for name in PROBES.names() if name != SIMULATED)
    return [probe for probe in others if probe.unavailable() is None]


def gpus_here() -> tuple[Gpu, ...]:
    """Every GPU of this machine, asked now: MIG devices come and go. Raises UsageError as `asked`."""
    return tuple(gpu for probe in asked() for gpu in probe.gpus())


def state_of(uuid: str) -> GpuState | None:
    """What one GPU of this machine does now. None when nobody can say. Raises UsageError as `asked`."""
    return next((state for probe in asked() if (state := probe.state(uuid)) is not None), None)
