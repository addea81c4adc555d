"""The one door to Docker's own SDK, and what its errors mean."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.domain.failure import Cause, Failure, Phase
from runner.errors import NotReady
from runner.util.redact import redact

if TYPE_CHECKING:
    from docker import DockerClient

PATIENCE = 60
"""Seconds for one answer of the Engine. Making a container on a busy disk takes a while."""

DEFAULT = "unix:///var/run/docker.sock"
HINT = "start Docker, or set DOCKER_HOST; `docker version` shows both sides when it works"


def client(patience: int = PATIENCE) -> DockerClient:
    """A client of the Engine that DOCKER_HOST names, or of the machine's own; both sides agree on a version of the
    interface. Raises NotReady when no Engine answers."""
    if (absent := _nobody_listens()) is not None:  # before the SDK: it is slow to load, and leaves its socket open
        raise NotReady(f"no Docker Engine answers: {absent}", hint=HINT)
    import docker
    from docker.errors import DockerException

    try:
        return docker.from_env(timeout=patience)
    except DockerException as error:
        raise NotReady(f"no Docker Engine answers: {told(error)}", hint=HINT) from error


@contextmanager
def asking(patience: int = PATIENCE) -> Iterator[DockerClient]:
    """A client for a few questions, closed afterwards. Raises NotReady when no Engine answers, or none does any more;
    what an Engine refuses stays the SDK's APIError."""
    engine = client(patience)
    try:
        yield engine
    except errors() as error:
        if not is_gone(error):
            raise
        raise NotReady(f"the Docker Engine does not answer any more: {told(error)}", hint=HINT) from error
    finally:
        engine.close()


def version(patience: int = 5) -> str:
    """Of the Engine. Raises NotReady when none answers."""
    with asking(patience) as engine:
        return str(engine.version(api_version=False).get("Version", "of an unknown version"))


def reachable(patience: int = 5) -> str | None:
    """None when an Engine answers, else why not."""
    try:
        client(patience).close()
    except NotReady as error:
        return error.what
    return None


def address() -> str:
    """Where the Engine is, as its own tools decide it."""
    return os.environ.get("DOCKER_HOST") or DEFAULT


def errors() -> tuple[type[Exception], ...]:
    """Everything the SDK raises when an Engine says no, or is not there."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    return DockerException, RequestException, HTTPError


def _nobody_listens() -> str | None:
    """Why nobody can answer on the Engine's own socket; None when somebody may, and for an address elsewhere."""
    if not address().startswith("unix://"):
        return None
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(address().removeprefix("unix://"))
        except OSError as error:
            return f"{address()}: {error.strerror or error}"
    return None


def is_gone(error: Exception) -> bool:
    """The Engine itself did not answer, as opposed to an Engine that says no."""
    from docker.errors import APIError

    return not isinstance(error, APIError)


def told(error: Exception) -> str:
    """The Engine's own words, without the address that the SDK puts before them."""
    words = getattr(error, "explanation", None) or str(error)
    return redact(str(words)).strip().splitlines()[0][:400] if str(words).strip() else type(error).__name__


SIGNS = (
    (("port is already allocated", "address already in use"), Cause.PORT),
    (("could not select device driver", "unknown runtime", "nvidia-container-cli"), Cause.DRIVER),
    (("executable file not found", "no such file or directory", "permission denied: unknown"), Cause.BAD_FLAG),
)
"""What stands in the answer to `start` -> cause. Measured with Engine 20.10; the phrases are runc's and moby's."""


def failure(error: Exception, what: str) -> Failure:
    """Why a container was not made or not started, as a value of the attempt."""
    words = told(error)
    if is_gone(error):
        return Failure(Phase.START, Cause.INFRA, f"{what}: the Docker Engine does not answer: {words}"[:500])
    lower = words.lower()
    cause = next((cause for signs, cause in SIGNS if any(sign in lower for sign in signs)), Cause.INFRA)
    return Failure(Phase.START, cause, f"{what}: {words}"[:500], rule="docker-start")
