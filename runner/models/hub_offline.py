"""A hub model where there is no hub: half of one is refused before an engine tries to load it."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from runner.domain.campaign import Model
from runner.errors import ModelMissing
from runner.models import hub_cache
from runner.util.net import LOOPBACK

HUB = "https://huggingface.co"
PATIENCE = 5.0
"""Seconds for the hub to say anything at all."""


def refuse_unless_whole(model: Model, ask_network: bool = True) -> None:
    """Called before the first attempt. Raises ModelMissing when files of a hub model are missing here and nobody can
    be asked for them: HF_HUB_OFFLINE is set, or the hub does not answer. A model that is complete is no question."""
    if model.id is None:
        return
    found = hub_cache.snapshot(model.id, model.revision)
    if found is not None and found.complete:
        return
    if hub_cache.is_offline():
        why = "HF_HUB_OFFLINE is set"
    elif ask_network and not answers():
        why = f"{endpoint()} does not answer"
    else:
        return
    at = f"{model.id}@{model.revision}" if model.revision else model.id
    if found is None:
        what = f"nothing of {at} is in {hub_cache.hub_folder()}, and {why}: {', '.join(hub_cache.ANY)} are missing"
    else:
        count = len(found.missing)
        what = (
            f"{at} is not complete in {hub_cache.hub_folder()}, and {why}: {', '.join(found.missing)}"
            f" {'is' if count == 1 else 'are'} missing"
        )
    rev = f" --rev {model.revision}" if model.revision else ""
    hint = f"where there is a network run `tunebook model fetch {model.id}{rev}`, and carry HF_HOME over"
    raise ModelMissing(what, hint=hint)


def endpoint() -> str:
    """The hub, or the mirror of HF_ENDPOINT."""
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def answers() -> bool:
    """Whether somebody is there, through the proxy where one is set. Any answer counts: that it refuses us is a
    matter between it and the engine."""
    address = endpoint()
    handlers = []
    if urlsplit(address).hostname in LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "tunebook"})
        with urllib.request.build_opener(*handlers).open(request, timeout=PATIENCE):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
