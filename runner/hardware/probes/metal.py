"""Apple GPUs: recognised, so that a message can say so; no engine is given one by tunebook."""

from __future__ import annotations

import platform

from runner.domain.hardware import Gpu, GpuState
from runner.hardware.probes import Probe


class Metal:
    name = "metal"
    title = "Apple Metal"

    def __init__(self, system: str | None = None, machine: str | None = None) -> None:
        self._system = system
        self._machine = machine

    def unavailable(self) -> str | None:
        system = self._system or platform.system()
        if system != "Darwin":
            return f"Metal is Apple's and this is {system}"
        machine = self._machine or platform.machine()
        return None if machine == "arm64" else f"no Apple GPU in a machine of type {machine}"

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def state(self, uuid: str) -> GpuState | None:
        return None


PROBE: Probe = Metal()
