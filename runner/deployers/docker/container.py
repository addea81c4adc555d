"""One container from its start to its removal: its log, its end, and nothing left of it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.deployers import Engine, LoadPlace
from runner.deployers.docker.api import errors, told
from runner.domain.trial import Endpoint, Exit, Placement
from runner.errors import LeftBehind
from runner.util import hurry, procfs

FRESH = 0.2
"""Seconds for which an answer about the container's state holds: a poll must not become a part of what is measured."""
PATIENCE = 30.0
"""Seconds that an Engine may be away, as when it is restarted."""
SHUTDOWN = 3.0
"""Seconds in which an Engine that has ended a container because it shuts down is seen to be gone."""
_PAUSE = 0.05


class Container:
    """An engine in a container. It belongs to whoever holds this object, until it is removed."""

    load_place: LoadPlace | None = None

    def __init__(self, made: Any, endpoint: Endpoint, log: Path, grace: float, *, shares_network: bool) -> None:
        self.endpoint = endpoint
        self.listens_itself = shares_network  # behind a published port the host's listener is Docker's
        self._made = made
        self._grace = grace
        self._log = _Log(made, log)
        self._end: Exit | None = None
        self._removed = False
        self._ending = False
        self._hurry = hurry.listen()
        self._asked = float("-inf")
        self._away_since: float | None = None

    def pids(self) -> Set[int] | None:
        """Its init, and all that comes from it. Asked while the engine is measured: of the kernel, not of Docker."""
        first = int(self._made.attrs["State"]["Pid"])
        if not first or not procfs.in_control_group(first, self._made.id):
            return None  # ended, on another machine, or numbered otherwise here
        return {first} | {stat.pid for stat in procfs.descendants(first, procfs.processes())}

    def landed(self, placement: Placement) -> Placement:
        return placement

    def poll(self) -> Exit | None:
        now = time.monotonic()
        if self._end is None and now - self._asked >= FRESH:
            self._asked = now
            self._end = self._look(now)
            if self._end is not None:
                self._log.finish()
        return self._end

    def starved(self) -> bool:
        """Seen with Engine 20.10 on control groups of version 1: as long as a container runs, OOMKilled stays false
        though a process in it was killed, and an event tells. At its end OOMKilled is true, whatever its exit code."""
        if self._end is not None and self._end.oom_killed:
            return True
        with contextlib.suppress(*errors()):
            made = int(datetime.fromisoformat(self._made.attrs["Created"]).timestamp())
            asked = {"container": self._made.id, "event": "oom"}
            told = self._made.client.events(since=made, until=time.time(), filters=asked, decode=True)
            return list(told) != []  # it ends by itself: nothing is awaited that is not past
        return False

    def _look(self, now: float) -> Exit | None:
        from docker.errors import NotFound

        try:
            self._made.reload()
        except NotFound:
            return Exit(None, host_fault="somebody else removed the container")
        except errors() as error:  # it shuts down, restarts, or has no time for us
            self._away_since = self._away_since or now
            if now - self._away_since < PATIENCE:
                return None
            return Exit(None, host_fault=f"the Docker Engine does not answer any more: {told(error)}")
        state = self._made.attrs["State"]
        if ended(state) is None:  # it is back, and the container lived on: what ends it later is another matter
            self._away_since = None
        elif self._away_since is None and not self._ending and _looks_sent(state) and self._goes_away():
            self._away_since = now
        return ended(state, was_away=self._away_since is not None)

    def _goes_away(self) -> bool:
        """An Engine that shuts down ends its containers first, and answers until they are gone."""
        limit = time.monotonic() + SHUTDOWN
        while time.monotonic() < limit:
            try:
                self._made.client.ping()
            except errors():
                return True
            time.sleep(_PAUSE)
        return False

    def stop(self, grace: float) -> Exit | None:
        """SIGTERM, `grace` seconds, SIGKILL, removed. Raises LeftBehind when the Engine is away for too long: the
        container may be left, and `tunebook reap` ends it."""
        if self._removed:
            return self._end
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._stop(grace)
                return self._end
            except errors() as error:
                if time.monotonic() > deadline:
                    raise LeftBehind(
                        f"container {self._made.name} may be left: {told(error)}",
                        hint="when Docker runs again, `tunebook reap` ends it",
                    ) from error
                time.sleep(_PAUSE)

    def _stop(self, grace: float) -> None:
        if self._end is None:
            self._ending = True
            if not self._ends_after("SIGTERM", grace, self._hurry.is_set):
                self._ends_after("SIGKILL", PATIENCE)
            self._log.finish()
        remove(self._made)
        self._removed = True
        self._made.client.close()

    def _ends_after(self, name: str, seconds: float, no_more: Callable[[], bool] = lambda: False) -> bool:
        from docker.errors import APIError

        with contextlib.suppress(APIError):  # 409: it does not run any more
            self._made.kill(name)
        deadline = time.monotonic() + seconds
        while True:
            self._end = self._look(time.monotonic())
            if self._end is not None or time.monotonic() >= deadline or no_more():
                return self._end is not None
            time.sleep(_PAUSE)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop(self._grace)


def ended(state: Mapping[str, Any], *, was_away: bool = False) -> Exit | None:
    """What Docker says of an end. 137 alone is no lack of memory: whoever sends SIGKILL leaves it; OOMKilled is. An
    error of a container that had started is Docker's own trouble with it."""
    if state["Status"] not in ("exited", "dead"):
        return None
    if was_away:  # an Engine that is restarted takes its containers along
        return Exit(None, host_fault="the Docker Engine was restarted, and the container ended with it")
    code = int(state["ExitCode"])
    killed = bool(state["OOMKilled"])
    if state.get("Error") and not killed:
        return Exit(code, host_fault=f"Docker could not keep the container: {state['Error']}"[:500])
    if code > 128 and code - 128 in {number.value for number in signal.Signals}:
        return Exit(None, signal.Signals(code - 128).name, killed)
    return Exit(code, None, killed)


def _looks_sent(state: Mapping[str, Any]) -> bool:
    """An end as after a signal from outside: an engine that serves does not end so by itself."""
    by_signal = 128 + signal.SIGTERM, 128 + signal.SIGKILL
    return state["Status"] == "exited" and not state["OOMKilled"] and state["ExitCode"] in (0, *by_signal)


def remove(made: Any) -> None:
    """Gone with its anonymous volumes, whatever state it is in; nothing to do when somebody was faster."""
    from docker.errors import APIError, NotFound

    try:
        made.remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in told(error):
            raise


def save_log(made: Any, path: Path) -> None:
    """All that the container has written, when that is more than what stands in `path`."""
    whole = made.logs(stdout=True, stderr=True)
    if not path.exists() or path.stat().st_size < len(whole):
        path.write_bytes(whole)


class _Log:
    """The container's output in the attempt's own file, as it is written, by a thread."""

    def __init__(self, made: Any, path: Path) -> None:
        self._made = made
        self._path = path
        self._thread = threading.Thread(target=self._follow, name="container-log", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with contextlib.suppress(*errors(), OSError), self._path.open("ab", buffering=0) as file:
            for part in self._made.logs(stdout=True, stderr=True, stream=True, follow=True):
                file.write(part)

    def finish(self) -> None:
        """Called after the end: the last lines too. What a lost connection has kept from us is asked for again."""
        self._thread.join(10.0)
        with contextlib.suppress(*errors()):
            save_log(self._made, self._path)
