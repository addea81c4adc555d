"""What a plan says of the lineages before it: where its warm starts come from, and what the sampler would be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign
from runner.domain.model_facts import ModelFacts
from runner.domain.prior import Prior
from runner.events.console import values_text
from runner.util.codec import to_plain


def prior_here(campaign: Campaign, results: Path, facts: ModelFacts | None) -> Prior | None:
    """What the series has taken, or would take if it began now on this machine. None: no records lie in `results`.
    Raises StoreDamaged."""
    from runner.earlier import prior
    from runner.hardware.facts import host_facts
    from runner.store.history import lineage_facts

    if not (results / "records").is_dir():
        return None
    starts = lineage_facts(results, campaign.search_key).starts
    if starts:
        newest = max(start.series for start in starts)
        return next(start.prior for start in starts if start.series == newest)
    return prior(results, campaign, host_facts(), facts.architecture if facts else None)


def lines(taken: Prior | None) -> Iterator[tuple[str, str]]:
    """Name and text of each line of the plan; none where nothing is taken."""
    for warm in taken.warm_start if taken else ():
        yield "warm start", f"{warm.text}: {warm.entry} {values_text(warm.values)}"
    if taken and taken.replayed:
        campaigns = ", ".join(sorted({one.campaign for one in taken.replayed}))
        yield "history", f"the sampler is told of {len(taken.replayed)} trials of {campaigns}"


def plain(taken: Prior | None) -> dict[str, Any]:
    """For `--json`. None: there are no records to look into."""
    if taken is None:
        return {"warm_start": None, "replayed": None}
    told = [{**to_plain(warm), "text": warm.text} for warm in taken.warm_start]
    return {"warm_start": told, "replayed": len(taken.replayed)}
