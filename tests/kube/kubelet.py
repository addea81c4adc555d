"""A node that runs its pods: each container is a process of this machine, whatever its image says.

    with Kubelet(api, namespace) as node: ...

The API server asks it for logs and tunnels as it asks every kubelet (`tests.kube.node_server`), so they take the real
way. What it does not do: images, networks of their own, volumes.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from tests.kube.fates import NODE, Fate
from tests.kube.node_server import NodeServer
from tests.kube.stand_in import Object, StandIn, _pod
from tests.kube_server import KubeApi


class Kubelet(StandIn):
    """Of what is told nothing it runs the pod; of what is told a fate it only writes that, as `StandIn` does."""

    def __init__(self, api: KubeApi, namespace: str, folder: Path) -> None:
        super().__init__(api, namespace)
        self._folder = folder
        self._node = f"{NODE}-{uuid4().hex[:8]}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}  # by the pod's uid
        self._named: dict[str, subprocess.Popen[bytes]] = {}
        self._ending: dict[str, float] = {}
        self.closes_tunnels = False
        self.instead: list[str] | None = None  # of any program that is asked for
        self._server = NodeServer(api, self.log_of, self._writes, lambda: self.instead, lambda: self.closes_tunnels)

    def __enter__(self) -> Kubelet:
        self._server.start()
        node = {"metadata": {"name": self._node, "labels": {"nvidia.com/gpu.product": "SIMULATED"}}}
        self._api.do("POST", "/api/v1/nodes", node)
        port = {"kubeletEndpoint": {"Port": self._server.port}}
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
            self._server.stop()
            self._api.ask("DELETE", f"/api/v1/nodes/{self._node}")

    def log_of(self, pod: str) -> Path:
        return self._folder / f"{pod}.log"

    def _writes(self, pod: str) -> bool:
        return any(name == pod and one.poll() is None for name, one in self._named.items())

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
            self._named[pod["metadata"]["name"]] = started = subprocess.Popen(
                [word.replace("$$", "$") for word in words], env={**os.environ, **env}, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return started

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


def _kill(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
