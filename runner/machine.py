"""What this machine has for tunebook, what it lacks, and what to do about it: `tunebook preflight`.

Each answer stands alone and none may last: a Docker Engine that does not answer is asked for three seconds.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runner.deployers.docker import api
from runner.deployers.kubernetes import health
from runner.deployers.kubernetes.api import Refused
from runner.domain.hardware import Gpu, HostFacts
from runner.domain.units import format_size
from runner.engines import environments
from runner.errors import EngineMissing, NotReady, UsageError
from runner.hardware.choice import Candidate
from runner.hardware.facts import host_facts
from runner.hardware.lease import VISIBLE, usable
from runner.hardware.locks import lease_path, read_lease
from runner.hardware.probes import PROBES, SIMULATED, asked, state_of
from runner.loadgens import genai_bench
from runner.running_file import runner_lives

DOCKER_SECONDS = 3
CLUSTER = "name a cluster with KUBECONFIG, or `kubectl config use-context`"
RENDER_NODES, VULKAN = Path("/dev/dri"), (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a campaign may need. `name` is the word of `--require`; `what` is what is there, or why it is not;
    `remedy` is there where it is not."""

    name: str
    title: str
    there: bool
    what: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """`usable` are the GPUs that tunebook may lease; `cuda` the newest CUDA that the driver runs; `wgpu` whether
    WebGPU finds a device, which no engine here asks."""

    host: HostFacts
    usable: tuple[Gpu, ...]
    findings: tuple[Finding, ...]
    cuda: str | None
    wgpu: bool

    def finding(self, name: str) -> Finding:
        return next(one for one in self.findings if one.name == name)

    def lacks(self, names: Iterable[str]) -> list[Finding]:
        return [one for one in map(self.finding, dict.fromkeys(names)) if not one.there]


def look() -> Machine:
    """Ask everything. Raises UsageError for a TUNEBOOK_FAKE_GPUS that can not be read."""
    host = host_facts()
    findings = tuple(check() for check in CHECKS.values())
    there = {one.name for one in findings if one.there}
    return Machine(
        host=host,
        usable=tuple(usable()),
        findings=findings,
        cuda=next((gpu.cuda for gpu in host.gpus if gpu.cuda), None) if "cuda" in there else None,
        wgpu="metal" in there or (not _simulated() and _vulkan()),
    )


def wanted(words: Iterable[str]) -> list[str]:
    """The names in the values of `--require`, each of which may be a list with commas. Raises UsageError with the near
    one for a name that is not known."""
    names = [name.strip() for word in words for name in word.split(",") if name.strip()]
    for name in names:
        if name not in CHECKS:
            near = difflib.get_close_matches(name, CHECKS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(CHECKS)}"
            raise UsageError(f"--require: nothing is called {name!r}", hint=hint)
    return names


def standing(gpu: Gpu) -> str:
    """Whether a GPU could be leased now, a phrase. Takes no lock: a look keeps no attempt from starting."""
    owner = read_lease(lease_path(gpu.uuid))
    if owner is not None and _may_live(owner):
        campaign = f" of campaign {owner['campaign']}" if owner.get("campaign") else ""
        return f"leased by pid {owner['pid']}{campaign} since {owner['since']}"
    in_use = Candidate(gpu, state_of(gpu.uuid)).in_use()
    return "free" if in_use is None else in_use.removeprefix(f"{gpu.label} ")


def _may_live(owner: Mapping[str, Any]) -> bool:
    known = {"host", "boot_id", "pid", "pid_started"} <= owner.keys()
    return known and runner_lives(owner) is not False


def _simulated() -> bool:
    return [probe.name for probe in asked()] == [SIMULATED]


def _gpu() -> Finding:
    gpus = usable()
    names = [gpu.name for gpu in gpus]
    if gpus:
        have = ", ".join(f"{names.count(name)}x {name}" for name in dict.fromkeys(names))
        return Finding("gpu", "GPUs to lease", True, have + (" (simulated)" if _simulated() else ""))
    what, remedy = "none", _NVIDIA_REMEDY
    if _simulated():
        what, remedy = "TUNEBOOK_FAKE_GPUS says that there is none", "unset TUNEBOOK_FAKE_GPUS to see the real ones"
    elif PROBES.get("nvidia").gpus():
        what, remedy = f"{VISIBLE}={os.environ.get(VISIBLE, '')} shows none of them", f"unset {VISIBLE}"
    return Finding("gpu", "GPUs to lease", False, what, remedy)


_NVIDIA_REMEDY = "install the NVIDIA driver until nvidia-smi lists the GPU; in a container, start it with --gpus all"
_VENDORS = {
    "cuda": ("nvidia", _NVIDIA_REMEDY),
    "rocm": (
        "rocm",
        "for an AMD GPU install ROCm until rocm-smi lists it; tunebook leases none yet",
    ),
    "metal": ("metal", "a Mac with an Apple chip has it; tunebook leases none yet"),
}


def _vendor(name: str) -> Finding:
    probe, remedy = PROBES.get(_VENDORS[name][0]), _VENDORS[name][1]
    if _simulated():
        seen = name == "cuda" and bool(PROBES.get(SIMULATED).gpus())
        what = "simulated by TUNEBOOK_FAKE_GPUS" if seen else "hidden by TUNEBOOK_FAKE_GPUS"
        return Finding(name, probe.title, seen, what, None if seen else "unset TUNEBOOK_FAKE_GPUS")
    reason = probe.unavailable()
    if reason is not None:
        return Finding(name, probe.title, False, reason, remedy)
    drivers = dict.fromkeys(f"driver {gpu.driver}, CUDA {gpu.cuda}" for gpu in probe.gpus() if gpu.driver)
    return Finding(name, probe.title, True, "; ".join(drivers) or "recognised")


def _docker() -> Finding:
    title = "Docker Engine"
    try:
        return Finding("docker", title, True, f"{api.version(DOCKER_SECONDS)} at {api.address()}")
    except NotReady as error:
        if "permission denied" in error.what.lower():
            remedy = "run as a member of the group docker: sudo usermod -aG docker $USER, then log in again"
            return Finding("docker", title, False, f"{api.address()} may not be used by this user", remedy)
    remedy = "install Docker Engine and start it (sudo systemctl start docker), or name another in DOCKER_HOST"
    return Finding("docker", title, False, f"nothing answers at {api.address()}", remedy)


def _kubernetes() -> Finding:
    """The cluster of the current context: an API server that knows us, and what we may do there."""
    title = "Kubernetes cluster"
    try:
        wrong = health.of_cluster()
        there = health.cluster_here()
    except (NotReady, Refused) as error:
        return Finding("kubernetes", title, False, str(error), getattr(error, "hint", None) or CLUSTER)
    told, remedy = ("; ".join(words) for words in zip(*wrong, strict=True)) if wrong else ("", None)
    return Finding("kubernetes", title, not wrong, f"{there}; {told}" if told else there, remedy)


def _ome() -> Finding:
    title = "Open Model Engine in it"
    try:
        wrong = health.of_ome()
    except (NotReady, Refused) as error:
        return Finding("ome", title, False, str(error), getattr(error, "hint", None) or CLUSTER)
    told, remedy = (
        ("; ".join(words) for words in zip(*wrong, strict=True)) if wrong else ("its objects are known", None)
    )
    return Finding("ome", title, not wrong, told, remedy)


def _genai_bench() -> Finding:
    """Where the load generator would find it: a setting, its own environment, the program."""
    title = "Load generator genai-bench"
    try:
        python = genai_bench.interpreter()
    except EngineMissing as error:
        return Finding("genai-bench", title, False, error.what, "tunebook engine install genai-bench")
    for one in environments.installed(genai_bench.RECIPE):
        if one.python == python:
            return Finding("genai-bench", title, True, f"genai-bench {one.version} in {one.folder}")
    return Finding("genai-bench", title, True, f"{python}, where {genai_bench.PINNED} is looked for at the start")


def _llama_cpp() -> Finding:
    return _engine("llama-cpp", "Engine llama.cpp", "xllamacpp", "xllamacpp")


def _engines() -> Finding:
    there = [f"{one.name} {one.version}" for one in environments.installed() if one.works]
    remedy = "tunebook engine install NAME; `tunebook engine list` shows what there is"
    what = ", ".join(there) or f"none in {environments.engines_folder()}"
    return Finding("engines", "Installed engines", bool(there), what, None if there else remedy)


def _engine(name: str, title: str, module: str, distribution: str) -> Finding:
    """In an environment of its own, which an attempt takes first; else beside us."""
    recipe = name.replace("-", "_")
    for one in environments.installed(recipe):
        if one.works:
            return Finding(name, title, True, f"{distribution} {one.version} in {one.folder}")
    return _package(name, title, module, distribution, f"tunebook engine install {recipe}")


def _package(name: str, title: str, module: str, distribution: str, remedy: str) -> Finding:
    """By its metadata: it is looked for, not imported."""
    if importlib.util.find_spec(module) is None:
        return Finding(name, title, False, f"the Python package {distribution} is not installed", remedy)
    try:
        number = version(distribution)
    except PackageNotFoundError:
        number = "of an unknown version"
    return Finding(name, title, True, f"{distribution} {number}")


def _vulkan(nodes: Path = RENDER_NODES, drivers: Iterable[Path] = VULKAN) -> bool:
    """A render node and a Vulkan driver for it; the software driver alone is no GPU."""
    return any(nodes.glob("renderD*")) and any(True for folder in drivers for _ in folder.glob("*.json"))


CHECKS: dict[str, Callable[[], Finding]] = {
    "gpu": _gpu,
    "cuda": lambda: _vendor("cuda"),
    "rocm": lambda: _vendor("rocm"),
    "metal": lambda: _vendor("metal"),
    "docker": _docker,
    "kubernetes": _kubernetes,
    "ome": _ome,
    "genai-bench": _genai_bench,
    "llama-cpp": _llama_cpp,
    "engines": _engines,
}
"""Word of `--require` -> what answers it."""


def as_plain(machine: Machine, names: Iterable[str]) -> dict[str, Any]:
    """For programs. The first six keys are a contract with other tools: kinds of GPU, whether we lease them or not."""
    there = {one.name: one.there for one in machine.findings}
    found = {
        "cuda": there["cuda"],
        "cuda_version": machine.cuda,
        "metal": there["metal"],
        "rocm": there["rocm"],
        "wgpu": machine.wgpu,
    }
    return {
        **found,
        "any_available": any(found[key] for key in ("cuda", "metal", "rocm", "wgpu")),
        "host": machine.host.host,
        "cpus": machine.host.cpu_count,
        "memory_bytes": machine.host.memory_bytes,
        "gpus": [
            {
                "uuid": gpu.uuid, "index": gpu.index, "name": gpu.name, "memory_bytes": gpu.memory_bytes,
                "driver": gpu.driver, "compute_capability": gpu.compute_capability, "parent": gpu.parent,
                "usable": gpu in machine.usable, "standing": standing(gpu),
            }
            for gpu in machine.host.gpus
        ],
        "findings": [
            {"name": one.name, "there": one.there, "what": one.what, "remedy": one.remedy} for one in machine.findings
        ],
        "required": list(names),
        "ready": not machine.lacks(names),
    }  # fmt: skip


def as_text(machine: Machine) -> str:
    """For people: one line for each thing, the remedy below what is lacking, then each GPU."""
    host = machine.host
    lines = [
        f"{host.host}: {host.cpu_model}, {host.cpu_count} cores, {format_size(host.memory_bytes)}, {host.os}",
        "",
    ]
    for one in machine.findings:
        lines.append(f"{'yes' if one.there else 'no ':<4}{one.name:<12}{one.title}: {one.what}")
        if one.remedy:
            lines.append(f"{'':16}remedy: {one.remedy}")
    if host.gpus:
        lines.append("")
    for gpu in host.gpus:
        mine = "" if gpu in machine.usable else f"; not shown by {VISIBLE}"
        lines.append(f"{gpu.label}: {gpu.name}, {format_size(gpu.memory_bytes)}, {standing(gpu)}{mine}")
    return "\n".join(lines)
