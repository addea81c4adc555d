"""NVIDIA GPUs through NVML, the library of the driver that nvidia-smi uses too.

A driver answers some questions and not others (vGPU, MIG, old cards), and can fail at any moment (a GPU that fell off
the bus, a driver that is being replaced). Each question stands alone: what is not answered is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from runner.domain.hardware import Gpu, GpuState
from runner.hardware.probes import Probe

THROTTLED = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""Bits of NVML's clock event reasons that mean: slower than it could be. Idle, and clocks that somebody set, do not."""
UNKNOWN_VALUE = 2**31
"""NVML gives 0xFFFFFFFF for clocks and powers that it does not know."""


def _pynvml() -> Any:
    return import_module("pynvml")


class Nvidia:
    name = "nvidia"
    title = "NVIDIA CUDA"

    def __init__(self, load: Callable[[], Any] = _pynvml) -> None:
        self._load = load
        self._open: Any = None

    def unavailable(self) -> str | None:
        nvml = self._session()
        if isinstance(nvml, str):
            return nvml
        count = _ask(nvml, "nvmlDeviceGetCount")
        return None if count else "the NVIDIA driver sees no GPU"

    def gpus(self) -> tuple[Gpu, ...]:
        nvml = self._session()
        if isinstance(nvml, str):
            return ()
        number = _ask(nvml, "nvmlDeviceGetCount") or 0
        return tuple(gpu for index in range(number) for gpu in _devices(nvml, index))

    def state(self, uuid: str) -> GpuState | None:
        nvml = self._session()
        handle = None if isinstance(nvml, str) else _ask(nvml, "nvmlDeviceGetHandleByUUID", uuid)
        if handle is None:
            return None
        memory = _ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
        if memory is None:
            return None  # it fell off the bus: every other answer would be stale
        used = _ask(nvml, "nvmlDeviceGetUtilizationRates", handle)
        power = _number(_ask(nvml, "nvmlDeviceGetPowerUsage", handle))
        return GpuState(
            memory_used_bytes=int(memory.used),
            utilization=None if used is None else min(1.0, used.gpu / 100),
            power_watts=None if power is None else power / 1000,
            temperature_celsius=_temperature(nvml, handle),
            sm_mhz=_number(_ask(nvml, "nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_SM)),
            memory_mhz=_number(_ask(nvml, "nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_MEM)),
            throttled=_throttled(nvml, handle),
            ecc_errors=_ask(
                nvml,
                "nvmlDeviceGetTotalEccErrors",
                handle,
                nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                nvml.NVML_VOLATILE_ECC,
            ),
            pids=tuple(sorted({one.pid for one in _ask(nvml, "nvmlDeviceGetComputeRunningProcesses", handle) or ()})),
        )

    def _session(self) -> Any:
        """NVML, opened once; a phrase when it can not be. Tried again each time until then: a driver may come."""
        if self._open is None:
            try:
                nvml = self._load()
            except ImportError:
                return "the Python package nvidia-ml-py is not installed"
            try:
                nvml.nvmlInit()
            except nvml.NVMLError as error:
                return _why(nvml, error)
            self._open = nvml
        answer = _asked(self._open, "nvmlDeviceGetCount")
        if not isinstance(answer, _Trouble):
            return self._open
        self._open = None  # the driver was taken away: opened anew when it is asked again
        return str(answer)


def _devices(nvml: Any, index: int) -> Iterator[Gpu]:
    """The whole GPU of that number, or the MIG devices that it was cut into."""
    handle = _ask(nvml, "nvmlDeviceGetHandleByIndex", index)
    whole = None if handle is None else _gpu(nvml, handle, index)
    if whole is None:
        return
    if not whole.mig:
        yield whole
        return
    for number in range(_ask(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        part = _ask(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
        cut = None if part is None else _gpu(nvml, part, index, whole)
        if cut is not None:
            yield cut


def _gpu(nvml: Any, handle: Any, index: int, parent: Gpu | None = None) -> Gpu | None:
    """None for one that does not even tell its UUID and its memory: it can not be given to anybody."""
    uuid, memory = _ask(nvml, "nvmlDeviceGetUUID", handle), _ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    if uuid is None or memory is None:
        return None
    if parent is not None:
        mode = None
        capability = parent.compute_capability
    else:
        found = _ask(nvml, "nvmlDeviceGetMigMode", handle)
        mode = None if found is None else found[0] == nvml.NVML_DEVICE_MIG_ENABLE
        numbers = _ask(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
        capability = None if numbers is None else f"{numbers[0]}.{numbers[1]}"
    limit = _number(_ask(nvml, "nvmlDeviceGetEnforcedPowerLimit", handle))
    return Gpu(
        uuid=uuid,
        name=_ask(nvml, "nvmlDeviceGetName", handle) or (parent.name if parent else "NVIDIA GPU"),
        memory_bytes=int(memory.total),
        index=index,
        driver=_ask(nvml, "nvmlSystemGetDriverVersion"),
        cuda=_cuda(_ask(nvml, "nvmlSystemGetCudaDriverVersion")),
        compute_capability=capability,
        mig=mode,
        parent=parent.uuid if parent else None,
        power_limit_watts=None if limit is None else limit / 1000,
        max_sm_mhz=_number(_ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_SM)),
        max_memory_mhz=_number(_ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_MEM)),
    )


def _cuda(number: int | None) -> str | None:
    """12080 is 12.8."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def _temperature(nvml: Any, handle: Any) -> float | None:
    """The newer question first: the older one leaves NVML with CUDA 14."""
    for name in ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"):
        found = _ask(nvml, name, handle, nvml.NVML_TEMPERATURE_GPU)
        if found is not None:
            return float(found)
    return None


def _throttled(nvml: Any, handle: Any) -> tuple[str, ...]:
    """Both names of the question: a driver before 535 knows the older only."""
    for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
        bits = _ask(nvml, name, handle)
        if bits is not None:
            return tuple(word for bit, word in THROTTLED.items() if bits & bit)
    return ()


def _number(value: int | None) -> int | None:
    return None if value is None or value >= UNKNOWN_VALUE else int(value)


def _ask(nvml: Any, name: str, *given: Any) -> Any:
    """The answer, or None where the driver has none."""
    found = _asked(nvml, name, *given)
    return None if isinstance(found, _Trouble) else found


class _Trouble(str):
    """A phrase that stands where an answer should."""


def _asked(nvml: Any, name: str, *given: Any) -> Any:
    question = getattr(nvml, name, None)
    if question is None:
        return _Trouble(f"this nvidia-ml-py has no {name}")
    try:
        return question(*given)
    except nvml.NVMLError as error:
        return _Trouble(_why(nvml, error))


def _why(nvml: Any, error: Exception) -> str:
    if isinstance(error, nvml.NVMLError_LibraryNotFound):
        return "no NVIDIA driver: its library libnvidia-ml.so.1 is not there"
    if isinstance(error, nvml.NVMLError_DriverNotLoaded):
        return "the NVIDIA driver is not loaded"
    return f"the NVIDIA driver says: {error}"


PROBE: Probe = Nvidia()
