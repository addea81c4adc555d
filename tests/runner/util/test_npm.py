"""A package of a registry: from a real server, under each way of naming it, and only as it was promised."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.errors import HashMismatch, NetworkError, NotReady, UsageError
from runner.util.npm import Package, files_of, registry


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None: ...


def packed(**content: str) -> bytes:
    """A tarball as npm makes them: everything is below `package/`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in content.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


CONTENT = packed(one="first", two="second")
THING = Package("@scope/thing", "1.2.3", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here names a registry, and there is no npm."""
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    for name in ("home", "bin"):
        (tmp_path / name).mkdir()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served" / "npm" / "@scope" / "thing" / "-"
    folder.mkdir(parents=True)
    (folder / "thing-1.2.3.tgz").write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/npm"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["NPM_CONFIG_REGISTRY", "npm_config_registry"])
def test_files_of_a_package(name: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, f"{address}/")
    assert files_of(THING, ["two"]) == {"two": b"second"}
    assert list((tmp_path / "cache").iterdir()) == [], "the tarball is not kept"


def test_another_content_is_refused(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
    with pytest.raises(HashMismatch, match="is not the promised file") as caught:
        files_of(Package(THING.name, THING.version, "0" * 64), ["one"])
    assert THING.sha256[:16] in caught.value.what
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_version_that_is_not_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
    with pytest.raises(NetworkError, match="404") as caught:
        files_of(Package(THING.name, "9.9.9", THING.sha256), ["one"])
    assert "NPM_CONFIG_REGISTRY" in str(caught.value.hint)


def test_a_password_does_not_stand_in_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://me:hunter2@127.0.0.1/npm")
    with pytest.raises(UsageError) as caught:
        files_of(THING, ["one"])
    assert "hunter2" not in caught.value.what


def test_what_a_killed_process_left_goes(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
    left = tmp_path / "cache" / ".npm.01234567.part"
    left.mkdir(parents=True)
    files_of(THING, ["one"])
    assert not left.exists()


def settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "home" / ".npmrc").write_text(text, encoding="utf-8")


def test_the_users_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(tmp_path, "; registry=https://no.example\nfund = false\n registry = https://mirror.example/npm/ \n")
    assert registry() == "https://mirror.example/npm"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://first.example")
    assert registry() == "https://first.example", "the environment goes first"


def test_npm_knows_its_own(tmp_path: Path) -> None:
    settings(tmp_path, "fund=false\n")
    npm = tmp_path / "bin" / "npm"
    npm.write_text('#!/bin/sh\necho "npm warn something" >&2\necho "https://said.example/"\n', encoding="utf-8")
    npm.chmod(0o755)
    assert registry() == "https://said.example"


def test_nobody_knows() -> None:
    with pytest.raises(NotReady) as caught:
        registry()
    assert "NPM_CONFIG_REGISTRY" in str(caught.value.hint)
