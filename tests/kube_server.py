"""A real kube-apiserver with its etcd on this machine, in processes of their own; `make kube` builds them.

There are no controllers, no kubelet and no scheduler: what a test creates stays as it is until somebody writes its
status (`tests.kube.stand_in`), and deleting a namespace, or with `propagationPolicy=Foreground`, never ends.

A process of ours stands between the tests and the two programs. It ends them when the pipe from the tests closes, which
it does however the tests end; if it is killed itself, the kernel ends them.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tests.kube_install import folder
from tests.ray_install import ROOT

PATIENCE = 120.0
"""Seconds until both answer: ten on two cores that have nothing else to do."""
TOKEN = "test-administrator"
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Answer:
    """What the server said. `body` is an object of Kubernetes, of kind Status where something was refused."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class KubeApi:
    """A running server. The user of `token`, also that of `kubeconfig`, may do everything."""

    url: str
    token: str
    authority: Path
    kubeconfig: Path

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str | None = None) -> Answer:
        """A request, JSON there and back. A PATCH is a merge patch. A refusal is an answer, not an exception."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.trust()) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _object(error.read()))

    def do(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """`ask`, where a refusal is a failure of the test."""
        answer = self.ask(method, path, body)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body.get('message', '')}"
        return answer.body

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


def _object(text: bytes) -> dict[str, Any]:
    """Refusals before the server is up are plain text."""
    try:
        read: dict[str, Any] = json.loads(text)
    except ValueError:
        return {"message": text.decode(errors="replace")}
    return read


@contextmanager
def server() -> Iterator[KubeApi]:
    """Started and, whatever happens, ended; its folder is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.kube_server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline() or '{"failed": "it was killed"}')
            assert "failed" not in said, f"no API server: {said['failed']}"
            home = Path(said["home"])
            yield KubeApi(said["url"], TOKEN, home / "certs/apiserver.crt", home / "kubeconfig")
            process.communicate(timeout=60)
        finally:
            process.kill()


def kubeconfig(url: str, authority: bytes) -> str:
    """A file for kubectl and clients, of one cluster, one user and a context. JSON is YAML."""
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority).decode()}
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "tests", "preferences": {},
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "administrator", "user": {"token": TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "administrator"}}],
    }, indent=1)  # fmt: skip


def serve() -> None:
    """Both programs until stdin is closed. One line on stdout: where they are, or why they are not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal comes here too; the tests end first
    with tempfile.TemporaryDirectory(prefix="tbk-", ignore_cleanup_errors=True) as name, ExitStack() as running:
        home = Path(name)
        etcd, peer, port = _ports(3)
        url = f"https://127.0.0.1:{port}"
        _secrets(home)
        programs = [running.enter_context(_running(argv, home)) for argv in _commands(home, etcd, peer, port)]
        _wait(url, home, programs)
        authority = (home / "certs/apiserver.crt").read_bytes()
        (home / "kubeconfig").write_text(kubeconfig(url, authority), encoding="utf-8")
        _say({"url": url, "home": name})
        sys.stdin.read()


def _commands(home: Path, etcd: int, peer: int, port: int) -> list[list[str]]:
    store, other = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"
    return [
        [
            "etcd", f"--data-dir={home}/data", f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
            f"--listen-peer-urls={other}", f"--initial-advertise-peer-urls={other}",
            f"--initial-cluster=default={other}", "--max-request-bytes=8388608", "--unsafe-no-fsync",
        ],
        [
            "kube-apiserver", f"--etcd-servers={store}", f"--cert-dir={home}/certs", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={port}", "--service-cluster-ip-range=10.0.0.0/24",
            f"--service-account-key-file={home}/sa.key", f"--service-account-signing-key-file={home}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={home}/tokens.csv",
            "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true",
        ],
    ]  # fmt: skip


@contextmanager
def _running(argv: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of the two, its output in a file of its name. Its data are thrown away: no need to ask it kindly."""
    with (home / argv[0]).open("wb") as log, subprocess.Popen(
        [str(folder() / argv[0]), *argv[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home,
        start_new_session=True, preexec_fn=_end_with_parent,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(url: str, home: Path, programs: list[subprocess.Popen[bytes]]) -> None:
    """Until the server says that it is ready; that it has made its namespaces and roles is a part of it."""
    end, context = time.monotonic() + PATIENCE, ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its certificate is made while it starts
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5, context=context):
                return
        except OSError:  # urllib's own errors are of this kind too
            pass
        for name, program in zip(("etcd", "kube-apiserver"), programs, strict=True):
            if program.poll() is not None or time.monotonic() > end:
                tail = (home / name).read_text(errors="replace")[-2000:]
                _give_up(f"{name} ended" if program.poll() is not None else f"not ready in {PATIENCE:g} s", tail)
        time.sleep(0.1)


def _give_up(why: str, tail: str) -> NoReturn:
    _say({"failed": f"{why}; its log ends:\n{tail}"})
    sys.exit(1)


def _say(what: Mapping[str, str]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _secrets(home: Path) -> None:
    (home / "tokens.csv").write_text(f'{TOKEN},administrator,administrator,"system:masters"\n', encoding="utf-8")
    subprocess.run(["openssl", "genrsa", "-out", str(home / "sa.key"), "2048"], check=True, capture_output=True)


def _ports(number: int) -> list[int]:
    """Free ones of loopback, held together so that they differ."""
    with ExitStack() as held:
        asked = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in asked:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in asked]


if __name__ == "__main__":
    os.chdir("/")  # modules are there; nobody's folder is held
    serve()
