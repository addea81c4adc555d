"""What the records of a results folder say of trials, told so that it can be measured again: `gate`, `reproduce`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner import __version__
from runner.campaign.load import from_resolved, resolved
from runner.circumstances import circumstances
from runner.confirm import SEALED, JudgedTrial, best_trial
from runner.domain.campaign import Campaign
from runner.domain.failure import Role
from runner.domain.metrics import metric_ref
from runner.domain.recorded import FORMAT, Baseline, Recorded
from runner.domain.records import RecordKind, RunStart
from runner.domain.trial import Attempt
from runner.errors import UnknownId
from runner.lineage import SEARCH_ROLES, Lineage
from runner.render.shell import one_line
from runner.scoring.judge import judge
from runner.scoring.rules import Rules
from runner.store.history import facts, history


def recorded_run(results: Path, start: RunStart, judged_by: Campaign | None = None) -> Baseline:
    """What was known of a run's series when that run ended, judged by the objective and SLOs of `judged_by` (None: by
    the run's own)."""
    own = from_resolved(dict(start.campaign))
    campaign = own if judged_by is None else replace(own, objective=judged_by.objective, slos=judged_by.slos)
    attempts = [
        attempt
        for attempt in history(results, start.search_key, start.series)
        if attempt.run_id == start.run_id or attempt.started_utc < start.started_utc
    ]
    return recorded(Lineage.of(campaign, start.series, attempts))


def latest_start(results: Path, search_key: str, series: int | None = None) -> RunStart:
    """Raises UnknownId when no run of the lineage (and series) is recorded."""
    starts: list[RunStart] = facts(results, RecordKind.RUN_START)
    mine = [one for one in starts if one.search_key == search_key and series in (None, one.series)]
    if not mine:
        raise UnknownId("no run of this lineage is recorded", hint="`tunebook run` the campaign first")
    return max(mine, key=lambda one: (one.started_utc, one.run_id))


def recorded(lineage: Lineage) -> Baseline:
    """Every trial that succeeded, by number."""
    campaign = lineage.campaign
    best = best_trial(campaign, lineage.trials, lineage.attempts)
    ref = metric_ref(campaign.objective.metric)
    return Baseline(
        format=FORMAT,
        tunebook=__version__,
        name=campaign.name,
        search_key=campaign.search_key,
        series=lineage.series,
        metric=ref.text,
        at=campaign.objective.at,
        goal=campaign.objective.goal,
        unit=ref.unit,
        campaign=resolved(campaign),
        trials=tuple(_trial(lineage, trial, trial == best) for trial in lineage.succeeded),
    )


def _trial(lineage: Lineage, trial: JudgedTrial, is_best: bool) -> Recorded:
    mine = [attempt for attempt in lineage.attempts if attempt.trial_id == trial.trial_id]
    confirm = lineage.campaign.confirm.client or lineage.campaign.workload.client
    repeats = [one for one in mine if one.role is Role.CONFIRM and one.outcome in SEALED and one.client == confirm]
    values = _values(repeats, lineage.rules)
    basis = "confirmed"
    if not values:
        repeats, basis = (
            [one for one in mine if one.role in SEARCH_ROLES and _values([one], lineage.rules)][:1],
            "search",
        )
        values = _values(repeats, lineage.rules)
    last = repeats[-1]
    launch = one_line(last.launch.portable, last.configuration.env) if last.launch else ""
    return Recorded(
        number=trial.number,
        trial_id=trial.trial_id,
        is_best=is_best,
        is_default=trial.is_default,
        configuration=trial.configuration,
        launch=launch,
        values=values,
        basis=basis,
        client=last.client,
        facts=circumstances(last),
        measured_utc=last.started_utc,
    )


def _values(attempts: Sequence[Attempt], rules: Rules) -> tuple[float, ...]:
    """The objective of those that succeeded."""
    judged = [judge(attempt, rules) for attempt in attempts]
    return tuple(j.objective_value for j in judged if j.value is not None and j.objective_value is not None)
