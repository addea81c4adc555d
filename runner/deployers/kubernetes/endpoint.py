"""The way from the load generator to the engine in its pod: through kubectl, the Service, or an ingress."""

from __future__ import annotations

import shutil
from pathlib import Path

from runner.deployers.kubernetes.api import Cluster
from runner.deployers.kubernetes.options import FORWARD, SERVICE, Options
from runner.util import net, process

HOST = "127.0.0.1"
KUBECTL = "kubectl"
ONCE_MORE = 5
"""How often a tunnel that ends is made again, before it is a fault of the cluster. Its requests are lost, and count."""


class Tunnel:
    """`kubectl port-forward` to one pod, started again when it ends. It goes with the attempt, by label too."""

    def __init__(self, cluster: Cluster, attempt_id: str, pod: str, port: int, folder: Path) -> None:
        self.port = net.free_port(HOST)
        self.log = folder / "port-forward.log"
        self._argv = (*_kubectl(cluster), "port-forward", "--address", HOST, f"pod/{pod}", f"{self.port}:{port}")
        self._label = attempt_id
        self._starts = 0
        self._owned: process.Owned | None = None
        self.hold()

    def hold(self) -> str | None:
        """See that it is there. Returns why it can not be, once it has ended too often."""
        if self._owned is not None and self._owned.poll() is None:
            return None
        if self._starts > ONCE_MORE:
            return f"kubectl port-forward ended {self._starts} times: {self._last_line()}"
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


def lacking(chosen: Options) -> str | None:
    """None when the way can be taken from this machine, as far as it shows."""
    if chosen.endpoint == FORWARD and shutil.which(KUBECTL) is None:
        return "endpoint: port-forward needs the program kubectl, which is not here"
    return None


def address(cluster: Cluster, chosen: Options, service: str, port: int) -> str:
    """Of a Service, as seen from inside the cluster; or the campaign's own address with its names filled in."""
    if chosen.endpoint == SERVICE:
        return f"http://{service}.{cluster.namespace}.svc:{port}"
    return chosen.endpoint.format(name=service, namespace=cluster.namespace, port=port).rstrip("/")


def _kubectl(cluster: Cluster) -> tuple[str, ...]:
    """The same cluster, as the same user. In a pod kubectl finds the service account by itself."""
    if cluster.kubeconfig is None:
        return (KUBECTL, "--namespace", cluster.namespace)
    return (KUBECTL, "--kubeconfig", cluster.kubeconfig, "--context", cluster.context, "--namespace", cluster.namespace)
