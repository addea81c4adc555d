"""NVML without a driver: an object with the functions of `pynvml` that the probe asks, and its errors.

It fails as the real one does: by an exception of the class of the error, from any function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TypeVar

T = TypeVar("T")
GIB = 2**30


class NVMLError(Exception):
    """The base of the real ones; `str()` of them is the text of the driver."""

    text = "Unknown Error"

    def __str__(self) -> str:
        return self.text


class NVMLError_LibraryNotFound(NVMLError):
    text = "NVML Shared Library Not Found"


class NVMLError_DriverNotLoaded(NVMLError):
    text = "Driver Not Loaded"


class NVMLError_Uninitialized(NVMLError):
    text = "Uninitialized"


class NVMLError_NotSupported(NVMLError):
    text = "Not Supported"


class NVMLError_NotFound(NVMLError):
    text = "Not Found"


class NVMLError_GpuIsLost(NVMLError):
    text = "GPU is lost"


class NVMLError_LibRmVersionMismatch(NVMLError):
    text = "RM has detected an NVML/RM version mismatch."


@dataclass
class Card:
    """One device. `parts`: the MIG devices that it was cut into; `mute`: questions that it does not support."""

    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    total: int = 80 * GIB
    used: int = GIB
    busy: int = 7
    mig: list[int] | None = None
    parts: list[Card] = field(default_factory=list)
    mute: tuple[str, ...] = ()
    lost: bool = False
    reasons: int = 0
    pids: tuple[int, ...] = ()


class FakeNvml:
    NVMLError = NVMLError
    NVMLError_LibraryNotFound = NVMLError_LibraryNotFound
    NVMLError_DriverNotLoaded = NVMLError_DriverNotLoaded
    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED, NVML_VOLATILE_ECC = 1, 0
    NVML_TEMPERATURE_GPU = 0
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, *cards: Card, refuses: Exception | None = None) -> None:
        self.cards = list(cards)
        self.refuses = refuses
        self.is_open = False
        self.opened = 0

    def nvmlInit(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.is_open = True
        self.opened += 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.95.05"

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        return 12080

    def nvmlDeviceGetCount(self) -> int:
        if not self.is_open:
            raise NVMLError_Uninitialized
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        if self.cards[index].lost:
            raise NVMLError_GpuIsLost
        return self.cards[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:
        for whole in self.cards:
            for card in (whole, *whole.parts):
                if card.uuid == uuid:
                    return card
        raise NVMLError_NotFound

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return self._said(card, "uuid", card.uuid)

    def nvmlDeviceGetName(self, card: Card) -> str:
        return self._said(card, "name", card.name)

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:
        return self._said(
            card, "memory", SimpleNamespace(total=card.total, used=card.used, free=card.total - card.used)
        )

    def nvmlDeviceGetUtilizationRates(self, card: Card) -> SimpleNamespace:
        return self._said(card, "utilization", SimpleNamespace(gpu=card.busy, memory=3))

    def nvmlDeviceGetPowerUsage(self, card: Card) -> int:
        return self._said(card, "power", 123456)

    def nvmlDeviceGetEnforcedPowerLimit(self, card: Card) -> int:
        return self._said(card, "power", 700000)

    def nvmlDeviceGetTemperature(self, card: Card, sensor: int) -> int:
        return self._said(card, "temperature", 41)

    def nvmlDeviceGetClockInfo(self, card: Card, kind: int) -> int:
        return self._said(card, "clocks", {1: 1755, 2: 2619}[kind])

    def nvmlDeviceGetMaxClockInfo(self, card: Card, kind: int) -> int:
        return self._said(card, "clocks", {1: 1980, 2: 2619}[kind])

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card: Card) -> int:
        return self._said(card, "reasons", card.reasons)

    def nvmlDeviceGetCudaComputeCapability(self, card: Card) -> tuple[int, int]:
        return self._said(card, "capability", (9, 0))

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        if card.mig is None:
            raise NVMLError_NotSupported
        return self._said(card, "mig", card.mig)

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> Card:
        if index >= len(card.parts):
            raise NVMLError_NotFound
        return card.parts[index]

    def nvmlDeviceGetTotalEccErrors(self, card: Card, kind: int, counter: int) -> int:
        return self._said(card, "ecc", 0)

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[SimpleNamespace]:
        return self._said(card, "processes", [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in card.pids])

    def _said(self, card: Card, question: str, answer: T) -> T:
        if not self.is_open:
            raise NVMLError_Uninitialized
        if card.lost:
            raise NVMLError_GpuIsLost
        if question in card.mute:
            raise NVMLError_NotSupported
        return answer
