"""A server that somebody else started. It is measured, and never ended.

deploy: {kind: attach, url: "http://10.0.0.7:8000", model: my-model, api_key_env: MY_KEY}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from runner.deployers import Deployer, Engine, PlaceRequest
from runner.domain.campaign import Deploy
from runner.domain.trial import Endpoint, Exit, Launch, Placement
from runner.errors import NotReady, UsageError
from runner.util.redact import hide


class AttachedEngine:
    """Owns nothing: leaving it ends nothing."""

    pid: int | None = None

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def poll(self) -> Exit | None:
        return None

    def stop(self, grace: float) -> Exit | None:
        return None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Attach:
    """Options: `url` (needed), `model` (the name in requests), `api_key_env` (name of the variable with the key)."""

    name = "attach"
    title = "Attached server"

    def place(self, request: PlaceRequest, deploy: Deploy) -> Placement:
        url = urlsplit(_url(deploy.options))
        assert url.hostname is not None
        return Placement(
            host=url.hostname,
            port=url.port or (443 if url.scheme == "https" else 80),
            model_path=request.model_path,
            served_model=str(deploy.options.get("model", request.served_model)),
            python=request.python,
            work_dir=str(request.work_dir),
            gpus=request.gpus,
        )

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine:
        """Starts nothing: the endpoint of the live server. Raises NotReady when the key's variable is not set."""
        url = _url(request.options)
        request.log_path.write_text(f"attached to {url}: its log is elsewhere\n", encoding="utf-8")
        return AttachedEngine(Endpoint(url, placement.served_model, _key(request.options)))

    def reap(self, labels: Mapping[str, str]) -> list[str]:
        return []


def _url(options: Mapping[str, Any]) -> str:
    """Without trailing slash and `/v1`. Raises UsageError."""
    url = str(options.get("url", "")).rstrip("/").removesuffix("/v1")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"deploy attach: {url!r} is no http address" if url else "deploy attach needs the option `url`",
            hint='deploy: {kind: attach, url: "http://host:8000"}',
        )
    return url


def _key(options: Mapping[str, Any]) -> str | None:
    name = options.get("api_key_env")
    if not name:
        return None
    value = os.environ.get(str(name))
    if not value:
        raise NotReady(f"deploy attach: the variable {name} is not set", hint=f"export {name}=...")
    hide(value)
    return value


DEPLOYER: Deployer = Attach()
