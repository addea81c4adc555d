"""AMD GPUs: recognised, so that a message can say so; no engine is given one by tunebook yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from runner.domain.hardware import Gpu, GpuState
from runner.hardware.probes import Probe

KFD = Path("/sys/class/kfd/kfd/topology/nodes")
"""One folder per node of the kernel's compute driver. CPUs are nodes too: they have no `simd_count`."""


class Rocm:
    name = "rocm"
    title = "AMD ROCm"

    def __init__(self, nodes: Path = KFD, which: Callable[[str], str | None] = shutil.which) -> None:
        self._nodes = nodes
        self._which = which

    def unavailable(self) -> str | None:
        if not any(_is_gpu(node) for node in sorted(self._nodes.glob("*/properties"))):
            return "the kernel's AMD compute driver (kfd) shows no GPU"
        if self._which("rocm-smi") is None and self._which("amd-smi") is None:
            return "an AMD GPU is there, and ROCm is not: neither rocm-smi nor amd-smi is on the PATH"
        return None

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def state(self, uuid: str) -> GpuState | None:
        return None


def _is_gpu(properties: Path) -> bool:
    try:
        lines = properties.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(words[0] == "simd_count" and words[1] != "0" for line in lines if len(words := line.split()) == 2)


PROBE: Probe = Rocm()
