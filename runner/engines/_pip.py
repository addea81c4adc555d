"""One step of an installation as a process: followed while it runs, understood when it failed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runner.domain.units import format_size
from runner.errors import HashMismatch, Interrupted, NetworkError, NoSpace, NotReady, TunebookError
from runner.util import environment, process

EVERY, AT_MOST, GRACE = 4.0, 1.0, 5.0
"""Seconds: without a word of pip's until the next of ours, between two words of pip's, from SIGTERM to SIGKILL."""
LONGEST = 300

Tell = Callable[[str], None]

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"^\s*(?:ERROR|error|Error): (?!Ignored the following)(.+)$")
_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (?:28|122)\]")
_NETWORK = re.compile(
    r"Retrying \(Retry|NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|Max retries exceeded"
    r"|ProxyError|SSLError|ProtocolError|IncompleteRead|Connection(?:Reset|Refused)?Error"
    r"|\b[45]\d\d (?:Client|Server) Error|HTTP error [45]\d\d|Could not fetch URL"
)
_CONFLICT = re.compile(r"conflicting dependencies|ResolutionImpossible|subprocess-exited-with-error")
_HASHES = re.compile(r"DO NOT MATCH THE HASHES")
_NO_VENV = re.compile(r"ensurepip is not|No module named (?:venv|ensurepip)")
_OTHER_PYTHON = re.compile(r"require a different python|Requires-Python|requires a different Python")


def run(
    argv: Sequence[str], folder: Path, log: Path, what: str, label: str, tell: Tell, should_stop: Callable[[], bool]
) -> None:
    """Run a step to its end, its output added to `log`; `tell` hears what it does, at least every few seconds.

    What it needs for a while goes under `folder`, so that it lies on the disk that was looked at and goes with the
    folder. Raises NoSpace, NetworkError, HashMismatch and NotReady with pip's own words; Interrupted.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    before = log.stat().st_size if log.exists() else 0
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(argv)}\n")
    env = environment.for_installer() | {"TMPDIR": str(temporary)}
    follower = _Follower(log, folder, what, tell)
    with process.start(argv, label=label, env=env, cwd=folder, stdout=log) as owned:
        while (ended := owned.wait(0.25)) is None:
            follower.look()
            if should_stop():
                owned.stop(GRACE)
                raise Interrupted("interrupted; what was installed so far is removed")
        follower.look()
    if ended.code == 0:
        return
    with log.open("rb") as file:
        file.seek(before)
        said = _ANSI.sub("", file.read().decode(errors="replace"))
    how = f"status {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    raise failure(said, what, how, log)


def failure(said: str, what: str, how: str, log: Path) -> TunebookError:
    """The error of a step that said this: by its cause, with the line that tells it and where the rest stands."""
    told = f"{what} failed: {telling(said) or f'it ended with {how}'}"
    whole = f"all that it said stands in {log}"
    if _NO_SPACE.search(said):
        return NoSpace(told, hint=f"free some space, or choose another disk with TUNEBOOK_CACHE; {whole}")
    if _HASHES.search(said):
        return HashMismatch(told, hint=whole)
    if _NETWORK.search(said) and not _CONFLICT.search(said):
        hint = "check the network, the proxy (HTTPS_PROXY) and the package index (PIP_INDEX_URL)"
        return NetworkError(told, hint=f"{hint}; {whole}")
    if _NO_VENV.search(said):
        return NotReady(told, hint=f"install Python's venv (Debian, Ubuntu: apt-get install python3-venv); {whole}")
    if _OTHER_PYTHON.search(said):
        return NotReady(told, hint=f"another Python may do: --python /path/to/python3.12; {whole}")
    return NotReady(told, hint=whole)


def telling(said: str) -> str | None:
    """The first line that calls itself an error, else the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("$ ")]
    errors = [found[1] for line in lines if (found := _ERROR.match(line))]
    best = (errors or lines[-1:] or [None])[0]
    return best and (best if len(best) <= LONGEST else f"{best[:LONGEST]}...")


def activity(line: str) -> str | None:
    """What a line of pip's says that it does, for people. None: nothing to say of it."""
    words = line.split()
    match words:
        case ["Collecting", name, *_]:
            return f"resolving {name}"
        case ["Downloading", file, *size]:
            return f"fetching {_base(file)} {' '.join(size)}".rstrip()
        case ["Using", "cached", file, *size]:
            return f"taking {_base(file)} from pip's cache {' '.join(size)}".rstrip()
        case ["Processing", file, *_]:
            return f"taking {_base(file)}"
        case ["WARNING:", "Retrying", *_]:
            return f"no answer for {words[-1].rstrip('/').rpartition('/')[2]}, trying again"
        case ["Building", "wheel", "for", name, *_]:
            return f"building {name}"
        case ["Installing", "collected", "packages:", *names]:
            return f"installing {len(names)} package{'s' if len(names) != 1 else ''}"
    return None


def disk_use(folder: Path) -> int:
    """Bytes that a folder takes on its disk, as `du` counts. What goes away meanwhile does not count."""
    total = 0
    stack = [folder]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(Path(entry.path))
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total


def _base(file: str) -> str:
    return file.rpartition("/")[2].partition("#")[0]


class _Follower:
    """Reads a growing log and tells what stands in it, neither too often nor too rarely."""

    def __init__(self, log: Path, folder: Path, what: str, tell: Tell) -> None:
        self._log, self._folder, self._tell = log, folder, tell
        self._at = log.stat().st_size
        self._doing = self._told = what
        self._started = self._last = time.monotonic()
        self._size, self._count_again = 0, self._started
        self._rest = b""
        tell(what)

    def look(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        self._at += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            self._doing = activity(_ANSI.sub("", line.decode(errors="replace"))) or self._doing
        now = time.monotonic()
        if self._doing != self._told and now - self._last >= AT_MOST:
            self._say(self._doing)
        elif now - self._last >= EVERY:
            if now >= self._count_again:  # 60,000 files on a busy disk take seconds to count
                self._size = disk_use(self._folder)
                self._count_again = now + 10 * (time.monotonic() - now)
            self._say(f"{self._doing}, {format_size(self._size)} on disk")

    def _say(self, text: str) -> None:
        self._told, self._last = self._doing, time.monotonic()
        self._tell(text)


def probe(python: Path, module: str, distribution: str) -> str | None:
    """The version of a package that an interpreter has; None when it lacks the package or its module. Nothing of it
    is imported: CUDA builds look for a GPU then."""
    code = (
        "import importlib.metadata as m, importlib.util as u, sys\n"
        f"sys.exit(1) if u.find_spec({module!r}) is None else print(m.version({distribution!r}))"
    )
    done = process.run([str(python), "-c", code], timeout=120, env=environment.for_installer())
    return done.stdout.strip() if done.ok else None


def packages(python: Path, env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """`name==version` of everything that an environment has."""
    argv = [str(python), "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check"]
    done = process.run(argv, timeout=120, env=environment.for_installer() if env is None else env)
    return tuple(line for line in done.stdout.splitlines() if "==" in line) if done.ok else ()
