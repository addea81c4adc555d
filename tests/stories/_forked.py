"""Commands of tunebook in processes of their own that need not import it first: each is forked from a process that has.

A story gives dozens of commands, and half a second of most is the import of what they need. One process per worker
imports it, runs nothing of it, and forks; the child has the environment, folder and files that a new one would have.

As a program:  python -m tests.stories._forked SOCKET
takes one order after the other from the socket (a descriptor), as three descriptors: the order as JSON, stdout, stderr.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = dict(os.environ)
"""As this process began: what a test sets later is part of its orders."""

IMPORTED = (
    "duckdb", "runner.batch", "runner.cli._main", "runner.cli._session", "runner.cli.run", "runner.cli.sql",
    "runner.deployers.local", "runner.executors.local", "runner.loadgens.native", "runner.reap",
    "runner.run_campaign", "runner.run_trial", "runner.runtimes.simulated", "runner.samplers.random",
    "runner.status", "runner.store.query", "runner.store.verify",
)  # fmt: skip
"""Nothing that looks at its environment, or starts a thread, when it is imported (huggingface_hub does)."""


@dataclass
class Forks:
    """The process that forks, from the side of the tests."""

    socket: socket.socket
    process: subprocess.Popen[bytes]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """One command to its end, as `subprocess.run` has it. Raises TimeoutExpired: the command was killed then."""
        with self.lock, tempfile.TemporaryFile() as order, tempfile.TemporaryFile() as out, \
             tempfile.TemporaryFile() as err:  # fmt: skip
            order.write(json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode())
            order.seek(0)
            socket.send_fds(self.socket, [b"x"], [order.fileno(), out.fileno(), err.fileno()])
            pid = int(self.socket.recv(64))
            self.socket.settimeout(timeout)
            try:
                status = int(self.socket.recv(64))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                self.socket.settimeout(None)
                self.socket.recv(64)
                raise subprocess.TimeoutExpired(list(words), timeout) from None
            self.socket.settimeout(None)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode().replace("\r\n", "\n"))
        return subprocess.CompletedProcess(["tunebook", *words], status, *texts)

    def end(self) -> None:
        self.socket.close()
        self.process.wait(60)


def surroundings() -> tuple[str, ...]:
    """Network, mounts and CPUs that this thread has: a fork has those of the process that it comes from."""
    seen = (str(Path(f"/proc/thread-self/ns/{name}").readlink()) for name in ("net", "mnt"))
    return (*seen, str(sorted(os.sched_getaffinity(0))))


BEGUN = surroundings()
"""Of this process. Only a command with the same is forked."""


@cache
def forks() -> Forks:
    """Started with the first command of this worker that is like others."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories._forked", str(theirs.fileno())],
            env={**OURS, "PYTHONPATH": str(ROOT)}, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip
    made = Forks(ours, process)
    atexit.register(made.end)
    return made


def run(words: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """`python -m runner WORDS` to its end, forked where that is the same."""
    if surroundings() == BEGUN:
        return forks().run(words, env, cwd, timeout)
    return subprocess.run(
        [sys.executable, "-m", "runner", *words], env=env, capture_output=True, text=True, timeout=timeout, check=False,
        cwd=cwd, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _serve(asked: socket.socket) -> list[str]:
    """Fork for every order. Returns in the children, with their words; ends the program when nobody asks any more."""
    for name in IMPORTED:
        importlib.import_module(name)
    while True:
        said, descriptors, _, _ = socket.recv_fds(asked, 16, 3)
        if not said:
            os._exit(0)
        if (pid := os.fork()) == 0:
            asked.close()
            return _become(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        asked.send(str(pid).encode())
        asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def _become(order: int, out: int, err: int) -> list[str]:
    """Take on what a process that was just started for this order has."""
    with os.fdopen(order, "rb") as file:
        asked = json.loads(file.read())
    for descriptor, number in ((out, 1), (err, 2)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.chdir(asked["cwd"])
    sys.path[0] = asked["cwd"]
    words: list[str] = asked["words"]
    return words


if __name__ == "__main__":
    sys.argv = [str(ROOT / "runner" / "__main__.py"), *_serve(socket.socket(fileno=int(sys.argv[1])))]
    importlib.import_module("runner.cli").main()
