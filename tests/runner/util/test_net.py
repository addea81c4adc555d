from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from runner.util import net


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/loading" else 200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body + self.headers.get("X-Test", "").encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def base_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_get_gives_status_and_body_even_for_an_error(base_url: str) -> None:
    assert net.get(f"{base_url}/ok", 30) == (200, b"/ok")
    assert net.get(f"{base_url}/loading", 30) == (503, b"/loading")


def test_post_sends_json_and_headers(base_url: str) -> None:
    status, body = net.post_json(f"{base_url}/v1", {"a": 1}, 30, {"X-Test": "!"})
    assert (status, body) == (200, json.dumps({"a": 1}).encode() + b"!")


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for everything, in every spelling, at which nobody answers."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("proxied")
def test_no_question_to_an_engine_goes_through_a_proxy(base_url: str) -> None:
    assert net.get(f"{base_url}/ok", 30)[0] == 200
    assert net.post_json(f"{base_url}/v1", {}, 30)[0] == 200


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "hub.example, localhost"}, "hub.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": ".example"}, ".example,127.0.0.1,localhost,::1"),
    ],
)
def test_no_proxy_is_extended_never_replaced(given: dict[str, str], expected: str) -> None:
    found = net.without_loopback({"https_proxy": "http://proxy:3128", **given})
    assert (found["no_proxy"], found["NO_PROXY"]) == (expected, expected)


@pytest.mark.parametrize("given", [{"A": "b"}, {"HTTP_PROXY": ""}, {"http_proxy": "http://p", "no_proxy": "*"}])
def test_without_a_proxy_or_with_all_excepted_nothing_is_added(given: dict[str, str]) -> None:
    assert set(net.without_loopback(given).get("no_proxy", "*").split(",")) == {"*"}


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(net.NoAnswer):
        net.get(f"http://127.0.0.1:{net.free_port()}/health", 5)


def test_what_is_no_http_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-hello\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(net.NoAnswer):
            net.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", 30)
        thread.join()


def test_free_ports_differ_and_avoid_the_taken_one() -> None:
    ports = {net.free_port() for _ in range(50)}
    assert len(ports) == 50
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not net._can_bind("127.0.0.1", listener.getsockname()[1])
