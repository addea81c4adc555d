"""A node that runs its pods: each container is a process of this machine, whatever its image says.

    with Kubelet(api, namespace) as node: ...

The API server asks it for logs as it asks every kubelet, over HTTPS, so they take the real way. What it does not do:
images, networks of their own, volumes, port-forward.
"""

from __future__ import annotations

import base64
import os
import signal
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.kube.fates import NODE, Fate
from tests.kube.stand_in import Object, StandIn, _pod
from tests.kube_server import KubeApi


class Kubelet(StandIn):
    """Of what is told nothing it runs the pod; of what is told a fate it only writes that, as `StandIn` does."""

    def __init__(self, api: KubeApi, namespace: str, folder: Path) -> None:
        super().__init__(api, namespace)
        self._folder = folder
        self._node = f"{NODE}-{uuid4().hex[:8]}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}  # by the pod's uid
        self._ending: dict[str, float] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*_certificate(folder))
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Kubelet:
        threading.Thread(target=self._server.serve_forever, name="kubelet", daemon=True).start()
        node = {"metadata": {"name": self._node, "labels": {"nvidia.com/gpu.product": "SIMULATED"}}}
        self._api.do("POST", "/api/v1/nodes", node)
        port = {"kubeletEndpoint": {"Port": self._server.server_address[1]}}
        status = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": port}
        self._api.do("PATCH", f"/api/v1/nodes/{self._node}/status", {"status": status})
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        try:
            super().__exit__(*args)
        finally:
            for process in self.running.values():
                _kill(process, signal.SIGKILL)
                process.wait()
            self._server.shutdown()
            self._server.server_close()
            self._api.ask("DELETE", f"/api/v1/nodes/{self._node}")

    def log_of(self, pod: str) -> Path:
        return self._folder / f"{pod}.log"

    def living(self) -> int:
        return sum(process.poll() is None for process in self.running.values())

    def _fulfil(self, kind: str, path: str, owner: Object, pod: Object | None) -> None:
        if owner["metadata"]["name"] in self._fates:
            super()._fulfil(kind, path, owner, pod)
            return
        if pod is None:
            made = self._api.ask(
                "POST", f"/api/v1/namespaces/{self._namespace}/pods", _pod(kind, owner, Fate(node=self._node))
            )
            if made.status != 201:
                return
            pod = made.body
        uid = pod["metadata"]["uid"]
        if uid not in self.running:
            self.running[uid] = self._start(pod)
        code = self.running[uid].poll()
        self._status("/api/v1/namespaces/{}/pods", pod, _state(pod, code))

    def _start(self, pod: Object) -> subprocess.Popen[bytes]:
        container = pod["spec"]["containers"][0]
        words = [*container["command"], *container.get("args", [])]
        env = {one["name"]: self._value(one) for one in container.get("env", [])}
        with self.log_of(pod["metadata"]["name"]).open("wb") as log:
            return subprocess.Popen(
                [word.replace("$$(", "$(") for word in words], env={**os.environ, **env}, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def _value(self, one: Object) -> str:
        """Of a variable in the clear, or in a Secret."""
        if "value" in one:
            return str(one["value"])
        wanted = one["valueFrom"]["secretKeyRef"]
        place = f"/api/v1/namespaces/{self._namespace}/secrets/{wanted['name']}"
        return base64.b64decode(self._api.do("GET", place)["data"][wanted["key"]]).decode()

    def _remove(self, pod: Object) -> None:
        """SIGTERM, the pod's grace, SIGKILL; then it is gone."""
        uid = pod["metadata"]["uid"]
        process = self.running.get(uid)
        if process is not None and process.poll() is None and self.lets_go:
            grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            began = self._ending.setdefault(uid, time.monotonic())
            _kill(process, signal.SIGTERM if time.monotonic() - began <= grace else signal.SIGKILL)
            return
        super()._remove(pod)


def _state(pod: Object, code: int | None) -> Object:
    """`status` of a pod whose process ended so; None: it runs."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    container = pod["spec"]["containers"][0]
    there = {one["name"]: one for one in (pod.get("status") or {}).get("containerStatuses") or []}
    since = ((there.get(container["name"]) or {}).get("state") or {}).get("running", {}).get("startedAt") or now
    state: Object = {"running": {"startedAt": since}, "terminated": None}
    phase = "Running"
    if code is not None:
        number = code if code >= 0 else 128 - code  # as a container runtime tells a signal
        ended = {"exitCode": number, "reason": "Completed" if code == 0 else "Error", "finishedAt": since}
        state = {"running": None, "terminated": ended}
        phase = "Succeeded" if code == 0 else "Failed"
    return {
        "phase": phase, "podIP": "127.0.0.1", "hostIP": "127.0.0.1",
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "ready": code is None, "restartCount": 0,
            "imageID": f"docker.io/{container['image']}@sha256:{'1f' * 32}", "state": state,
        }],
    }  # fmt: skip


def _handler(node: Kubelet) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        """GET /containerLogs/NAMESPACE/POD/CONTAINER, with `follow` until the process ends."""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            words = url.path.strip("/").split("/")
            if words[0] != "containerLogs" or not (log := node.log_of(words[2])).exists():
                self.send_error(404)
                return
            follows = parse_qs(url.query).get("follow") == ["true"]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Connection", "close")
            self.end_headers()
            with log.open("rb") as file:
                while True:
                    over = not follows or node.living() == 0
                    if part := file.read():
                        self.wfile.write(part)
                        self.wfile.flush()
                    elif over:
                        return
                    else:
                        time.sleep(0.02)

        def log_message(self, format: str, *args: Any) -> None: ...

    return Answers


def _kill(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """The API server does not ask who signed it."""
    certificate, key = folder / "kubelet.crt", folder / "kubelet.key"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in"]
    subprocess.run([*made, "-out", str(certificate), "-keyout", str(key)], check=True, capture_output=True)
    return certificate, key
