"""What a plan says about the presets of its entries: which they are, and each setting that they and the entry give
differently."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runner.domain.campaign import Campaign, Conflict, Given


def presets(campaign: Campaign) -> list[tuple[str, str, str, str]]:
    """(entry, preset, file, description) of each, in the order in which they count."""
    return [(one.entry, given.source, given.place, given.value) for one in campaign.extended for given in one.presets]


def conflicts(campaign: Campaign) -> list[tuple[str, str, str, str]]:
    """(entry, setting, what counts, the story) of each setting that was given in more than one way."""
    return [
        (one.entry, conflict.setting, conflict.result or "left out", story(conflict))
        for one in campaign.extended
        for conflict in one.conflicts
    ]


def story(conflict: Conflict) -> str:
    """Who wins over whom: `of the entry (x.yaml:8); lost: 0.9 of presets/a (presets/a.yaml:4)`."""
    if conflict.decided_by in ("union", "intersection"):
        return f"{conflict.decided_by} of {', '.join(map(_said, conflict.given))}"
    if conflict.decided_by == "without":
        return f"by the entry; lost: {', '.join(map(_said, conflict.given))}"
    *lost, kept = conflict.given
    return f"of {kept.source} ({kept.place}); lost: {', '.join(map(_said, lost))}"


def plain(campaign: Campaign) -> list[dict[str, Any]]:
    """As JSON."""
    return [asdict(one) for one in campaign.extended]


def _said(given: Given) -> str:
    return f"{given.value} of {given.source} ({given.place})"
