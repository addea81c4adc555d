"""After the search: measure the finalists and each entry's default again, interleaved, and say what that shows.

The best of many noisy measurements looks better than it is. Repeats in turn (best, default, best, default, ...)
expose both sides to the same drift of the machine, and the order moves on by one every round, so that nobody is always
the first after a pause. Pure, except that a comparison gets a fresh id and the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from runner.domain.campaign import Campaign, Goal
from runner.domain.failure import Outcome, Role, TrialStatus, Verdict
from runner.domain.ids import campaign_id
from runner.domain.metrics import metric_ref
from runner.domain.records import ComparisonFact
from runner.domain.trial import Attempt, Configuration
from runner.scoring.judge import Judgement, judge
from runner.scoring.rank import rank_key
from runner.scoring.rules import rules_of
from runner.stats.compare import Comparison, comparable, compare
from runner.util.clock import new_id, utc_now

SEALED = (Outcome.MEASURED, Outcome.FAILED)
"""A confirm attempt that says something. One that met an infrastructure fault is made again."""


@dataclass(frozen=True, slots=True)
class JudgedTrial:
    """A trial with the judgement of its first search or baseline attempt."""

    trial_id: str
    number: int
    entry: str
    configuration: Configuration
    is_default: bool
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class ConfirmTarget:
    """A configuration to measure again."""

    trial_id: str
    number: int
    entry: str
    configuration: Configuration


def confirm_targets(campaign: Campaign, trials: Sequence[JudgedTrial]) -> list[ConfirmTarget]:
    """The best `confirm.top` trials, best first, then the default of each entry that has one that works.

    Empty when the campaign confirms nothing or nothing succeeded. A default that fails is not measured again: its
    failure is the comparison.
    """
    finalists = _finalists(campaign, trials)
    if not finalists:
        return []
    working = [trial for trial in _defaults(campaign, trials) if _succeeded(trial)]
    chosen = {trial.trial_id: trial for trial in (*finalists, *working)}
    return [ConfirmTarget(t.trial_id, t.number, t.entry, t.configuration) for t in chosen.values()]


def missing_attempts(
    targets: Sequence[ConfirmTarget], repeats: int, done: Sequence[Attempt], client: str | None = None
) -> list[tuple[ConfirmTarget, int]]:
    """(target, repeat) still to measure, in measuring order: round by round, repeats counted from 1. Of `done` only
    what this client measured counts (None: any)."""
    sealed = {
        (attempt.trial_id, attempt.repeat)
        for attempt in done
        if attempt.role is Role.CONFIRM and attempt.outcome in SEALED and client in (None, attempt.client)
    }
    order: list[tuple[ConfirmTarget, int]] = []
    for repeat in range(1, repeats + 1):
        first = (repeat - 1) % len(targets) if targets else 0
        order.extend((target, repeat) for target in (*targets[first:], *targets[:first]))
    return [(target, repeat) for target, repeat in order if (target.trial_id, repeat) not in sealed]


def comparisons(
    campaign: Campaign,
    trials: Sequence[JudgedTrial],
    attempts: Sequence[Attempt],
    *,
    series: int,
    run_id: str,
) -> list[ComparisonFact]:
    """The confirmed best against the default of each entry, on the objective, from confirm attempts of one client.

    A pair is left out while it has fewer than two repeats on a side and more are planned.
    """
    finalists = _finalists(campaign, trials)
    if not finalists:
        return []
    client, repeated = _confirmed(campaign, attempts)
    best = best_trial(campaign, trials, attempts)
    assert best is not None
    facts: list[ComparisonFact] = []
    for default in _defaults(campaign, trials):
        if default.trial_id == best.trial_id:
            continue
        mine, theirs = repeated.get(best.trial_id, []), repeated.get(default.trial_id, [])
        least = min(len(mine), len(theirs)) if _succeeded(default) else 2
        if least < min(2, campaign.confirm.repeats):
            continue
        facts.append(_fact(campaign, best, default, mine, theirs, client, series, run_id))
    return facts


def _finalists(campaign: Campaign, trials: Sequence[JudgedTrial]) -> list[JudgedTrial]:
    goal = campaign.objective.goal
    succeeded = [trial for trial in trials if _succeeded(trial)]
    ranked = sorted(succeeded, key=lambda trial: (rank_key(trial.judgement, goal), trial.number))
    return ranked[: max(0, campaign.confirm.top)] if campaign.confirm.repeats > 0 else []


def _defaults(campaign: Campaign, trials: Sequence[JudgedTrial]) -> list[JudgedTrial]:
    """One per entry at most, in the order of the file."""
    found = {trial.entry: trial for trial in reversed(trials) if trial.is_default}
    return [found[entry.name] for entry in campaign.entries if entry.name in found]


def _succeeded(trial: JudgedTrial) -> bool:
    return trial.judgement.status is TrialStatus.SUCCEEDED


def _confirmed(campaign: Campaign, attempts: Sequence[Attempt]) -> tuple[str, Mapping[str, list[Attempt]]]:
    """The client that confirms, and its sealed confirm attempts by trial, by repeat."""
    client = campaign.confirm.client or campaign.workload.client
    by_trial: dict[str, dict[int, Attempt]] = {}
    for attempt in attempts:
        if attempt.role is Role.CONFIRM and attempt.outcome in SEALED and attempt.client == client:
            by_trial.setdefault(attempt.trial_id, {}).setdefault(attempt.repeat, attempt)
    return client, {trial: [repeats[number] for number in sorted(repeats)] for trial, repeats in by_trial.items()}


def _confirmed_rank(
    campaign: Campaign, trial: JudgedTrial, repeated: Sequence[Attempt]
) -> tuple[bool, float, float, int]:
    """Smallest best: all repeats succeeded before some failed, then the mean confirmed score; what was never repeated
    comes last, by its search score."""
    goal = campaign.objective.goal
    rules = rules_of(campaign)
    judged = [judge(attempt, rules) for attempt in repeated]
    scores = [judgement.value for judgement in judged if judgement.value is not None]
    if not scores:
        return True, 1.0, rank_key(trial.judgement, goal)[1], trial.number
    mean = fmean(scores)
    failed = 1 - len(scores) / len(judged)
    return False, failed, -mean if goal is Goal.MAXIMIZE else mean, trial.number


def _fact(
    campaign: Campaign,
    best: JudgedTrial,
    default: JudgedTrial,
    mine: Sequence[Attempt],
    theirs: Sequence[Attempt],
    client: str,
    series: int,
    run_id: str,
) -> ComparisonFact:
    ref = metric_ref(campaign.objective.metric)
    rules = rules_of(campaign)
    judged_a, judged_b = ([judge(attempt, rules) for attempt in side] for side in (mine, theirs))
    result = _compared(campaign, default, mine, theirs, judged_a, judged_b)
    return ComparisonFact(
        comparison_id=new_id(),
        run_id=run_id,
        campaign_id=campaign_id(campaign.version_sha256),
        search_key=campaign.search_key,
        series=series,
        trial_a=best.trial_id,
        trial_b=default.trial_id,
        metric=campaign.objective.metric,
        verdict=result.verdict,
        repeats=result.repeats,
        client=client,
        reason=result.reason,
        compared_utc=utc_now(),
        log_ratio=result.log_ratio,
        low=result.low,
        high=result.high,
        value_a=_middle(judged_a),
        value_b=_middle(judged_b),
        unit=ref.unit,
    )


def _compared(
    campaign: Campaign,
    default: JudgedTrial,
    mine: Sequence[Attempt],
    theirs: Sequence[Attempt],
    judged_a: Sequence[Judgement],
    judged_b: Sequence[Judgement],
) -> Comparison:
    """On what the objective measured, soft penalty left out. Failures and different circumstances are said, not
    averaged away."""
    repeats = min(len(mine), len(theirs))
    problem = None
    if default.judgement.failure is not None:
        problem = f"the default fails: {default.judgement.failure.cause.value}"
    problem = problem or _failures("the best", judged_a) or _failures("the default", judged_b)
    if problem is None:
        everyone = [_facts(attempt) for attempt in (*mine, *theirs)]
        differences = (comparable(one, other) for one, other in combinations(everyone, 2))
        problem = next((difference for difference in differences if difference), None)
    if problem:
        return Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, problem)
    return compare(
        [judgement.objective_value for judgement in judged_a],
        [judgement.objective_value for judgement in judged_b],
        campaign.objective.goal is Goal.MAXIMIZE,
    )


def _failures(who: str, judged: Sequence[Judgement]) -> str | None:
    failures = [judgement.failure for judgement in judged if judgement.failure is not None]
    if not failures:
        return None
    return f"{who} failed in {len(failures)} of {len(judged)} repeats: {failures[0].cause.value}"


def _facts(attempt: Attempt) -> dict[str, object]:
    """The circumstances that must agree (runner.stats.compare)."""
    engine, placement = attempt.engine, attempt.placement
    used = placement.gpus if placement else ()
    return {
        "client": attempt.client,
        "client_version": attempt.client_version,
        "workload_key": attempt.workload_key,
        "gpu": ", ".join(sorted(gpu.name for gpu in attempt.host.gpus if gpu.uuid in used)),
        "cpu_model": attempt.host.cpu_model,
        "host": attempt.host.host,
        "runtime": attempt.configuration.runtime,
        "engine_version": engine.version if engine else None,
        "image_digest": placement.image_digest if placement else None,
    }


def _middle(judged: Sequence[Judgement]) -> float | None:
    """Geometric mean of the objective, so that the ratio of two of them is the ratio that is shown."""
    values = [judgement.objective_value for judgement in judged if judgement.objective_value is not None]
    if not values:
        return None
    if min(values) <= 0:
        return fmean(values)
    return math.exp(fmean(math.log(value) for value in values))


def best_trial(campaign: Campaign, trials: Sequence[JudgedTrial], attempts: Sequence[Attempt]) -> JudgedTrial | None:
    """The winner: of all that was measured again (finalists and defaults) the one that its repeats confirm, or the
    best of the search where nothing is confirmed. None when no trial succeeded."""
    finalists = _finalists(campaign, trials)
    if finalists:
        _, repeated = _confirmed(campaign, attempts)
        others = [t for t in trials if t.trial_id in repeated and t not in finalists and _succeeded(t)]
        candidates = [*finalists, *others]  # a default that its repeats show to be better wins
        return min(candidates, key=lambda trial: _confirmed_rank(campaign, trial, repeated.get(trial.trial_id, [])))
    succeeded = [trial for trial in trials if _succeeded(trial)]
    goal = campaign.objective.goal
    return min(succeeded, key=lambda trial: (rank_key(trial.judgement, goal), trial.number), default=None)
