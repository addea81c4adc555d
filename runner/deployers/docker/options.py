"""What a campaign may say about its containers: `deploy: {kind: docker, ...}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.domain.campaign import Deploy
from runner.domain.units import parse_size
from runner.errors import Problem
from runner.render.served import SHARED_MEMORY

NAMES = ("network", "shm_size", "ipc", "memory", "cpus", "ulimits", "mounts", "user", "runtime")
NETWORKS = ("bridge", "host")
IPC = ("private", "host")


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of this host, as the container sees it. Read-only."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Options:
    """`memory` and `shm_size` are bytes, `cpus` cores; None is no limit. `ulimits`: name -> soft and hard limit."""

    network: str = "bridge"
    shm_size: int = SHARED_MEMORY
    ipc: str = "private"
    memory: int | None = None
    cpus: float | None = None
    ulimits: Mapping[str, int] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    user: str | None = None
    runtime: str | None = None


def options_of(given: Mapping[str, Any]) -> Options:
    """Of options that `problems` found nothing wrong with."""
    plain = {name: given[name] for name in ("network", "ipc", "user", "runtime") if name in given}
    sizes: dict[str, Any] = {name: _size(given[name]) for name in ("shm_size", "memory") if name in given}
    mounts = tuple(Mount(*_mount(text)) for text in given.get("mounts", ()))
    ulimits = {str(name): int(value) for name, value in given.get("ulimits", {}).items()}
    cpus = float(given["cpus"]) if "cpus" in given else None
    return Options(**plain, **sizes, cpus=cpus, ulimits=ulimits, mounts=mounts)


def problems(deploy: Deploy) -> list[Problem]:
    """One problem for each value that is none of its kind; what is not known at all is somebody else's to say."""
    found = []
    for name, value in deploy.options.items():
        if name in _WANTED and (hint := _WANTED[name](value)):
            found.append(
                Problem("option-value", f"deploy docker: the value of {name!r} is wrong: {value!r}", hint=hint)
            )
    return found


def _size(value: Any) -> int:
    return parse_size(str(value))


def _mount(text: str) -> tuple[str, str]:
    source, _, target = text.partition(":")
    return source, target or source


def _a_size(value: Any) -> str:
    try:
        sound = _size(value) > 0
    except ValueError:
        sound = False
    return "" if sound else "a size with its unit: 16GB"


def _a_number(value: Any) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else "cores, such as 4"


def _one_of(*names: str) -> Any:
    return lambda value: "" if value in names else f"one of {', '.join(names)}"


def _a_text(value: Any) -> str:
    return "" if isinstance(value, str) and value else "write a text"


def _limits(value: Any) -> str:
    hint = "numbers by name, -1 is no limit: {memlock: -1}"
    if not isinstance(value, Mapping):
        return hint
    sound = all(isinstance(number, int) and not isinstance(number, bool) and number >= -1 for number in value.values())
    return "" if sound else hint


def _paths(value: Any) -> str:
    """Each is `/host/folder` or `/host/folder:/in/the/container`. A trailing `:ro` would be a wish for `:rw` too."""
    hint = "a list of /host/folder:/in/the/container; every mount is read-only"
    if not isinstance(value, list | tuple):
        return hint
    sound = all(
        isinstance(text, str) and text.count(":") <= 1 and all(part.startswith("/") for part in _mount(text))
        for text in value
    )
    return "" if sound else hint


_WANTED: dict[str, Any] = {
    "network": _one_of(*NETWORKS),
    "ipc": _one_of(*IPC),
    "shm_size": _a_size,
    "memory": _a_size,
    "cpus": _a_number,
    "ulimits": _limits,
    "mounts": _paths,
    "user": _a_text,
    "runtime": _a_text,
}
