"""Answers that are no answers: a failure of the network, never one of ours."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from runner.errors import NetworkError
from runner.models import hub_offline
from runner.models.download.part import Part
from runner.models.download.questions import patiently
from runner.models.download.transfer import Settings, silent, transfer
from runner.models.hashes import Promise


@contextmanager
def says(answer: bytes) -> Iterator[str]:
    """A server that gives everybody the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                with one:
                    one.recv(65536)
                    one.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_who_speaks_no_http_is_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    with says(b"SSH-2.0-x\r\n") as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        assert not hub_offline.answers()


def test_a_body_that_can_not_be_decoded_is_a_network_error(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    part = Part("x", tmp_path / "x", tmp_path / "x.part", tmp_path / "x.lock")
    with says(head + b"nope") as url, pytest.raises(NetworkError):
        transfer(url, {}, part, Promise(4), Settings(retries=0), silent)


def _html() -> object:
    return json.loads("<html>")


def _redirects() -> object:
    raise httpx2.TooManyRedirects("in a circle")


def _no_key() -> object:
    empty: dict[str, object] = {}
    return empty["sha"]


@pytest.mark.parametrize("ask", [_html, _redirects, _no_key])
def test_what_is_no_answer_of_a_hub_is_a_network_error(ask: Callable[[], object]) -> None:
    with pytest.raises(NetworkError, match="acme/tiny"):
        patiently(ask, "acme/tiny", Settings(retries=0), silent)
