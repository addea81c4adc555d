"""Small HTTP questions to an engine, and a free port for one."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")

PORTS = range(20_000, 32_000)
"""Below the range that Linux gives to outgoing connections (32768 and up): a client can not take our port."""

_given: set[int] = set()
_lock = threading.Lock()


class NoAnswer(OSError):
    """Nobody answered in time, or what came was no HTTP."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now. This process gives each port once while others are left.

    Between this call and the engine's own bind another program may take it. That is not avoided but handled: the
    engine says so, the cause is `port`, an infrastructure fault, and the attempt is retried on another port.
    """
    with _lock:
        for port in random.sample(PORTS, 200):
            if port not in _given and _can_bind(host, port):
                _given.add(port)
                return port
        _given.clear()
    with socket.socket() as listener:
        listener.bind((host, 0))
        chosen: int = listener.getsockname()[1]
        return chosen


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def without_loopback(environment: Mapping[str, str], *endpoints: str) -> dict[str, str]:
    """`environment` for a program that speaks to itself over loopback: where a proxy is set, NO_PROXY names loopback
    too, and the hosts of `endpoints`. What it named before stays."""
    found = dict(environment)
    around = (*LOOPBACK, *(host for host in endpoints if host not in (*LOOPBACK, "0.0.0.0", "::")))
    if not any(name.lower() in _PROXIES and value for name, value in found.items()):
        return found
    for name in ("no_proxy", "NO_PROXY"):  # some programs read only the one, some only the other
        given = found.get(name) or found.get("NO_PROXY") or found.get("no_proxy") or ""
        hosts = [host.strip() for host in given.split(",") if host.strip()]
        if hosts != ["*"]:
            found[name] = ",".join([*hosts, *(host for host in around if host not in hosts)])
    return found


def keep_loopback_direct() -> None:
    """For this process: the libraries that it uses ask nobody on loopback through a proxy. Called once, when a command
    begins."""
    os.environ.update(without_loopback(os.environ))


def get(url: str, timeout: float, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body, whatever the status. No retry. Raises NoAnswer."""
    return _ask(urllib.request.Request(url, headers=headers or {}), timeout)


def post_json(url: str, body: Any, timeout: float, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """As `get`, with `body` as JSON."""
    content = json.dumps(body, allow_nan=False).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    return _ask(urllib.request.Request(url, data=content, headers=sent, method="POST"), timeout)


def _ask(request: urllib.request.Request, timeout: float) -> tuple[int, bytes]:
    # No proxy, to loopback or elsewhere: the load does not go through one either, and both must meet the same server.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{request.full_url}: {error}") from error
