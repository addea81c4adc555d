"""How others start what a campaign found best: the same texts as `tunebook render`, of rows of the query `launches`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from runner.render.forms import FORMS, lacks_image
from runner.render.served import Served, about, exact_image, served_name, shared_memory
from runner.render.shell import words_of
from runner.util.visible import visible_lines

TITLES = {"shell": "Shell", "docker": "Docker", "compose": "Compose", "kubernetes": "Kubernetes"}
CONTAINED = ("docker", "kubernetes")
"""Deployers whose record names an image."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to start it. Where no image is known `text` is None, and `remedy` is the command that takes one."""

    title: str
    text: str | None
    remedy: str


def forms(launch: Mapping[str, Any]) -> tuple[Form, ...]:
    """Every form of one row, in the order of `tunebook render --help`."""
    made = _served(launch)
    return tuple(
        Form(TITLES[name], None if lacks_image(name, made) else visible_lines(form(made)), _remedy(launch, name))
        for name, form in FORMS.items()
    )


def _remedy(row: Mapping[str, Any], form: str) -> str:
    return f"tunebook render {shlex.quote(row['campaign'])} --trial {row['number']} --as {form} --image REPOSITORY:TAG"


def _served(row: Mapping[str, Any]) -> Served:
    env, words = words_of(row["launch"])
    contained = row["deploy"] in CONTAINED and row["image"] is not None
    engine = f"{row['engine']} {row['engine_version']}" if row["engine"] else row["runtime"]
    return Served(
        name=served_name(row["campaign"]),
        about=about(row["campaign"], row["number"], engine, row["hardware"]),
        words=words,
        env=env,
        pass_env=tuple(row["pass_env"] or ()),
        model=row["hub_id"],
        file=row["model"],
        image=exact_image(row["image"], row["image_digest"]) if contained else None,
        gpus=row["gpus"],
        cpus=row["cpus"],
        shared_memory=_shared_memory(row["shm_size"]) if contained else 0,
    )


def _shared_memory(size: str | None) -> int:
    """A site is built of whatever stands in the store: a size that is none is as one that was not given."""
    with suppress(ValueError):
        return shared_memory(size)
    return shared_memory(None)
