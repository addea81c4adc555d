"""A small disk of its own: a tmpfs in a mount namespace that ends with its process, so that nothing else sees it.

As a program, inside the namespace:  python -m tests.stories._disk FOLDER SIZE
reads one order per line on stdin (JSON), answers each with one line on stdout.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.stories._world import ROOT, environment


@dataclass(frozen=True, slots=True)
class Done:
    """How a command on the small disk ended. `acted`: the event that it was waited for came."""

    status: int
    stdout: str
    stderr: str
    acted: bool


class SmallDisk:
    """A context manager. `inside` is the folder as commands on the disk name it, `seen` the same folder from here."""

    def __init__(self, folder: Path, size: str) -> None:
        folder.mkdir()
        alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
        self.inside = folder
        self._program = subprocess.Popen(
            [*alone, "--propagation", "private", sys.executable, "-m", "tests.stories._disk", str(folder), size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(folder / "results"),
        )  # fmt: skip
        self.seen = Path(f"/proc/{self._program.pid}/root{folder}")

    def __enter__(self) -> Self:
        self.order("ready")
        return self

    def __exit__(self, *exc: object) -> None:
        self._program.communicate(timeout=60)

    def order(self, do: str, **data: Any) -> Any:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps({"do": do, **data}) + "\n")
        self._program.stdin.flush()
        return json.loads(self._program.stdout.readline())

    def run(self, *words: str | Path, at: str = "", then: Sequence[Any] = (), **extra: str) -> Done:
        """A tunebook command. When it tells the event (or phase) `at`, it is held, and `then` is done meanwhile:
        ("fill", leave) or ("read_only", path)."""
        return Done(**self.order("run", words=[str(word) for word in words], at=at, then=list(then), extra=extra))

    def fill(self, leave: int = 0) -> None:
        """Take all space but `leave` bytes."""
        self.order("fill", leave=leave)

    def free(self) -> None:
        self.order("free")

    def read_only(self, path: Path) -> None:
        """`path` can not be written, by root neither; what is open stays open."""
        self.order("read_only", path=str(path))

    def writable(self, path: Path) -> None:
        self.order("writable", path=str(path))


def possible() -> bool:
    """Whether this machine lets us have a mount namespace with a tmpfs in it."""
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    mount = ["mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run([*alone, *mount], capture_output=True, check=False).returncode == 0


class _Inside:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ready(self) -> bool:
        return True

    def fill(self, leave: int = 0) -> bool:
        """With real bytes: what is sparse takes no space."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            with suppress(OSError):
                while True:
                    filler.write(b"x" * 65536)
            with suppress(OSError):
                while True:
                    filler.write(b"x" * 512)
            filler.truncate(max(0, filler.tell() - leave))
        return True

    def free(self) -> bool:
        (self.folder / "filler").unlink()
        return True

    def read_only(self, path: str) -> bool:
        _mount("--bind", path, path)
        _mount("-o", "remount,bind,ro", path)
        return True

    def writable(self, path: str) -> bool:
        subprocess.run(["umount", "-l", path], check=True)
        return True

    def run(self, words: list[str], at: str, then: list[Any], extra: dict[str, str]) -> dict[str, Any]:
        errors = self.folder.with_name(f"{self.folder.name}-stderr")  # not on the small disk
        lines, acted = [], False
        with errors.open("w+", encoding="utf-8") as err:
            command = subprocess.Popen(
                [sys.executable, "-m", "runner", *words],
                env=environment(self.folder / "results", **extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=err, text=True, cwd=self.folder.parent,
            )  # fmt: skip
            assert command.stdout is not None
            for line in command.stdout:
                lines.append(line)
                if at and not acted and _tells(line, at):
                    os.kill(command.pid, signal.SIGSTOP)
                    getattr(self, then[0])(*then[1:])
                    os.kill(command.pid, signal.SIGCONT)
                    acted = True
            status = command.wait()
            err.seek(0)
            return {"status": status, "stdout": "".join(lines), "stderr": err.read(), "acted": acted}


def _tells(line: str, at: str) -> bool:
    event = json.loads(line) if line.startswith("{") else {}
    return at in (event.get("event"), event.get("phase") if event.get("event") in ("phase", "fetch") else None)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _serve(folder: Path, size: str) -> None:
    _mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    inside = _Inside(folder)
    for line in sys.stdin:
        order = json.loads(line)
        answer = getattr(inside, order.pop("do"))(**order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
