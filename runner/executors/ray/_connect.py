"""The way to a Ray cluster that runs already: a wrong or dead address is an error, never a cluster of our own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from runner.errors import EngineMissing, NetworkError, NotReady, UsageError
from runner.executors.ray._places import Node

ADDRESS = "RAY_ADDRESS"
PATIENCE = 5.0
"""Seconds in which the address answers."""


def connect(address: str | None) -> Any:
    """The module `ray`, connected. Raises UsageError without an address or with one that would start a cluster here,
    EngineMissing without Ray, NetworkError when nobody answers, NotReady when the cluster does not take us."""
    given = (address or os.environ.get(ADDRESS) or "").strip()
    if not given:
        hint = (
            f"name the head's with --address HOST:6379, or in {ADDRESS}; `ray status` on that machine shows a cluster"
        )
        raise UsageError("--executor ray needs the address of a Ray cluster", hint=hint)
    if given != "auto":
        host, port = _host_and_port(given)
        ray = _imported()
        _require_answer(host, port)
    else:
        ray = _imported()
    try:
        with _signals_kept(), contextlib.chdir("/"):  # workers would import from the folder that we are in
            ray.init(address=given, log_to_driver=False, logging_level="error")
            _silence()
    except (ConnectionError, RuntimeError, OSError, TimeoutError) as error:
        words = " ".join(str(error).split())[:400]
        hint = "every machine needs the same Ray and Python, and this one must be of the cluster: `ray start --address`"
        raise NotReady(f"the Ray cluster at {given} does not take us: {words}", hint=hint) from None
    return ray


def _silence() -> None:
    """Ray tells of every machine that dies in many words on stdout, which is ours, whatever it is told about logs; we
    tell it in the attempt. No public setting ends that, so the pinned version's own function is replaced."""
    from ray._private import worker

    worker.print_to_stdstream = lambda data, ignore_prefix: None


def nodes() -> list[Node]:
    """The living machines, by name."""
    import ray

    found = []
    for one in ray.nodes():
        if one["Alive"]:
            has, node = one["Resources"], str(one["NodeID"])
            name = f"{one['NodeManagerHostname']}/{node[:8]}"
            found.append(Node(node, name, int(has.get("GPU", 0)), int(has.get("CPU", 0))))
    return sorted(found, key=lambda node: node.name)


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers
    try:
        import ray
    except ImportError:
        raise EngineMissing(
            "--executor ray needs the Python package ray",
            hint="pip install 'tunebook[ray]', the same version on every machine of the cluster",
        ) from None
    return ray


def _host_and_port(given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    if "/" in given or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        what = f"{given!r} is no address of a Ray cluster"
        raise UsageError(what, hint="HOST:PORT of its head, as `ray start --head` prints it, such as 10.0.0.1:6379")
    return host.strip("[]"), int(port)


def _require_answer(host: str, port: int) -> None:
    """Ray itself would try for half a minute, and say it in forty lines."""
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        hint = f"start one with `ray start --head --port={port}` there, or correct --address ({ADDRESS})"
        raise NetworkError(f"no Ray cluster answers at {host}:{port}: {error}", hint=hint) from None


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; a run that is asked to end must end its attempts first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
