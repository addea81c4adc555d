"""A hub on the loopback that can misbehave: the parts of the protocol that huggingface_hub speaks, from real HTTP.

    with Hub({"config.json": b"{}", "model.safetensors": Lfs(b"...")}) as hub:
        hub.script("model.safetensors", "short:1000", "well")
        ...                             # one misbehaviour per GET of its bytes, `well` after the last
        hub.gets("model.safetensors")   # the headers of these GETs

Weights (`Lfs`) are answered with a redirect to another host name, as the real one sends its clients to its storage.
As a program (`python -m tests.runner.models.hub SIZE [MISBEHAVIOUR...]`) it serves one model of that many bytes,
prints its address and ends with its stdin.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
MODEL = "acme/tiny-model"
BLOCK = 1 << 14


class Lfs(bytes):
    """Content that the hub keeps in its large-file storage: known by its sha256, served from another host."""


def oid_of(content: bytes) -> str:
    """What the hub calls a file: sha256 in the large-file storage, else git's own hash."""
    if isinstance(content, Lfs):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def some_bytes(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


def tiny_model(weights: int = 300_000, seed: int = 7) -> dict[str, bytes]:
    """The files of a model as small as it gets; its weights are noise."""
    return {
        ".gitattributes": b"*.safetensors filter=lfs\n",
        "README.md": b"# tiny\n",
        "config.json": b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}\n',
        "model.safetensors": Lfs(some_bytes(weights, seed)),
        "tokenizer.json": b'{"version": "1.0"}\n',
        "tokenizer_config.json": b'{"model_max_length": 2048}\n',
    }


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Hub:
    """A running hub with one model. Everything may be changed while it runs."""

    files: dict[str, bytes] = field(default_factory=tiny_model)
    model: str = MODEL
    commit: str = COMMIT
    token: str | None = None
    """When set, everything wants it."""
    on_api: list[str] = field(default_factory=list)
    """Misbehaviours of the questions that are not for bytes, one each."""
    listed: Mapping[str, bytes] | None = None
    """What the listing says, where that is not what is served."""
    oid: str | None = None
    """What the listing calls the content of large files, where that is no hash."""
    asked: list[Asked] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._scripts: dict[str, list[str]] = defaultdict(list)
        hub = self

        class Handler(_Answers):
            of = hub

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def storage(self) -> str:
        """Another origin to any client, and the same process."""
        return f"http://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def script(self, file: str, *steps: str) -> None:
        """How the next GETs for the bytes of `file` are answered: `well`, `short:N` (N bytes, then the connection is
        closed), `stale:N` (as `short`, of other content under another ETag), `wrong-range`, `ignore-range`, `416`,
        `304`, `corrupt`, `too-much`, `drip`, `hang`, `gzip`, or a status, with `:Retry-After` where it has one."""
        self._scripts[file].extend(steps)

    def gets(self, file: str) -> list[dict[str, str]]:
        """The headers of every GET for the bytes of `file`."""
        places = (f"/{self.model}/resolve/", "/storage/")
        names = (file, oid_of(self.files[file]))
        return [
            one.headers
            for one in self.asked
            if one.method == "GET" and one.path.startswith(places) and one.path.endswith(names)
            if not (isinstance(self.files[file], Lfs) and "/resolve/" in one.path)
        ]

    def step(self, file: str) -> tuple[str, str]:
        steps = self._scripts[file]
        name, _, detail = (steps.pop(0) if steps else "well").partition(":")
        return name, detail

    def etag(self, file: str) -> str:
        return f'"{oid_of(self.files[file])}"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours: the next request says what is."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: Hub

    def do_HEAD(self) -> None:
        self.handle_one()

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.handle_one()

    def do_POST(self) -> None:
        self.status(404)

    def handle_one(self) -> None:
        hub, path = self.of, unquote(urlsplit(self.path).path)
        hub.asked.append(Asked(self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        if path.startswith("/storage/"):
            file = next((name for name in hub.files if path == f"/storage/{oid_of(hub.files[name])}"), None)
            return self.bytes_of(file) if file else self.status(404)
        if hub.token is not None and self.headers.get("authorization") != f"Bearer {hub.token}":
            return self.status(401, {"X-Error-Message": "Invalid username or password."})
        if path.startswith("/api/") and hub.on_api:
            name, _, detail = hub.on_api.pop(0).partition(":")
            if name != "well":
                return self.misbehave(name, detail)
        if path.startswith(start := f"/api/models/{hub.model}"):
            return self.api(path.removeprefix(start).strip("/").split("/"))
        if path.startswith(start := f"/{hub.model}/resolve/"):
            revision, _, file = path.removeprefix(start).partition("/")
            return self.resolve(revision, file)
        return self.status(404, {"X-Error-Code": "RepoNotFound"})

    def api(self, words: list[str]) -> None:
        hub = self.of
        listed = hub.files if hub.listed is None else hub.listed
        match words:
            case [""] | ["revision", "main" | hub.commit]:
                names = [{"rfilename": name} for name in listed]
                self.json({"id": hub.model, "sha": hub.commit, "siblings": names, "tags": [], "private": False})
            case ["tree", "main" | hub.commit]:
                files = [_listed(name, content) for name, content in sorted(listed.items())]
                for one in files:
                    if "lfs" in one and hub.oid is not None:
                        one["lfs"]["oid"] = hub.oid
                self.json(files)
            case _:
                self.status(404, {"X-Error-Code": "RevisionNotFound"})

    def resolve(self, revision: str, file: str) -> None:
        hub = self.of
        if revision not in ("main", hub.commit):
            return self.status(404, {"X-Error-Code": "RevisionNotFound"})
        if file not in hub.files:
            return self.status(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": hub.commit})
        content = hub.files[file]
        told = {"X-Repo-Commit": hub.commit, "ETag": f'"{oid_of(content)}"'}
        if isinstance(content, Lfs):
            linked = {"X-Linked-Etag": f'"{oid_of(content)}"', "X-Linked-Size": str(len(content))}
            where = {"Location": f"{hub.storage}/storage/{oid_of(content)}"}
            return self.status(302, told | linked | where)
        if self.command == "HEAD":
            return self.answer(200, b"", told, promised=len(content))
        return self.bytes_of(file, told)

    def bytes_of(self, file: str, told: Mapping[str, str] | None = None) -> None:
        """A GET of content, the way that the script says."""
        hub = self.of
        content = hub.files[file]
        name, detail = hub.step(file)
        headers = dict(told or {}) | {"ETag": hub.etag(file), "Accept-Ranges": "bytes"}
        start = self.asked_start()
        if (condition := self.headers.get("If-Range")) is not None and condition != headers["ETag"]:
            start = None
        match name:
            case "well":
                self.some(content, start, headers)
            case "short":
                self.some(content, start, headers, most=int(detail))
            case "stale":
                old = bytes(byte ^ 255 for byte in content)
                self.some(old, start, headers | {"ETag": '"as-it-was"'}, most=int(detail))
            case "ignore-range":
                self.some(content, None, headers)
            case "wrong-range":  # as many bytes as were asked for, and says that they are the first ones
                body = content[: len(content) - (start or 0)]
                said = f"bytes 0-{len(body) - 1}/{len(content)}"
                self.answer(206, body, headers | {"Content-Range": said})
            case "corrupt":
                wrong = bytes([content[0] ^ 1]) + content[1:]
                self.some(wrong, start, headers)
            case "too-much":
                self.answer(200, content + b"more", headers)
            case "gzip":
                packed = "identity" not in self.headers.get("accept-encoding", "")
                body = gzip.compress(content, 1) if packed else content
                self.answer(200, body, headers | ({"Content-Encoding": "gzip"} if packed else {}))
            case "drip":
                self.answer(200, content[:1], headers, promised=len(content))
                for at in range(1, len(content)):
                    if hub.released.wait(0.05):
                        return
                    self.wfile.write(content[at : at + 1])
                    self.wfile.flush()
            case _:
                self.misbehave(name, detail)

    def misbehave(self, name: str, detail: str) -> None:
        match name:
            case "hang":
                self.of.released.wait(60)
                self.close_connection = True
            case "cut":
                self.close_connection = True
            case "416":
                self.status(416, {"Content-Range": "bytes */7"})
            case "304":
                self.status(304)
            case _:
                told = {"Retry-After": detail} if detail else {}
                gated = {"X-Error-Code": "GatedRepo"} if name == "403" else {}
                self.status(int(name), told | gated)

    def asked_start(self) -> int | None:
        asked = self.headers.get("Range", "")
        return int(asked.removeprefix("bytes=").partition("-")[0]) if asked.startswith("bytes=") else None

    def some(self, content: bytes, start: int | None, headers: Mapping[str, str], most: int | None = None) -> None:
        """All of the content or what is left of it from `start`; `most` bytes of that, then the connection ends."""
        if start is not None and start >= len(content):
            return self.status(416, {"Content-Range": f"bytes */{len(content)}"})
        body = content[start or 0 :]
        status = 200
        told = dict(headers)
        if start is not None:
            status = 206
            told["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(status, body if most is None else body[:most], told, promised=len(body))
        if most is not None:
            self.close_connection = True
        return None

    def json(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def status(self, code: int, headers: Mapping[str, str] | None = None) -> None:
        self.answer(code, b"", headers or {})

    def answer(self, code: int, body: bytes, headers: Mapping[str, str], promised: int | None = None) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if code != 304:
            self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        if self.command == "HEAD":
            return
        for at in range(0, len(body), BLOCK):
            self.wfile.write(body[at : at + BLOCK])
            if pause := self.pause:
                time.sleep(pause)
        self.wfile.flush()

    pause = 0.0

    def log_message(self, *words: object) -> None: ...


def _listed(name: str, content: bytes) -> dict[str, Any]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    told: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git}
    if isinstance(content, Lfs):
        told["lfs"] = {"oid": oid_of(content), "size": len(content), "pointerSize": 134}
    return told


@contextlib.contextmanager
def slow(hub: Hub, seconds: float) -> Iterator[None]:
    """Inside, the hub rests that long after each block of 16 KiB."""
    handler = hub._server.RequestHandlerClass
    handler.pause = seconds  # type: ignore[attr-defined]
    try:
        yield
    finally:
        handler.pause = 0.0  # type: ignore[attr-defined]


def main() -> None:
    with Hub(tiny_model(int(sys.argv[1]))) as hub:
        hub.script("model.safetensors", *sys.argv[2:])
        sys.stdout.write(hub.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
