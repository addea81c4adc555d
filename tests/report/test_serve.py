"""`tunebook serve`: an address on the loopback, an end by Ctrl-C, a clear word when there is nothing to serve."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from report.serving import listen
from runner.errors import NotReady, UsageError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<title>here</title>", encoding="utf-8")
    return tmp_path


def test_it_serves_until_ctrl_c(site: Path) -> None:
    code = "import sys; sys.argv[0] = 'tunebook'; from runner.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, "serve", "--out", str(site)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits "ignored"
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.read() == b"<title>here</title>"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in said


def test_nothing_to_serve(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="no built site"):
        listen(tmp_path)


def test_a_port_that_is_taken(site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="can not be used"):
            listen(site, taken.getsockname()[1])


def test_only_the_loopback_is_bound(site: Path) -> None:
    with listen(site) as server:
        assert server.server_address[0] == "127.0.0.1"
