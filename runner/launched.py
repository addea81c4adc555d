"""The launch of a trial as its record has it: which attempt somebody means, and what others need to start the same."""

from __future__ import annotations

from pathlib import Path

from runner.campaign.load import from_resolved
from runner.confirm import best_trial
from runner.deployers import deployers
from runner.domain.campaign import Campaign
from runner.domain.failure import Outcome
from runner.domain.records import RecordKind, RunStart
from runner.domain.trial import Attempt
from runner.errors import UnknownId, UsageError
from runner.known import Known, find
from runner.lineage import Lineage
from runner.render.served import Served, about, exact_image, served_name, shared_memory
from runner.store.history import facts, history

BEST = "best"


def launched(results: Path, campaign: str, trial: str = BEST) -> tuple[Campaign, Attempt]:
    """The campaign's latest run, and of its series an attempt of the trial that was measured, else one that was
    started. `campaign` is a name, a run's id or NAME#7. Raises UnknownId, and UsageError where nothing was started."""
    name, hash_, number = campaign.rpartition("#")
    if hash_ and number.isdecimal():
        campaign, trial = name, number
    meant = find(Known(results), campaign)
    if meant.kind != "run":
        raise UsageError(f"{campaign} is {meant.title}", hint=f"tunebook render CAMPAIGN --trial N, or {BEST}")
    starts: list[RunStart] = facts(results, RecordKind.RUN_START)
    start = next(one for one in starts if one.run_id == meant.id)
    resolved = from_resolved(dict(start.campaign))
    lineage = Lineage.of(resolved, start.series, history(results, start.search_key, start.series))
    wanted = _number(lineage, resolved, trial)
    mine = [one for one in lineage.attempts if one.number == wanted and one.launch is not None]
    if not mine:
        what = f"trial {wanted} of {resolved.name} was never started"
        raise UsageError(what, hint=f"tunebook logs {resolved.name}#{wanted} says what became of it")
    return resolved, next((one for one in mine if one.outcome is Outcome.MEASURED), mine[-1])


def _number(lineage: Lineage, campaign: Campaign, trial: str) -> int:
    if trial != BEST:
        known = sorted({one.number for one in lineage.attempts})
        if not trial.isdecimal() or int(trial) not in known:
            there = f"{known[0]} to {known[-1]}" if known else "none yet"
            raise UnknownId(f"{campaign.name} has no trial {trial!r}", hint=f"{BEST}, or a number: {there}")
        return int(trial)
    best = best_trial(campaign, lineage.trials, lineage.attempts)
    if best is None:
        hint = f"name one: --trial N; `tunebook new --from {campaign.name}` writes the next campaign"
        raise UsageError(f"no trial of {campaign.name} succeeded", hint=hint)
    return best.number


def served(campaign: Campaign, attempt: Attempt, image: str | None = None) -> Served:
    """`image`: for a campaign that ran without containers, or to use another one."""
    launch, entry = attempt.launch, campaign.entry(attempt.configuration.entry)
    assert launch is not None
    engine, options = attempt.engine, campaign.deploy.options
    digest = attempt.placement.image_digest if attempt.placement else None
    contained = deployers.get(campaign.deploy.kind).needs_image
    return Served(
        name=served_name(campaign.name),
        about=about(
            campaign.name,
            attempt.number,
            f"{engine.name} {engine.version}" if engine else entry.runtime,
            campaign.hardware.label,
        ),
        words=launch.portable,
        env=dict(attempt.configuration.env),
        pass_env=entry.pass_env,
        model=campaign.model.id,
        file=campaign.model.label,
        image=image or (exact_image(str(entry.options["image"]), digest) if contained else None),
        gpus=campaign.hardware.gpus,
        cpus=campaign.hardware.cpus,
        shared_memory=shared_memory(options.get("shm_size")) if contained else 0,
    )
