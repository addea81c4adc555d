"""A machine without GPUs: there is always a CPU, and it is no GPU."""

from __future__ import annotations

from runner.domain.hardware import Gpu, GpuState
from runner.hardware.probes import Probe


class Cpu:
    name = "cpu"
    title = "CPU only"

    def unavailable(self) -> str | None:
        return None

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def state(self, uuid: str) -> GpuState | None:
        return None


PROBE: Probe = Cpu()
