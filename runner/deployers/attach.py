"""A server that somebody else started. It is measured, and never ended.

deploy: {kind: attach, url: "http://10.0.0.7:8000", model: my-model, api_key_env: MY_KEY}
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runner.deployers import Deployer, Engine, LoadPlace, PlaceRequest, unknown_options
from runner.domain.campaign import Deploy
from runner.domain.trial import Endpoint, Exit, Launch, Placement
from runner.errors import NotReady, Problem, UsageError
from runner.util.redact import hide

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class AttachedEngine:
    """Owns nothing: leaving it ends nothing."""

    listens_itself = False  # who it is, is not known
    load_place: LoadPlace | None = None

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def pids(self) -> Set[int] | None:
        return None

    def landed(self, placement: Placement) -> Placement:
        return placement

    def poll(self) -> Exit | None:
        return None

    def starved(self) -> bool:
        return False

    def stop(self, grace: float) -> Exit | None:
        return None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Attach:
    """Options: `url` (needed), `model` (the name in requests), `api_key_env` (name of the variable with the key)."""

    name = "attach"
    title = "Attached server"
    options: tuple[str, ...] = ("url", "model", "api_key_env")
    needs_image = False
    leases = False  # the server has them already

    def check(self, deploy: Deploy) -> list[Problem]:
        found = unknown_options(deploy, self.options)
        found += _url_problems(deploy.options)
        for name in ("model", "api_key_env"):
            value = deploy.options.get(name)
            if name in deploy.options and not (isinstance(value, str) and value):
                found.append(Problem("option-value", f"deploy attach: option {name!r} wants a text"))
        key = deploy.options.get("api_key_env")
        if isinstance(key, str) and key and not _ENV_NAME.fullmatch(key):  # most likely the key itself: not shown
            what = "deploy attach: the value of 'api_key_env' is no name of an environment variable"
            found.append(Problem("secret", what, hint="export MY_KEY=..., and write api_key_env: MY_KEY"))
        return found

    def needs(self, deploy: Deploy, gpus: int = 0) -> list[Problem]:
        return []

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
            revision=request.revision,
        )

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine:
        """Starts nothing: the endpoint of the live server. Raises NotReady when the key's variable is not set."""
        url = _url(request.options)
        request.log_path.write_text(f"attached to {url}: its log is elsewhere\n", encoding="utf-8")
        return AttachedEngine(Endpoint(url, placement.served_model, _key(request.options)))

    def reap(self, labels: Mapping[str, str], log_path: Path | None = None, deploy: Deploy | None = None) -> list[str]:
        return []

    def sweep(self, lives: Callable[[str], bool | None]) -> list[str]:
        return []


def _url_problems(options: Mapping[str, Any]) -> list[Problem]:
    hint = "write deploy: {kind: attach, url: http://localhost:8000}"
    if "url" not in options:
        return [Problem("missing-key", "deploy: attach needs the url of the server", hint=hint)]
    try:
        url = urlsplit(str(options["url"]))
        sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # no port, no address
        return [Problem("option-value", "deploy attach: 'url' is no http address", hint=hint)]
    if url.username is not None or url.password is not None or "@" in url.netloc:
        what = "deploy attach: 'url' holds a user or a password: they must not stand in a campaign"
        return [Problem("secret", what, hint="pass a key through your environment: api_key_env: MY_KEY")]
    if not sound:
        return [Problem("option-value", f"deploy attach: 'url' is no http address: {options['url']!r}", hint=hint)]
    if url.query or url.fragment:
        what = "deploy attach: 'url' has a part after ? or #: the paths of the API are appended to it"
        return [Problem("option-value", what, hint=hint)]
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
