"""A file from an address: from a real server that answers well, badly, slowly, too much or somewhere else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.errors import NetworkError, UsageError
from runner.util.download import download
from runner.util.net import free_port


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path.split("?")[0]:
            case "/good":
                self.answer(b"x" * 100_000)
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/good")
                self.end_headers()
            case "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "ftp://127.0.0.1/file")
                self.end_headers()
            case "/cut":
                self.answer(b"x" * 10, promised=1000)
            case "/endless":
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the reader has had enough
                    for _ in range(100):
                        self.wfile.write(b"x" * 100_000)
            case "/silent":
                done.wait(5)
            case _:
                self.send_error(404)

    def answer(self, body: bytes, promised: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None: ...


done = threading.Event()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    done.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    done.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join(10)


@pytest.mark.parametrize("path", ["/good", "/moved"])
def test_a_file_is_there_whole(server: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy of the environment knows nothing of loopback
    target = download(server + path, tmp_path / "cache" / "file", most=100_000, seconds=30)
    assert target.read_bytes() == b"x" * 100_000
    assert [one.name for one in target.parent.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/nothing", "the server answers 404 Not Found"),
        ("/elsewhere", "not http or https: ftp://127.0.0.1/file"),
        ("/cut", "cut off after 10 of 1,000 bytes"),
        ("/good?key=value-that-signs", "100,000 bytes, and at most 50,000"),
        ("/endless", "more than 50,000 bytes"),
        ("/silent", "no answer in 0.2 s"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_the_old_file(server: str, path: str, why: str, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(NetworkError) as caught:
        download(server + path, target, most=50_000, seconds=30, silence=0.2 if path == "/silent" else 20)
    assert why in caught.value.what
    assert "value-that-signs" not in caught.value.what
    assert caught.value.status == 14
    assert target.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="refused"):
        download(f"http://127.0.0.1:{free_port()}/x", tmp_path / "x", most=10, seconds=5)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "https:///x", "http://me:hunter2@host/x"])
def test_only_plain_web_addresses(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        download(url, tmp_path / "x", most=10, seconds=5)
    assert "hunter2" not in caught.value.what
