"""What Linux says of processes: who carries a label, who is in a session, which shared memory a process holds.

Reading only. A process may vanish between two reads: everything here answers "no" or an empty list then.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SHM = Path("/dev/shm")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Stat:
    """The part of /proc/PID/stat that we use. `started` is in clock ticks since boot: with the pid it names one
    process for ever, while a pid alone is used again. `cpu_seconds` in user and system mode, all its threads;
    `resident_bytes` of its memory, shared pages included."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    started: int
    cpu_seconds: float
    resident_bytes: int

    @property
    def zombie(self) -> bool:
        return self.state in "ZX"


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the command name before it may hold anything
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    resident = int(fields[21]) * PAGE
    return Stat(pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]), cpu, resident)


def same(one: Stat) -> bool:
    """Whether `one` still lives (not as a zombie) and is no other process with the same number."""
    now = stat(one.pid)
    return now is not None and now.started == one.started and not now.zombie


def processes() -> Iterator[Stat]:
    for name in os.listdir(PROC):  # noqa: PTH208  (a Path per process would cost more than the reading)
        if name.isdigit() and (found := stat(int(name))) is not None:
            yield found


def environment_has(pid: int, name: str, value: str) -> bool:
    """Whether the process was started with `name=value`. False when we may not look."""
    try:
        text = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{name}={value}".encode() in text.split(b"\0")


def environment_value(pid: int, name: str) -> str | None:
    """The value that the process was started with. None when it had none, or we may not look."""
    try:
        text = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    prefix = f"{name}=".encode()
    found = next((one for one in text.split(b"\0") if one.startswith(prefix)), None)
    return None if found is None else os.fsdecode(found.removeprefix(prefix))


def command_name(pid: int) -> str:
    """The short name that the kernel has for a process; without its arguments, which may hold anything."""
    try:
        return (PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"


def lock_holders(path: Path) -> list[int]:
    """Processes that hold a lock on a file, of either kind (flock, fcntl), without opening it: an open and a close
    could drop somebody's lock. Empty when nobody does, when there is no such file, or when the kernel does not tell."""
    try:
        file = path.stat()
        lines = (PROC / "locks").read_text().splitlines()
    except OSError:
        return []
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    locks = (line.split() for line in lines if " -> " not in line)  # an arrow marks one that waits
    return sorted({int(words[4]) for words in locks if len(words) > 5 and words[5] == place})


def labelled(name: str, value: str) -> list[Stat]:
    """Living processes started with `name=value` in their environment, without ourselves."""
    me = os.getpid()
    return [s for s in processes() if s.pid != me and not s.zombie and environment_has(s.pid, name, value)]


def in_control_group(pid: int, name: str) -> bool:
    """Whether a control group of the process has `name` in its path, as that of a container has the container's id."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(name in line.split(":", 2)[-1] for line in lines)


def descendants(pid: int, among: Iterable[Stat]) -> list[Stat]:
    """Children of `pid`, their children and so on, out of one listing of all processes."""
    children: dict[int, list[Stat]] = {}
    for one in among:
        children.setdefault(one.parent, []).append(one)
    found: list[Stat] = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child.pid)
    return found


def members(leader: int) -> list[Stat]:
    """The session that `leader` leads, and all its descendants."""
    everyone = list(processes())
    found = {one.pid: one for one in everyone if one.session == leader}
    return [*found.values(), *(one for one in descendants(leader, everyone) if one.pid not in found)]


def shared_memory(pid: int) -> set[str]:
    """Names under /dev/shm that the process has mapped."""
    try:
        lines = (PROC / str(pid) / "maps").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    prefix = f"{SHM}/"
    paths = (line.split(maxsplit=5)[5] for line in lines if prefix in line)
    return {p.removeprefix(prefix) for p in paths if p.startswith(prefix) and not p.endswith(" (deleted)")}


def shared_memory_files() -> dict[str, int]:
    """Every file in /dev/shm with its inode."""
    found = {}
    try:
        entries = list(SHM.iterdir())
    except OSError:
        return {}
    for entry in entries:
        try:
            found[entry.name] = entry.stat().st_ino
        except OSError:
            continue
    return found


def oom_kills() -> int:
    """How often the kernel has killed for memory since boot, in any control group."""
    try:
        lines = (PROC / "vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def listeners(port: int) -> set[int]:
    """Processes that listen on a TCP port, as far as we may see."""
    inodes = _listening_inodes(port)
    found = set()
    for one in processes() if inodes else ():
        folder = PROC / str(one.pid) / "fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(folder / name)  # noqa: PTH115
            except OSError:
                continue
            if target.startswith("socket:[") and target[8:-1] in inodes:
                found.add(one.pid)
                break
    return found


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:  # 0A is LISTEN
                inodes.add(words[9])
    return inodes
