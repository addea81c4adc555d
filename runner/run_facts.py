"""The facts that a run seals of itself: how it began, under which rules, what it refused, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner import __version__
from runner.campaign.load import resolved
from runner.decide import Refused
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason
from runner.domain.ground import MemoryLimit
from runner.domain.ids import campaign_id
from runner.domain.records import RejectionFact, RulesFact, RunEnd, RunStart
from runner.hardware.facts import host_facts
from runner.lineage import Lineage
from runner.models.facts import model_facts
from runner.scoring.rules import rules_id, rules_to_plain
from runner.util.clock import new_id, utc_now
from runner.util.git import commit_of


def run_start(
    campaign: Campaign, path: Path, run_id: str, series: int, project: Path, limits: Mapping[str, MemoryLimit]
) -> RunStart:
    """Called before the first attempt. `path` is the campaign file; its text is part of the fact; `limits`
    are what the series refuses by. Raises OSError,
    ModelDamaged and HashMismatch."""
    return RunStart(
        run_id=run_id,
        campaign_id=campaign_id(campaign.version_sha256),
        name=campaign.name,
        version_sha256=campaign.version_sha256,
        search_key=campaign.search_key,
        series=series,
        campaign=resolved(campaign),
        campaign_text=path.read_text(encoding="utf-8"),
        campaign_path=campaign.path,
        seed=campaign.search.seed,
        started_utc=utc_now(),
        host=host_facts(),
        git_commit=commit_of(path.resolve().parent),
        tunebook_version=__version__,
        trials_planned=campaign.search.trials,
        model_facts=model_facts(campaign.model, project) if campaign.deploy.kind != "attach" else None,
        memory_limits=limits,
    )


def rules_fact(campaign: Campaign, lineage: Lineage) -> RulesFact:
    return RulesFact(
        rules_id=rules_id(lineage.rules),
        campaign_id=campaign_id(campaign.version_sha256),
        search_key=campaign.search_key,
        rules=rules_to_plain(lineage.rules),
        written_utc=utc_now(),
    )


def rejection(campaign: Campaign, refused: Refused, run_id: str, series: int) -> RejectionFact:
    configuration = refused.configuration
    return RejectionFact(
        rejection_id=new_id(),
        run_id=run_id,
        campaign_id=campaign_id(campaign.version_sha256),
        search_key=campaign.search_key,
        series=series,
        entry=configuration.entry,
        runtime=configuration.runtime,
        fingerprint=configuration.fingerprint,
        params=configuration.values,
        rule=refused.rule,
        reason=refused.reason,
        rejected_utc=utc_now(),
    )


def run_end(
    campaign: Campaign, lineage: Lineage, run_id: str, reason: EndReason, seconds: float, message: str
) -> RunEnd:
    """`seconds` is the wall time of this run alone."""
    return RunEnd(
        run_id=run_id,
        campaign_id=campaign_id(campaign.version_sha256),
        ended_utc=utc_now(),
        end_reason=reason,
        seconds=round(seconds, 3),
        trials=len(lineage.known),
        succeeded=len(lineage.succeeded),
        failed=len(lineage.failed),
        message=message,
    )
