"""WebSockets through the API server to a kubelet, as the two programs beside an engine speak them: tunnel and exec.

A message's first byte is its channel: https://github.com/kubernetes/kubernetes/tree/master/pkg/kubelet/cri/streaming
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.deployers.kubernetes.connection import configuration

if TYPE_CHECKING:
    from httpx2 import AsyncClient

PROTOCOL = "v4.channel.k8s.io"
HANDSHAKE = 20.0
"""Seconds for the API server and the kubelet to take a connection."""


def client(context: str | None) -> AsyncClient:
    """To the cluster of the context; reading has no deadline. Raises NotReady."""
    single = configuration(context)
    from httpx2 import Timeout
    from lightkube.config import client_adapter

    return client_adapter.AsyncClient(single, client_adapter.ConnectionParams(timeout=Timeout(HANDSHAKE, read=None)))


def first_of(error: Exception) -> Exception:
    """What a task group wraps."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
