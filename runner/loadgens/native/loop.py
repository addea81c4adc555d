"""The event loop of the client: asyncio's own, with a short way from the kernel to whoever reads a stream.

asyncio makes a handle of each event, puts it into a queue and runs it in a context: several times what the read
itself costs. Here the readers of our streams are called as soon as the kernel names them, for a whole batch before
anything else happens, so that answers that come together are stamped together; and while they give asyncio nothing to
do, it does not hear of them. Everything else goes asyncio's way.
"""

from __future__ import annotations

import asyncio
import math
import select
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")
_BATCH = 1024
Read = Callable[[], None]


class _Keys(dict[Any, selectors.SelectorKey]):
    """By descriptor; asked with whatever has one."""

    def get(self, fileobj: Any, default: Any = None) -> Any:
        return super().get(_fd(fileobj), default)

    def __missing__(self, fileobj: Any) -> selectors.SelectorKey:
        if isinstance(fileobj, int):
            raise KeyError(fileobj)
        return self[_fd(fileobj)]


class _Selector(selectors.BaseSelector):
    """Linux's epoll, as asyncio wants it, plus `watch`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._keys = _Keys()
        self._reads: dict[int, Read] = {}
        self.asked = False  # whether the loop has something new to do

    def watch(self, fd: int, read: Read) -> None:
        """Call `read` whenever there is something to read at `fd`, its end or an error included. It must not raise."""
        self._reads[fd] = read
        self._tell(fd, new=fd not in self._keys)

    def forget(self, fd: int) -> None:
        if self._reads.pop(fd, None) is not None:
            self._tell(fd, new=False)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = _fd(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fd} is registered")
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        self._tell(fd, new=fd not in self._reads)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = _fd(fileobj)
        key = self._keys[fd] = self._keys[fd]._replace(events=events, data=data)
        self._tell(fd, new=False)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        fd = _fd(fileobj)
        key = self._keys.pop(fd)
        self._tell(fd, new=False)
        return key

    def _tell(self, fd: int, *, new: bool) -> None:
        """Let the kernel know what is wanted of `fd` now."""
        key = self._keys.get(fd)
        wanted = select.EPOLLIN if fd in self._reads or (key and key.events & selectors.EVENT_READ) else 0
        if key and key.events & selectors.EVENT_WRITE:
            wanted |= select.EPOLLOUT
        if new:
            self._epoll.register(fd, wanted)
        elif key is None and fd not in self._reads:
            self._epoll.unregister(fd)
        else:
            self._epoll.modify(fd, wanted)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Runs the reads; gives the rest. `timeout` is rounded up to the millisecond that epoll knows, so that nothing
        is early."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        reads, keys = self._reads, self._keys
        ready: list[tuple[selectors.SelectorKey, int]] = []
        self.asked = False
        left = timeout
        while True:
            events = self._epoll.poll(-1.0 if left is None else math.ceil(left * 1e3) * 1e-3, _BATCH)
            for fd, event in events:
                read = reads.get(fd)
                if read is not None and event & ~select.EPOLLOUT:
                    read()
                if fd in keys:
                    key = keys[fd]
                    mask = selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0
                    mask |= selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
                    if mask & key.events:
                        ready.append((key, mask & key.events))
            if ready or self.asked or not events:
                return ready
            if left is not None:
                left = until - time.monotonic()
                if left <= 0:
                    return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def close(self) -> None:
        self._epoll.close()
        self._keys.clear()
        self._reads.clear()


def _fd(fileobj: Any) -> int:
    return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._short = _Selector()
        super().__init__(self._short)
        self.watch = self._short.watch
        self.forget = self._short.forget

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._short.asked = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._short.asked = True
        return super().call_at(when, callback, *args, context=context)


def watching(loop: asyncio.AbstractEventLoop) -> tuple[Callable[[int, Read], Any], Callable[[int], Any]]:
    """How to begin and to end reading at a descriptor in `loop`; any other loop has the long way."""
    return (loop.watch, loop.forget) if isinstance(loop, Loop) else (loop.add_reader, loop.remove_reader)


def run(main: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` with this loop where there is epoll."""
    with asyncio.Runner(loop_factory=Loop if hasattr(select, "epoll") else None) as runner:
        runner.run(main)
