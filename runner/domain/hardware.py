"""Facts about the machine an attempt ran on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gpu:
    uuid: str
    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Provenance of a measurement. `memory_bytes` is physical memory; `cpu_count` logical cores we may use."""

    host: str
    boot_id: str
    cpu_model: str
    cpu_count: int
    memory_bytes: int
    os: str
    kernel: str
    python: str
    gpus: tuple[Gpu, ...] = field(default_factory=tuple)
