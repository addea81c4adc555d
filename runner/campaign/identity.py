"""What a campaign is called by its content: plain JSON and back, version, lineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runner.domain.campaign import Campaign, Entry, Search, Workload
from runner.domain.ids import content_hash
from runner.util.codec import from_plain, to_plain

_USUAL = Workload()
_FILES = ("trace", "dataset")
_YOUNGER = ("task", "shape", "prefix", *_FILES, "load_search")
"""Fields that came later. A workload that does not use one says nothing of it, and keeps the hashes it had."""
_USUAL_SEARCH = Search()
_YOUNGER_SEARCH = ("history", "stop", "precheck")
_PINNED = ("cpus", "client_cpus")
_WHERE_IT_LIES = ("path", "url", "max_size", "longest", "requests")
_OUTSIDE_VERSION = ("extended", "path", "version_sha256", "search_key")


def resolved(campaign: Campaign) -> dict[str, Any]:
    """The campaign as plain JSON: what a run_start record keeps. Without a quality guard it says nothing of one, so
    that the version of a file that has none is what it was before there were any; so with further objectives, pinned
    CPUs, shapes of load, prefixes, files of requests, and repeats beyond those that were planned."""
    plain: dict[str, Any] = to_plain(campaign)
    if plain["quality"] is None:
        del plain["quality"]
    for objective in (plain["objective"], *plain["also"]):
        if objective["attainment"] is None:
            del objective["attainment"]
    if not plain["also"]:
        del plain["also"]
    if plain["confirm"]["at_most"] is None:
        del plain["confirm"]["at_most"]
    if not campaign.hardware.cpus:
        for name in _PINNED:
            del plain["hardware"][name]
    plain["workload"] = _plain_workload(campaign.workload)
    for name in _YOUNGER_SEARCH:
        if getattr(campaign.search, name) == getattr(_USUAL_SEARCH, name):
            del plain["search"][name]
    return plain


def from_resolved(data: Mapping[str, Any]) -> Campaign:
    """The campaign that `resolved` wrote; equal to it. Raises pydantic.ValidationError."""
    return from_plain(Campaign, dict(data))


def with_identity(campaign: Campaign) -> Campaign:
    """The campaign with `version_sha256` and `search_key` filled in."""
    plain = resolved(campaign)
    version = {key: value for key, value in plain.items() if key not in _OUTSIDE_VERSION}
    version["workload"] = workload_identity(campaign.workload)
    return replace(campaign, version_sha256=content_hash(version), search_key=search_key(campaign))


def search_key(campaign: Campaign) -> str:
    """64 hex digits over everything that decides what a trial measures, so that trials of equal keys belong together.

    Outside: name, description, every, objective, slo, quality, search, confirm, budget, timeouts, and the price of a
    GPU. The answers for the quality guard are asked after the levels: they change no number of a trial.
    """
    plain = resolved(campaign)
    hardware = plain["hardware"]
    return content_hash(
        {
            "model": plain["model"],
            "hardware": {name: hardware[name] for name in ("gpus", "gpu", *_PINNED) if name in hardware},
            "deploy": plain["deploy"],
            "runtimes": [_entry_key(entry) for entry in sorted(campaign.entries, key=lambda e: e.name)],
            "workload": workload_identity(campaign.workload),
        }
    )


def workload_identity(workload: Workload) -> dict[str, Any]:
    """The workload as it is hashed: a file of requests is what it holds, wherever it lies."""
    plain = _plain_workload(workload)
    for name in _FILES:
        if name in plain:
            plain[name] = {key: value for key, value in plain[name].items() if key not in _WHERE_IT_LIES}
    return plain


def _plain_workload(workload: Workload) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(workload)
    for name in _YOUNGER:
        if getattr(workload, name) == getattr(_USUAL, name):
            del plain[name]
    return plain


def _entry_key(entry: Entry) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(entry)
    plain["space"]["where"] = sorted(plain["space"]["where"])
    return plain
