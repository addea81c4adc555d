"""The way to a cluster, as kubectl finds it: a kubeconfig, or the service account of the pod that we are in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.deployers.kubernetes.api import ONE_ANSWER, PATIENCE, Away, Cluster, Refused
from runner.errors import NotReady
from runner.util.redact import hide, redact

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

EXTRA = "pip install 'tunebook[kubernetes]'"
HINT = "`kubectl version` shows both sides when it works; deploy: {kind: kubernetes, context: NAME} chooses a cluster"
DEFAULT_FILE = "~/.kube/config"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@contextmanager
def connected(context: str | None, namespace: str | None, patience: float = PATIENCE) -> Iterator[Cluster]:
    """A cluster for a few questions. Raises NotReady when there is no way to one, or none answers any more; what it
    refuses stays `Refused`, except that it does not know us."""
    cluster = connect(context, namespace, patience)
    try:
        yield cluster
    except Away as error:
        raise NotReady(f"the API server at {cluster.server} does not answer: {error}", hint=HINT) from error
    except Refused as error:
        if error.status != 401:
            raise
        raise NotReady(f"the API server at {cluster.server} does not know us: {error}", hint=HINT) from error
    finally:
        cluster.http.close()


def connect(context: str | None, namespace: str | None, patience: float = PATIENCE) -> Cluster:
    """As kubectl would: KUBECONFIG, else ~/.kube/config, else the service account of the pod that we are in. The
    caller closes `http`. Raises NotReady."""
    single = configuration(context)
    from httpx2 import Timeout
    from lightkube.config.client_adapter import Client as client
    from lightkube.config.client_adapter import ConnectionParams
    from lightkube.core.exceptions import ConfigError

    try:
        http = client(single, ConnectionParams(timeout=Timeout(ONE_ANSWER)))
    except (ConfigError, OSError, ValueError, AssertionError) as error:
        raise _no_way(kubeconfig_file(), error) from error
    return Cluster(http, namespace or single.namespace, single.context_name, patience)


def configuration(context: str | None) -> SingleConfig:
    """Which cluster, and as whom. Raises NotReady."""
    try:
        from lightkube.config.kubeconfig import KubeConfig
        from lightkube.core.exceptions import ConfigError
    except ImportError as error:
        raise NotReady(f"deploy kubernetes: the package {error.name} is not installed", hint=EXTRA) from error
    file = kubeconfig_file()
    if file is None and not Path(SERVICE_ACCOUNT).is_dir():
        raise NotReady("no way to a Kubernetes cluster: there is no kubeconfig, and this is no pod", hint=HINT)
    try:
        config = KubeConfig.from_file(file) if file else KubeConfig.from_service_account()
        single = config.get(context)
        assert single is not None  # `get` raises where it has none and was given no default
    except (ConfigError, OSError, ValueError, KeyError, AssertionError) as error:
        raise _no_way(file, error) from error
    if single.user is not None and single.user.token:
        hide(single.user.token)
    return single


def _no_way(file: str | None, error: Exception) -> NotReady:
    told = str(error) or "it names no user"
    return NotReady(f"no way to a Kubernetes cluster: {file or SERVICE_ACCOUNT}: {redact(told)}"[:500], hint=HINT)


def kubeconfig_file() -> str | None:
    """None when there is none, as in a pod. Raises NotReady for a KUBECONFIG of several files, which kubectl merges
    and we would not."""
    given = [path for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    if len(given) > 1:
        hint = "kubectl config view --flatten > one.yaml, and KUBECONFIG=one.yaml"
        raise NotReady(f"KUBECONFIG names {len(given)} files, and one is read", hint=hint)
    if given:
        return given[0]
    usual = Path(DEFAULT_FILE).expanduser()
    with suppress(OSError):
        return str(usual) if usual.is_file() else None
    return None
