"""GPUs that are not there, for tests and for a look at what a campaign would do.

`TUNEBOOK_FAKE_GPUS` names them. The grammar:

    none                  a machine without GPUs, whatever it has
    H100:2                two GPUs of a model
    H100:2,L4:1           several models; they are numbered from left to right
    H100                  the same as H100:1

Models are those of `MODELS`, in any case. Each has the memory, the power limit and the clocks of the real one. The
UUIDs are always the same, so that two processes mean the same GPU. They idle, whatever runs. Where the variable is set
no real GPU is seen; not set, or empty, it changes nothing.
"""

from __future__ import annotations

import difflib
import os
import uuid
from collections.abc import Mapping

from runner.domain.hardware import Gpu, GpuState
from runner.errors import UsageError
from runner.hardware.probes import Probe

VARIABLE = "TUNEBOOK_FAKE_GPUS"
MOST = 64
"""GPUs in all: more than one machine has."""
MIB = 2**20
DRIVER, CUDA = "580.95.05", "13.0"

MODELS: Mapping[str, tuple[str, int, str, float, int, int]] = {
    "T4": ("Tesla T4", 15360, "7.5", 70.0, 1590, 5001),
    "V100": ("Tesla V100-SXM2-32GB", 32768, "7.0", 300.0, 1530, 877),
    "A10": ("NVIDIA A10", 23028, "8.6", 150.0, 1695, 6251),
    "A100": ("NVIDIA A100-SXM4-80GB", 81920, "8.0", 400.0, 1410, 1593),
    "RTX3090": ("NVIDIA GeForce RTX 3090", 24576, "8.6", 350.0, 2100, 9751),
    "RTX4090": ("NVIDIA GeForce RTX 4090", 24564, "8.9", 450.0, 3105, 10501),
    "L4": ("NVIDIA L4", 23034, "8.9", 72.0, 2040, 6251),
    "L40S": ("NVIDIA L40S", 46068, "8.9", 350.0, 2520, 9001),
    "H100": ("NVIDIA H100 80GB HBM3", 81559, "9.0", 700.0, 1980, 2619),
    "H200": ("NVIDIA H200", 143771, "9.0", 700.0, 1980, 3201),
    "B200": ("NVIDIA B200", 183359, "10.0", 1000.0, 1965, 3996),
}
"""Word -> full name, memory (MiB), compute capability, power limit (W), highest clocks of SM and memory (MHz)."""

CAN_BE_CUT = ("A100", "H100", "H200", "B200")
"""Models with a MIG mode; here it is off."""


class Simulated:
    name = "simulated"
    title = f"Simulated GPUs ({VARIABLE})"

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    def unavailable(self) -> str | None:
        """None where the variable is set, also to `none`: then nothing else is asked. Raises UsageError."""
        text = self._environment.get(VARIABLE, "").strip()
        if not text:
            return f"{VARIABLE} is not set"
        parse(text)
        return None

    def gpus(self) -> tuple[Gpu, ...]:
        return parse(self._environment.get(VARIABLE, "").strip() or "none")

    def state(self, uuid: str) -> GpuState | None:
        for gpu in self.gpus():
            if gpu.uuid == uuid:
                return GpuState(
                    memory_used_bytes=0,
                    utilization=0.0,
                    power_watts=round(0.1 * (gpu.power_limit_watts or 0.0), 1),
                    temperature_celsius=30.0,
                    sm_mhz=345,
                    memory_mhz=gpu.max_memory_mhz,
                    ecc_errors=0,
                )
        return None


def parse(text: str) -> tuple[Gpu, ...]:
    """The GPUs that `text` names. Raises UsageError with what was meant."""
    if text.lower() == "none":
        return ()
    names: list[str] = []
    for part in text.split(","):
        word, colon, number = (piece.strip() for piece in part.partition(":"))
        if word.upper() not in MODELS:
            near = difflib.get_close_matches(word.upper(), [*MODELS, "NONE"], n=1, cutoff=0.5)
            meant = "none" if near == ["NONE"] else near[0] if near else None
            hint = f"did you mean {meant!r}?" if meant else f"known: none, or {', '.join(MODELS)}, such as H100:2"
            raise UsageError(f"{VARIABLE}: {word!r} in {text!r} is no GPU model", hint=hint)
        count = int(number) if number.isascii() and number.isdigit() else 0 if colon else 1
        if not 1 <= count <= MOST - len(names):
            what = f"{VARIABLE}: {part.strip()!r} in {text!r} is no number of GPUs from 1 to {MOST} in all"
            raise UsageError(what, hint=f"write {word.upper()}:2 for two of them")
        names += [word.upper()] * count
    return tuple(_gpu(index, word) for index, word in enumerate(names))


def _gpu(index: int, word: str) -> Gpu:
    name, memory, capability, power, sm, clock = MODELS[word]
    return Gpu(
        uuid=f"GPU-{uuid.uuid5(uuid.NAMESPACE_URL, f'tunebook:simulated-gpu/{index}/{word}')}",
        name=name,
        memory_bytes=memory * MIB,
        index=index,
        driver=DRIVER,
        cuda=CUDA,
        compute_capability=capability,
        mig=False if word in CAN_BE_CUT else None,
        power_limit_watts=power,
        max_sm_mhz=sm,
        max_memory_mhz=clock,
    )


PROBE: Probe = Simulated()
