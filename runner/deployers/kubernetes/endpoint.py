"""The way from the load generator to the engine in its pod: a tunnel, the Service, or an ingress."""

from __future__ import annotations

import sys
from pathlib import Path

from runner.deployers.kubernetes.api import Cluster
from runner.deployers.kubernetes.options import SERVICE, Options
from runner.deployers.kubernetes.tunnel import BROKEN
from runner.util import net, process

HOST = "127.0.0.1"
PROGRAM = "runner.deployers.kubernetes.tunnel"
ONCE_MORE = 5
"""How often a tunnel that ends is made again, before it is a fault of the cluster. Its requests are lost, and count."""


class Forward:
    """The process of a tunnel to one pod, started again when it ends. It goes with the attempt, by label too."""

    def __init__(self, cluster: Cluster, attempt_id: str, pod: str, port: int, folder: Path) -> None:
        self.port = net.free_port(HOST)
        self.log = folder / "port-forward.log"
        where = (pod, str(port), str(self.port), cluster.namespace, cluster.context)
        self._argv = (sys.executable, "-m", PROGRAM, *where)
        self._label = attempt_id
        self._starts = 0
        self._owned: process.Owned | None = None
        self.hold()

    def hold(self) -> str | None:
        """See that it is there. Returns why it can not be, once it has ended too often."""
        end = self._owned.poll() if self._owned is not None else None
        if self._owned is not None and end is None:
            return None
        if end is not None and end.code == BROKEN:
            return f"the way to the pod is broken: {self._last_line()}"
        if self._starts > ONCE_MORE:
            return f"the tunnel to the pod ended {self._starts} times: {self._last_line()}"
        self._starts += 1
        self._owned = process.start(self._argv, label=self._label, stdout=self.log)
        return None

    def close(self) -> None:
        if self._owned is not None:
            self._owned.stop(1.0)

    def _last_line(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "it wrote nothing"
        return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")


def address(cluster: Cluster, chosen: Options, service: str, port: int) -> str:
    """Of a Service, as seen from inside the cluster; or the campaign's own address with its names filled in."""
    if chosen.endpoint == SERVICE:
        return f"http://{service}.{cluster.namespace}.svc:{port}"
    return chosen.endpoint.format(name=service, namespace=cluster.namespace, port=port).rstrip("/")
