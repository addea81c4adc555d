"""Campaign files that stand beside each other: two of one name, two that would share their trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runner.campaign.document import read
from runner.domain.campaign import Campaign
from runner.errors import CampaignError, Problem, Where

_SHOWN = 3
"""Other places of one name in a message."""

Loaded = Sequence[tuple[Path, Campaign | CampaignError]]


def name_of(text: str, path: Path) -> tuple[str, Where] | None:
    """The campaign's name and its place; None for a text that is no campaign, or has no name that can be read."""
    document = read(text, str(path))
    if not isinstance(document.data, dict) or "tunebook" not in document.data:
        return None
    name = document.data.get("name")
    return (name, document.at_value("name")) if isinstance(name, str) else None


def unique_names(loaded: Loaded, texts: Mapping[Path, str]) -> list[tuple[Path, Campaign | CampaignError]]:
    """`loaded`, with an error for each file whose name another file of `texts` has too; both places are said.
    `texts` holds what can be read of the loaded files and of those beside them."""
    places: dict[str, list[tuple[Path, Where]]] = {}
    for path, text in texts.items():
        if named := name_of(text, path):
            places.setdefault(named[0], []).append((path, named[1]))
    double: dict[Path, Problem] = {}
    for name, uses in places.items():
        for path, where in uses:
            others = [str(other) for file, other in uses if file != path]
            if others:
                more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
                what = f"campaign name {name!r} is also used by {', '.join(others[:_SHOWN])}{more}"
                double[path] = Problem("duplicate-name", what, where, "give each file a name of its own")
    checked: list[tuple[Path, Campaign | CampaignError]] = []
    for path, result in loaded:
        if path in double:
            said = result.problems() if isinstance(result, CampaignError) else ()
            result = CampaignError([*said, double[path]])
        checked.append((path, result))
    return checked


def shared_lineages(given: Iterable[Campaign], all_of_them: Iterable[Campaign]) -> list[str]:
    """One sentence for each pair of campaigns with different names and one `search_key`."""
    everyone = sorted(all_of_them, key=lambda campaign: campaign.name)
    names = {campaign.name for campaign in given}
    return [
        f"{one.name} ({one.path}) and {other.name} ({other.path}) measure the same: they would share their trials, and "
        "the objective and SLOs of the one that ran last judge all of them"
        for n, one in enumerate(everyone)
        for other in everyone[n + 1 :]
        if one.search_key == other.search_key and one.name != other.name and names & {one.name, other.name}
    ]
