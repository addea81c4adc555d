"""What a campaign is called by its content: plain JSON and back, version, lineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.ids import content_hash
from runner.util.codec import from_plain, to_plain

_OUTSIDE_VERSION = ("extended", "path", "version_sha256", "search_key")


def resolved(campaign: Campaign) -> dict[str, Any]:
    """The campaign as plain JSON: what a run_start record keeps. Without a quality guard it says nothing of one, so
    that the version of a file that has none is what it was before there were any."""
    plain: dict[str, Any] = to_plain(campaign)
    if plain["quality"] is None:
        del plain["quality"]
    return plain


def from_resolved(data: Mapping[str, Any]) -> Campaign:
    """The campaign that `resolved` wrote; equal to it. Raises pydantic.ValidationError."""
    return from_plain(Campaign, dict(data))


def with_identity(campaign: Campaign) -> Campaign:
    """The campaign with `version_sha256` and `search_key` filled in."""
    plain = resolved(campaign)
    version = {key: value for key, value in plain.items() if key not in _OUTSIDE_VERSION}
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
            "hardware": {"gpus": hardware["gpus"], "gpu": hardware["gpu"]},
            "deploy": plain["deploy"],
            "runtimes": [_entry_key(entry) for entry in sorted(campaign.entries, key=lambda e: e.name)],
            "workload": plain["workload"],
        }
    )


def _entry_key(entry: Entry) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(entry)
    plain["space"]["where"] = sorted(plain["space"]["where"])
    return plain
