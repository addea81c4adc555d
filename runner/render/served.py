"""What others need to start a measured launch, and how it is told: from a record, or from a row of the store. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.domain.units import parse_size

SHARED_MEMORY = 16 * 10**9
"""Bytes of a container's /dev/shm where its campaign does not say. A limit, nothing is reserved; Docker's own 64 MB
end every engine with more than one process."""

_IN_IMAGES = ((re.compile(r"(?:^|/)ggml-org/llama\.cpp(?=[:@]|$)"), "llama-server", "/app/llama-server"),)
"""Published images that have the engine's program outside of PATH: image, program, where it is."""


@dataclass(frozen=True, slots=True)
class Served:
    """`words` and `env` are the portable launch as its record has it; `pass_env` names what the engine takes from its
    reader's environment. `model` is a hub id, or None for a file or folder of the reader's, called `file` where its
    name is known. `image` is None where no container was used: then only the shell can be told (`lacks_image`).
    `cpus` are those that the engine was pinned to, 0 where it had all.
    `about` is one line on what this is."""

    name: str
    about: str
    words: tuple[str, ...]
    env: Mapping[str, str]
    pass_env: tuple[str, ...] = ()
    model: str | None = None
    file: str = "model"
    image: str | None = None
    gpus: int = 0
    shared_memory: int = 0
    cpus: int = 0


def served_name(campaign: str) -> str:
    """Of a container, a service or a deployment: what all of them allow."""
    return re.sub(r"[^a-z0-9]+", "-", campaign.lower()).strip("-")[:50].strip("-") or "engine"


def about(campaign: str, number: int, engine: str, hardware: str) -> str:
    return f"{campaign}, trial {number}: {engine} on {hardware}"


def exact_image(name: str, digest: str | None) -> str:
    """By digest, which no registry gives to another image; one that was built here has a digest that names nothing
    elsewhere."""
    bare = name.partition("@")[0]
    head, colon, tag = bare.rpartition(":")
    repository = head if colon and "/" not in tag else bare
    return name if digest is None or "/" not in repository else f"{repository}@{digest}"


def program_in(image: str, program: str) -> str:
    """How `program` is called in a container of `image`."""
    known = (there for of, name, there in _IN_IMAGES if name == program and of.search(image))
    return next(known, program)


def shared_memory(size: Any) -> int:
    """Bytes, of `shm_size` as a campaign has it (None: it has none). Raises ValueError for what is no size."""
    return SHARED_MEMORY if size is None else parse_size(str(size))
