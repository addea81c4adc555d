"""The line of a plan that says how much memory the model takes, where its files are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign
from runner.domain.ground import Ground
from runner.domain.model_facts import ModelFacts
from runner.domain.units import format_size
from runner.errors import TunebookError


def facts_here(campaign: Campaign) -> ModelFacts | None:
    """None where nothing is known of the model on this machine. What is wrong with it, the line `not here` says."""
    from runner.models.facts import model_facts
    from runner.util.project import project_folder

    if campaign.deploy.kind == "attach":
        return None
    try:
        return model_facts(campaign.model, project_folder())
    except (TunebookError, OSError):
        return None


def ground_here(campaign: Campaign, facts: ModelFacts | None, results: Path) -> Ground:
    """What the pre-check of a run would stand on: what its series has frozen, else this machine and what is sealed in
    the results folder. A record that can not be read is the business of `run`: here it teaches nothing."""
    from runner.ground import ground_of, grounded, limits
    from runner.hardware.facts import host_facts
    from runner.store.history import lineage_facts

    host = host_facts()
    try:
        starts = lineage_facts(results, campaign.search_key).starts
        latest = max((start.series for start in starts), default=0)
        if first := next((start for start in starts if start.series == latest), None):
            return ground_of(first, campaign)
        return grounded(campaign, host, facts, limits(results, campaign, host))
    except (TunebookError, OSError):
        return grounded(campaign, host, facts)


def plain(facts: ModelFacts | None, campaign: Campaign) -> dict[str, Any] | None:
    """Bytes by part, for the context that the heaviest level fills: `tokens` of all its requests at once."""
    from runner.space.memory import estimate

    if facts is None:
        return None
    tokens = _tokens(campaign)
    return {"tokens": tokens, "kv_type": "f16", "bytes": estimate(facts, tokens)}


def text(facts: ModelFacts, campaign: Campaign) -> str:
    """One line; the engine's own needs are in no part of it."""
    from runner.space.memory import estimate

    tokens = _tokens(campaign)
    parts = estimate(facts, tokens)
    told = f"{format_size(parts['weights'])} of weights"
    if "kv_cache" in parts and tokens:
        cache = format_size(parts["kv_cache"])
        told += f" + {cache} of KV cache at 16 bits for the {tokens:,} tokens of the heaviest level"
    return f"{told}; what an engine needs for itself comes on top"


def _tokens(campaign: Campaign) -> int:
    """Of the longest request, as often as a closed loop asks at once; how many an open one does, nobody knows."""
    at_once = max(campaign.workload.loads) if campaign.workload.load_kind == "concurrency" else 1
    return campaign.workload.longest * round(at_once)
