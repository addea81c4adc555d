"""Facts about this machine: the provenance of a measurement."""

from __future__ import annotations

import functools
import math
import os
import platform
from dataclasses import replace
from pathlib import Path

from runner.domain.hardware import HostFacts
from runner.hardware.probes import gpus_here

CGROUP = Path("/sys/fs/cgroup")


def host_facts() -> HostFacts:
    """The GPUs are asked anew each time, the rest once per process: it does not change while we run. Raises UsageError
    for a TUNEBOOK_FAKE_GPUS that can not be read."""
    return replace(_without_gpus(), gpus=gpus_here())


@functools.cache
def _without_gpus() -> HostFacts:
    uname = os.uname()
    return HostFacts(
        host=uname.nodename,
        boot_id=boot_id(),
        cpu_model=_cpu_model(),
        cpu_count=cpus_allowed(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        os=_os_name(),
        kernel=f"{uname.sysname} {uname.release}",
        python=platform.python_version(),
    )


def memory_free() -> int | None:
    """Bytes that new processes can have now, the limit of the control group included. None where nobody says."""
    return _memory_free(Path("/proc/meminfo"), CGROUP)


def _memory_free(meminfo: Path, root: Path) -> int | None:
    found = []
    for line in _read(meminfo).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            found.append(int(value.split()[0]) * 1024)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        most, taken = _read(root / limit).strip(), _read(root / used).strip()
        if most.isdigit() and taken.isdigit():
            found.append(max(0, int(most) - int(taken)))
    return min(found, default=None)


@functools.cache
def boot_id() -> str:
    """Changes with every boot: a process number of another boot says nothing. Empty where the kernel gives none."""
    return _read(Path("/proc/sys/kernel/random/boot_id")).strip()


def cpus_allowed() -> int:
    """Logical cores that we may use: CPU affinity, and the quota of the control group rounded up."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, math.ceil(_quota(CGROUP) or cores)))


def _quota(root: Path) -> float | None:
    """Cores that the control group grants, None without a limit. Version 2, then version 1."""
    words = _read(root / "cpu.max").split()
    if len(words) == 2 and words[0] != "max":
        return int(words[0]) / int(words[1])
    quota, period = _read(root / "cpu/cpu.cfs_quota_us"), _read(root / "cpu/cpu.cfs_period_us")
    if quota.strip() and period.strip() and int(quota) > 0:
        return int(quota) / int(period)
    return None


def _cpu_model() -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "cpu model"):
            return value.strip()
    return platform.machine()


def _os_name() -> str:
    for line in _read(Path("/etc/os-release")).splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return platform.system()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
