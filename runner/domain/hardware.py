"""Facts about the machine an attempt ran on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device that an engine can be given: a whole GPU, or a MIG device, which is a GPU of its own.

    `index` counts the whole GPUs of the machine from 0, in the order of the bus; a MIG device has its parent's.
    `mig`: MIG mode of a whole GPU, None where there is none. `parent`: UUID of the GPU that a MIG device is a part
    of. `cuda`: newest CUDA that the driver runs. Records of older versions end behind `memory_bytes`.
    """

    uuid: str
    name: str
    memory_bytes: int
    index: int | None = None
    driver: str | None = None
    cuda: str | None = None
    compute_capability: str | None = None
    mig: bool | None = None
    parent: str | None = None
    power_limit_watts: float | None = None
    max_sm_mhz: int | None = None
    max_memory_mhz: int | None = None

    @property
    def label(self) -> str:
        """How messages call it: `GPU 3`, as `nvidia-smi` counts; by its UUID where there is no number."""
        if self.index is None or self.parent is not None:
            return f"GPU {self.uuid}"
        return f"GPU {self.index}"


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU at one moment. None: the driver does not say (a MIG device has no utilisation and no power of its own).

    `utilization` is a share of time in [0, 1]; `throttled` names why the clocks are lower than they could be;
    `ecc_errors` are uncorrected ones since the driver was loaded; `pids` the processes that compute on it.
    """

    memory_used_bytes: int | None = None
    utilization: float | None = None
    power_watts: float | None = None
    temperature_celsius: float | None = None
    sm_mhz: int | None = None
    memory_mhz: int | None = None
    throttled: tuple[str, ...] = ()
    ecc_errors: int | None = None
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Provenance of a measurement. `memory_bytes` is physical memory; `cpu_count` logical cores we may use; `gpus` all
    that the machine has, whichever of them the attempt used (its placement names those)."""

    host: str
    boot_id: str
    cpu_model: str
    cpu_count: int
    memory_bytes: int
    os: str
    kernel: str
    python: str
    gpus: tuple[Gpu, ...] = field(default_factory=tuple)
