"""What the pre-check stands on beside the campaign: the model, the machine, and what fitted such a machine before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.domain.model_facts import ModelFacts


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """How much of the memory the estimate (weights + KV cache) may take before a configuration is refused, as a share.

    `attempts` past attempts of the same engine on the same `kind` of machine say so: `survived` is the largest share
    that ever served, `died` the second smallest above it that ran out of memory. Without both it is the
    cautious default.
    """

    limit: float
    attempts: int = 0
    survived: float | None = None
    died: float | None = None
    kind: str = ""  # name of the GPU, or of the CPU


@dataclass(frozen=True, slots=True)
class Ground:
    """Nothing known is a ground too: then every rule that needs what is not known lets pass.

    `gpu_bytes` is the memory of one GPU that an attempt gets, the smallest where they differ; `capability` its CUDA
    compute capability as a number (8.9), None where the driver does not say. `limits`: runtime -> limit.
    """

    model: ModelFacts | None = None
    gpu: str | None = None
    gpu_bytes: int | None = None
    capability: float | None = None
    host_bytes: int | None = None
    limits: Mapping[str, MemoryLimit] = field(default_factory=dict)


NOTHING_KNOWN = Ground()
