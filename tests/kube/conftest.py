"""A real API server for the tests here: one for a session (or a worker of it), a namespace for each test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.kube.stand_in import StandIn
from tests.kube_server import KubeApi, server


@pytest.fixture(scope="session")
def kube_api() -> Iterator[KubeApi]:
    with server() as found:
        yield found


@pytest.fixture
def namespace(kube_api: KubeApi) -> str:
    """A new one. It stays: on a server without controllers no namespace is ever deleted."""
    name = f"test-{uuid4().hex[:8]}"
    kube_api.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def stand_in(kube_api: KubeApi, namespace: str) -> Iterator[StandIn]:
    """The controllers of the test's namespace, at work until the test ends."""
    with StandIn(kube_api, namespace) as found:
        yield found
