"""The client's event loop: whatever asyncio does with its own selector, it does with this one."""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
from collections.abc import Iterator

import pytest

from runner.loadgens.native.loop import Loop, run, watching

ENOUGH = 200_000
"""Reads, seconds of them."""


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    mine, other = socket.socketpair()
    mine.setblocking(False)
    other.setblocking(False)
    with mine, other:
        yield mine, other


def test_watchers_writers_and_readers_of_one_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    """A wire reads the short way while it still waits to send; each of the two comes and goes by itself."""
    mine, other = pair
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        watch, forget = watching(loop)

        def read() -> None:
            seen.append(f"read {mine.recv(9).decode()}")

        def write() -> None:
            seen.append("write")
            loop.remove_writer(mine)

        loop.add_writer(mine, write)
        watch(mine.fileno(), read)
        other.send(b"a")
        await asyncio.sleep(0.02)
        other.send(b"b")
        await asyncio.sleep(0.02)
        loop.add_writer(mine, write)
        await asyncio.sleep(0.02)
        forget(mine.fileno())
        other.send(b"c")
        await asyncio.sleep(0.02)
        forget(mine.fileno())  # once more does no harm
        loop.add_reader(mine, read)  # the long way is there too
        await asyncio.sleep(0.02)
        loop.remove_reader(mine)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    assert sorted(seen[:2]) == ["read a", "write"]
    assert seen[2:] == ["read b", "write", "read c"]


def test_the_end_of_the_other_side_is_something_to_read(pair: tuple[socket.socket, socket.socket]) -> None:
    mine, other = pair

    async def main() -> None:
        ended = asyncio.Event()
        watching(asyncio.get_running_loop())[0](mine.fileno(), ended.set)
        other.close()
        await asyncio.wait_for(ended.wait(), 5)
        watching(asyncio.get_running_loop())[1](mine.fileno())

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_what_asyncio_needs_of_a_selector(pair: tuple[socket.socket, socket.socket]) -> None:
    """Streams, threads, timers, child processes and servers; the long way."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, os.getpid) == os.getpid()
        child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
        assert (await child.communicate(b"through"))[0] == b"through"

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        assert await reader.read() == b"hello"
        writer.close()
        server.close()

    run(main())


def test_a_descriptor_is_registered_once(pair: tuple[socket.socket, socket.socket]) -> None:
    loop = Loop()
    try:
        selector = loop._short
        key = selector.register(pair[0], selectors.EVENT_READ, "x")
        assert selector.get_key(pair[0].fileno()) is key
        with pytest.raises(KeyError):
            selector.register(pair[0], selectors.EVENT_READ)
        assert selector.modify(pair[0], selectors.EVENT_WRITE, "y").data == "y"
        assert selector.unregister(pair[0]).data == "y"
        with pytest.raises(KeyError):
            selector.unregister(pair[0])
    finally:
        loop.close()


def test_reads_that_never_end_do_not_keep_the_rest_waiting(pair: tuple[socket.socket, socket.socket]) -> None:
    """While streams are read asyncio is not asked; what it has to do, and what a read gives it to do, is done all the
    same."""
    mine, other = pair
    read: list[bytes] = []
    done: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        watch, forget = watching(loop)
        asked = loop.create_future()

        def take() -> None:
            read.append(mine.recv(1))
            if len(read) < ENOUGH:
                other.send(b"x")  # there is always something to read
            if len(read) == 50 and not asked.done():
                asked.set_result(None)

        other.send(b"x")
        watch(mine.fileno(), take)
        loop.call_later(0.001, done.append, "timer")
        await asked
        done.append("asked by a read")
        await asyncio.to_thread(loop.call_soon_threadsafe, done.append, "another thread")
        while "timer" not in done:
            await asyncio.sleep(0)
        assert 50 <= len(read) < ENOUGH
        forget(mine.fileno())

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    assert sorted(done) == ["another thread", "asked by a read", "timer"]
