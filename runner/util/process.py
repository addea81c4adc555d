"""The only module that starts processes. Every start has an owner, and the owner ends everything it started.

What belongs to an owner, and nothing else is ever ended:

* the process group and the session of the process that was started,
* its descendants, seen while it ran and again before it is ended,
* every process of ours whose environment carries the token of this start (a child that left the session with
  `setsid` and lost its parent still has it).

The leader is not reaped before its group is gone: as long as it is a zombie its number can not be given to
another process, so a signal to the group can not hit a stranger. Orphans come to us (PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runner.domain.trial import Exit
from runner.util import procfs
from runner.util.affinity import pinned
from runner.util.procfs import Stat
from runner.util.signals import plain_signals

DEVNULL = subprocess.DEVNULL
PIPE = subprocess.PIPE
STDOUT = subprocess.STDOUT

LABEL = "TUNEBOOK_ATTEMPT"
"""Environment name of the attempt that a process belongs to; `reap` finds orphans of a dead runner by it."""

TOKEN = "TUNEBOOK_PROCESS"
"""Environment name of the one start that a process comes from: engine and client of an attempt differ in it."""

LAST_RESORT = 10.0
"""Seconds after SIGKILL until we give up on a process that the kernel does not let go (disk sleep)."""

_live: dict[int, Owned] = {}
_registry = threading.RLock()  # both locks may be taken again by a signal handler of the thread that has them
_subreaper = False


def start(
    argv: Sequence[str],
    *,
    label: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = DEVNULL,
    stdout: Path | int = DEVNULL,
    stderr: Path | int = STDOUT,
    cpus: Collection[int] = (),
) -> Owned:
    """Start `argv` in a session of its own, pinned to these logical `cpus`, all that comes from it too.

    `env` is the whole environment (None: ours); LABEL and TOKEN are added. A Path for `stdout` or `stderr` is
    opened for appending before the start, so that the first byte is in it. Raises OSError (no such program, no
    such folder) when nothing was started.
    """
    _become_subreaper()
    token = secrets.token_hex(16)
    environment = dict(os.environ if env is None else env) | {LABEL: label, TOKEN: token}
    opened: list[int] = []

    def stream(target: Path | int) -> int:
        if isinstance(target, int):
            return target
        opened.append(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644))
        return opened[-1]

    memory_files = procfs.shared_memory_files()
    kills = procfs.oom_kills()
    try:
        out, err = stream(stdout), stream(stderr)
        with plain_signals(), pinned(cpus):
            popen = subprocess.Popen(
                list(argv),
                stdin=stdin,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env=environment,
                start_new_session=True,
                close_fds=True,
            )
    finally:
        for descriptor in opened:
            os.close(descriptor)
    owned = Owned(popen, label, token, memory_files, kills)
    with _registry:
        _live[popen.pid] = owned
    return owned


class Owned:
    """A started process and all that comes from it. A context manager: leaving it calls `stop`.

    One thread owns it; `stop` may come from another one at the same time.
    """

    def __init__(
        self, popen: subprocess.Popen[bytes], label: str, token: str, memory_files: dict[str, int], kills: int
    ) -> None:
        self.pid = popen.pid
        self.label = label
        self._popen = popen
        self._token = token
        self._memory_files = memory_files
        self._kills = kills
        self._lock = threading.RLock()
        self._hurry = threading.Event()
        self._seen: dict[int, Stat] = {}
        self._held: set[str] = set()
        self._exit: Exit | None = None
        self._killed = False  # by us
        self._over = False
        self._started = time.monotonic()
        self._next_look = self._started + 0.25
        self.survivors: tuple[int, ...] = ()  # after stop: what even SIGKILL did not end

    @property
    def stdin(self) -> IO[bytes] | None:
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        return self._popen.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        return self._popen.stderr

    def poll(self) -> Exit | None:
        """None while the process that was started runs. Its children may outlive it: only `stop` ends them."""
        if self._exit is None:
            self._exit = self._ended()
        now = time.monotonic()
        if self._exit is None and now >= self._next_look and self._lock.acquire(blocking=False):
            try:  # children that later leave the session are known from such a look; ever rarer, it costs a scan
                self._next_look = now + min(30.0, 2 * (now - self._started))
                self._look()
            finally:
                self._lock.release()
        return self._exit

    def wait(self, timeout: float) -> Exit | None:
        """`poll` until it has ended or `timeout` seconds have passed."""
        deadline = time.monotonic() + timeout
        pause = 0.002
        while (ended := self.poll()) is None and time.monotonic() < deadline:
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(0.05, pause * 1.5)
        return ended

    def stop(self, grace: float) -> Exit | None:
        """End everything: SIGTERM, `grace` seconds, SIGKILL; wait until all are gone; reap them.

        Idempotent. Gives how the started process ended: by itself, or by our signal. A grace of 0 also cuts short the
        grace of a stop that another thread has begun.
        """
        if grace <= 0:
            self._hurry.set()
        with self._lock:
            if self._over:
                return self._exit
            self._exit = self._exit or self._ended()
            self._end_all(grace)
            self._exit = self._exit or self._exit_of_the_dead()
            if self._exit is not None:
                self._popen.wait()
            for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:  # a pipe whose reader is gone: what was buffered is lost, as it must be
                        pass
            self._remove_shared_memory()
            self._over = True
        with _registry:
            _live.pop(self.pid, None)
        _reap_orphans(self.pid)
        return self._exit

    def __enter__(self) -> Owned:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop(0.0 if exc[0] is not None else 2.0)

    def _ended(self) -> Exit | None:
        """Peek: how the leader ended, without reaping it."""
        try:
            info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return self._exit or Exit(None, "unknown")
        if info is None:
            return None
        if info.si_code == os.CLD_EXITED:
            return Exit(info.si_status)
        number = info.si_status
        oom = number == signal.SIGKILL and not self._killed and procfs.oom_kills() > self._kills
        return Exit(None, signal.Signals(number).name, oom_killed=oom)

    def _exit_of_the_dead(self) -> Exit | None:
        """The leader's exit once nobody is left. Its main thread may be a zombie while its other threads still give
        memory and port back: only then can it be waited for. None when something survived even SIGKILL."""
        deadline = time.monotonic() + (0.0 if self.survivors else LAST_RESORT)
        while (ended := self._ended()) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return ended

    def _look(self) -> list[Stat]:
        """Who belongs to us now. Remembers each, and the shared memory each has mapped."""
        if self._over:  # the leader is reaped: its number may be another's by now
            return []
        everyone = list(procfs.processes())
        roots = {self.pid, *(s.pid for s in self._seen.values() if procfs.same(s))}
        found = {s.pid: s for root in roots for s in procfs.descendants(root, everyone)}
        for one in everyone:
            if one.session == self.pid or procfs.environment_has(one.pid, TOKEN, self._token):
                found[one.pid] = one
        self._seen.update(found)
        for pid in found:
            self._held |= procfs.shared_memory(pid)
        return [s for s in self._seen.values() if procfs.same(s)]

    def _end_all(self, grace: float) -> None:
        members = self._look()
        if grace > 0:
            self._signal(members, signal.SIGTERM)
            deadline = time.monotonic() + grace
            while members and time.monotonic() < deadline and not self._hurry.is_set():
                time.sleep(0.01)
                members = [s for s in members if procfs.same(s)]
            members = self._look()
        deadline = time.monotonic() + LAST_RESORT
        while members and time.monotonic() < deadline:
            self._killed = self._killed or self._ended() is None
            self._signal(members, signal.SIGKILL)  # again and again: they may fork while we look
            time.sleep(0.005)
            members = self._look()
        self.survivors = tuple(s.pid for s in members)

    def _signal(self, members: Sequence[Stat], number: signal.Signals) -> None:
        if self._over:
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass
        for one in members:
            if one.group != self.pid and procfs.same(one):
                try:
                    os.kill(one.pid, number)
                except (ProcessLookupError, PermissionError):
                    pass

    def _remove_shared_memory(self) -> None:
        """Files in /dev/shm that were not there before the start and that a process of ours had mapped."""
        now = procfs.shared_memory_files()
        for name in self._held:
            if name in now and self._memory_files.get(name) != now[name]:
                try:
                    (procfs.SHM / name).unlink()
                except OSError:
                    pass


@dataclass(frozen=True, slots=True)
class Done:
    """A short command that has ended. `exit` is None when it was ended at its time limit."""

    exit: Exit | None
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.exit is not None and self.exit.code == 0


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    label: str = "command",
) -> Done:
    """Run a short command to its end, or end it and all its children after `timeout` seconds.

    Its output goes through files, never through a pipe that a grandchild could keep open; they have no name, so that
    none is left when we are killed. Raises OSError when the program can not be started.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with start(argv, label=label, env=env, cwd=cwd, stdout=out.fileno(), stderr=err.fileno()) as owned:
            ended = owned.wait(timeout)
            owned.stop(0.0)
        out.seek(0)
        err.seek(0)
        return Done(ended, out.read().decode(errors="replace"), err.read().decode(errors="replace"))


def live() -> list[Owned]:
    """What was started here and not stopped yet."""
    with _registry:
        return list(_live.values())


def stop_all(grace: float) -> None:
    """End everything at once: for the second signal and for the end of the program."""
    for owned in live():
        owned.stop(grace)


def end_labelled(label: str, grace: float) -> list[str]:
    """End the processes that carry `label`, though another, dead runner started them. One line for each."""
    lines = []
    members = procfs.labelled(LABEL, label)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, LAST_RESORT)):
        for one in members:
            if procfs.same(one):
                lines.append(f"process {one.pid}: {_command(one.pid)}")
                try:
                    os.kill(one.pid, number)
                except (ProcessLookupError, PermissionError):
                    continue
        deadline = time.monotonic() + seconds
        while (members := procfs.labelled(LABEL, label)) and time.monotonic() < deadline:
            if number == signal.SIGKILL:
                for one in members:
                    if procfs.same(one):
                        os.kill(one.pid, number)
            time.sleep(0.02)
    return list(dict.fromkeys(lines))


def end_other(pid: int, started: int) -> None:
    """End another process of ours at once, also one that stands still. `started` tells it from a later one with its
    number (`procfs.Stat.started`)."""
    found = procfs.stat(pid)
    if found is not None and found.started == started and not found.zombie:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _command(pid: int) -> str:
    try:
        words = (procfs.PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "?"
    return b" ".join(words[:4]).decode(errors="replace").strip()


def _become_subreaper() -> None:
    """Once per process: orphans of what we start come to us instead of to init, so that they can be reaped."""
    global _subreaper
    if not _subreaper:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # some cron daemons leave it so: exits would be lost
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        _subreaper = True


def _reap_orphans(session: int) -> None:
    """Take the exit status of dead children that nobody started here: orphans that came to us.

    A dead child in our own session is left alone: other code of this process may have started it and wait for it.
    """
    me, ours = os.getpid(), os.getsid(0)
    with _registry:
        known = set(_live)
    for one in procfs.processes():
        if one.parent == me and one.zombie and one.session != ours and one.pid not in known:
            try:
                os.waitpid(one.pid, os.WNOHANG)
            except ChildProcessError:
                pass
