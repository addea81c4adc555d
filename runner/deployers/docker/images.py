"""The image of an entry: here, or fetched; and the digest that says what it is, whatever its tag."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from runner.deployers import PlaceRequest
from runner.deployers.docker.api import told
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.units import format_duration, format_size

_POLL, _TELL_EVERY = 0.1, 30.0
"""Seconds between two looks, and between two words about the same fetch."""


def obtained(engine: Any, image: str, request: PlaceRequest) -> str | Failure:
    """The digest of `image`, which is fetched when it is not here. A Failure of phase `pull` when it can not be had,
    when `request.pull_timeout` is over, or when somebody asked us to stop."""
    from docker.errors import APIError, DockerException, ImageNotFound
    from requests.exceptions import RequestException

    try:
        return digest(engine.images.get(image))
    except ImageNotFound:
        pass
    except APIError as error:  # a name that is no name of an image
        return _failed(f"{image} is no image: {told(error)}")
    request.on_phase(Phase.PULL)
    ended = _Pull(engine, image).until(request)
    if ended is not None:
        return ended
    try:
        return digest(engine.images.get(image))
    except (DockerException, RequestException) as error:
        return _failed(f"{image} was fetched and is not there: {told(error)}")


def digest(image: Any) -> str:
    """`sha256:...` of the registry's manifest where the image came from one, else of its configuration."""
    for named in image.attrs.get("RepoDigests") or ():
        return str(named).partition("@")[2]
    return str(image.id)


class _Pull:
    """A fetch in a thread of its own: the SDK's stream has no deadline, and the main thread must hear a stop."""

    def __init__(self, engine: Any, image: str) -> None:
        self._engine = engine
        self._image = image
        self._layers: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="pull", daemon=True)

    def until(self, request: PlaceRequest) -> Failure | None:
        """None when the image is there."""
        deadline = time.monotonic() + request.pull_timeout
        told = float("-inf")
        self._thread.start()
        while self._thread.is_alive():
            if request.should_stop():
                return Failure(Phase.PULL, Cause.INTERRUPTED, "stopped on request")
            if time.monotonic() > deadline:
                limit = format_duration(request.pull_timeout)
                return _failed(f"{self._image} was not fetched within {limit}; {self._so_far()}", "timeouts.pull")
            if time.monotonic() - told >= _TELL_EVERY:
                request.on_progress(self._so_far())
                told = time.monotonic()
            self._thread.join(_POLL)
        if self._error is None:
            return None
        return _failed(f"image {self._image} is not present, and it can not be fetched: {self._error}")

    def _run(self) -> None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            for line in self._lines():
                if "error" in line:
                    self._error = str(line["error"])
                    return
                done = line.get("progressDetail") or {}
                if line.get("id") and done.get("total"):
                    self._layers[str(line["id"])] = (int(done.get("current", 0)), int(done["total"]))
        except (DockerException, RequestException) as error:
            self._error = f"registry unreachable, or it does not have it: {told(error)}"

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        name, _, tag = self._image.partition("@") if "@" in self._image else _tagged(self._image)
        lines: Iterator[Mapping[str, Any]] = self._engine.api.pull(name, tag=tag, stream=True, decode=True)
        return lines

    def _so_far(self) -> str:
        layers = list(self._layers.values())
        if not layers:
            return f"fetching {self._image}"
        here, whole = (sum(layer[i] for layer in layers) for i in (0, 1))
        return f"fetching {self._image}: {format_size(here)} of {format_size(whole)}"


def _tagged(image: str) -> tuple[str, str, str]:
    """Without a tag it is `latest`: with none at all the SDK would fetch every tag there is."""
    name, colon, tag = image.rpartition(":")
    return (name, ":", tag) if colon and "/" not in tag else (image, ":", "latest")


def _failed(what: str, limit: str = "") -> Failure:
    return Failure(Phase.PULL, Cause.IMAGE, what[:500], rule="docker-image", limit=limit or None)
