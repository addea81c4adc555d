"""A simulated engine in a process of its own, and what a test needs to talk to it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runner.deployers import LoadPlace
from runner.domain.trial import Endpoint, Exit, Placement
from runner.util import net, process
from runner.util.process import Owned

FAST = ("--time-scale", "0.05")
PATIENCE = 30.0  # seconds until a test gives up; no test asserts on how long anything took


class World:
    """The engine as `measure` wants to see it, and the truth it holds about each request."""

    listens_itself = True
    load_place: LoadPlace | None = None

    def __init__(self, owned: Owned, port: int, log: Path) -> None:
        self.owned = owned
        self.log = log
        self.port = port
        self.pid: int | None = owned.pid
        self.endpoint = Endpoint(f"http://127.0.0.1:{port}", "simulated")

    def pids(self) -> set[int] | None:
        return {self.owned.pid}

    def poll(self) -> Exit | None:
        return self.owned.poll()

    def landed(self, placement: Placement) -> Placement:
        return placement

    def starved(self) -> bool:
        return False

    def stop(self, grace: float) -> Exit | None:
        return self.owned.stop(grace)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop(1.0)

    def get(self, path: str) -> Any:
        status, body = net.get(self.endpoint.base_url + path, 5.0)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def seen(self) -> list[dict[str, Any]]:
        """What the server says about every request, on the clock that client and server share."""
        found: list[dict[str, Any]] = self.get("/debug/requests")
        return found

    def text(self) -> str:
        return self.log.read_text()

    def health(self) -> int | None:
        """HTTP status of /health; None while nobody answers."""
        try:
            return net.get(self.endpoint.base_url + "/health", 5.0)[0]
        except net.NoAnswer:
            return None

    def wait_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.health() != 200:
            assert self.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.02)


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[World]:
    """An engine that was started and may still be loading, or already dead."""
    port = net.free_port()
    log = folder / "engine.log"
    argv = [sys.executable, "-m", "runner.simulated.server", "--port", str(port), *FAST, *flags]
    with process.start(argv, label="test", stdout=log) as owned:
        yield World(owned, port, log)


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[World]:
    """An engine that answers."""
    with started(folder, *flags) as world:
        world.wait_ready()
        yield world
