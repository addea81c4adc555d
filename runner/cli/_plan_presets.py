"""What a plan says about the presets of its entries: which they are, and each setting that they and the entry give
differently."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runner.domain.campaign import Campaign, Conflict, Given
from runner.util.visible import visible


def presets(campaign: Campaign) -> list[tuple[str, str, str, str]]:
    """(entry, preset, file, description) of each, in the order in which they count."""
    rows = ((one.entry, given) for one in campaign.extended for given in one.presets)
    return [(entry, given.source, given.place, visible(given.value)) for entry, given in rows]


def conflicts(campaign: Campaign) -> list[tuple[str, str, str, str]]:
    """(entry, setting, what counts, the story) of each setting that was given in more than one way."""
    return [
        (one.entry, visible(conflict.setting), visible(conflict.result or "left out"), story(conflict))
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
    return f"{visible(given.value)} of {given.source} ({given.place})"
