"""What the repeats of a campaign say: the confirmed best against each entry's default and each other finalist.

Pure, except that a comparison gets a fresh id and the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

from runner.confirm import (
    Confirmed,
    JudgedTrial,
    arms,
    best_of,
    confirmed,
    confirming_client,
    defaults,
    design,
    finalists,
    succeeded,
)
from runner.domain.campaign import Campaign, Goal
from runner.domain.failure import Verdict
from runner.domain.ids import campaign_id
from runner.domain.metrics import metric_ref
from runner.domain.records import ComparisonFact
from runner.domain.trial import Attempt
from runner.scoring.judge import Judgement
from runner.stats.arms import Level
from runner.stats.compare import Comparison, comparable, compare, judged
from runner.stats.drift import Drift, drift, without_drift
from runner.stats.sequential import ERROR, Design, in_common
from runner.util.clock import new_id, utc_now

OF_A_HOST = ("host", "gpu", "cpu_model")
"""Circumstances that may differ between hosts: only repeats on one host are set against each other."""


def comparisons(
    campaign: Campaign,
    trials: Sequence[JudgedTrial],
    attempts: Sequence[Attempt],
    *,
    series: int,
    run_id: str,
) -> list[ComparisonFact]:
    """The confirmed best against each default, then against the other finalists, on the objective, from confirm
    attempts of one client.

    A pair is left out while it has fewer than two repeats on a side and more are planned.
    """
    if not finalists(campaign, trials):
        return []
    measured = confirmed(campaign, attempts)
    best = best_of(campaign, trials, measured)
    assert best is not None
    able = arms(campaign, measured)
    look, drifted = design(campaign, trials), drift(able)
    level = without_drift(able)
    facts: list[ComparisonFact] = []
    for other in _others(campaign, trials, best):
        mine, theirs = _in_common(measured.get(best.trial_id, {}), measured.get(other.trial_id, {}), other)
        least = min(len(mine), len(theirs)) if succeeded(other) else 2
        if least < min(2, campaign.confirm.repeats):
            continue
        result = _compared(campaign, best, other, mine, theirs, look, level)
        fact = _fact(campaign, best, other, mine, theirs, result)
        fact = replace(fact, client=confirming_client(campaign), series=series, run_id=run_id)
        facts.append(_with_drift(fact, drifted))
    return facts


def _others(campaign: Campaign, trials: Sequence[JudgedTrial], best: JudgedTrial) -> list[JudgedTrial]:
    found = {trial.trial_id: trial for trial in (*defaults(campaign, trials), *finalists(campaign, trials))}
    return [trial for trial in found.values() if trial.trial_id != best.trial_id]


def _in_common(
    mine: Mapping[int, Confirmed], theirs: Mapping[int, Confirmed], other: JudgedTrial
) -> tuple[list[Confirmed], list[Confirmed]]:
    """The rounds in which both were measured; all of the best's, where the other is not repeated."""
    if not succeeded(other):
        return list(mine.values()), []
    rounds = sorted(mine.keys() & theirs.keys())
    return [mine[number] for number in rounds], [theirs[number] for number in rounds]


def _fact(
    campaign: Campaign,
    best: JudgedTrial,
    other: JudgedTrial,
    mine: Sequence[Confirmed],
    theirs: Sequence[Confirmed],
    result: Comparison,
) -> ComparisonFact:
    return ComparisonFact(
        comparison_id=new_id(),
        run_id="",
        campaign_id=campaign_id(campaign.version_sha256),
        search_key=campaign.search_key,
        series=0,
        trial_a=best.trial_id,
        trial_b=other.trial_id,
        metric=campaign.objective.metric,
        verdict=result.verdict,
        repeats=result.repeats,
        client="",
        reason=result.reason,
        compared_utc=utc_now(),
        log_ratio=result.log_ratio,
        low=result.low,
        high=result.high,
        value_a=_middle([one.judgement for one in mine]),
        value_b=_middle([one.judgement for one in theirs]),
        unit=metric_ref(campaign.objective.metric).unit,
        confidence=1 - ERROR,
        more_repeats=result.more_repeats,
        at_most=campaign.confirm.cap,
    )


def _with_drift(fact: ComparisonFact, found: Drift | None) -> ComparisonFact:
    if found is None:
        return fact
    return replace(fact, drift=found.change, drift_low=found.low, drift_high=found.high)


def _compared(
    campaign: Campaign,
    best: JudgedTrial,
    other: JudgedTrial,
    mine: Sequence[Confirmed],
    theirs: Sequence[Confirmed],
    look: Design,
    level: Level,
) -> Comparison:
    """On what the objective measured, soft penalty left out. Failures and different circumstances are said, not
    averaged away."""
    who = "the default" if other.is_default else f"trial {other.number}"
    problem = None
    if other.judgement.failure is not None:
        problem = f"{who} fails: {other.judgement.failure.cause.value}"
    problem = problem or _failures("the best", mine) or _failures(who, theirs)
    problem = problem or next(_differences(mine, theirs), None)
    if problem:
        return Comparison(Verdict.INCOMPARABLE, None, None, None, min(len(mine), len(theirs)), problem)
    both = best.trial_id in level.arms and other.trial_id in level.arms
    found = in_common(level, best.trial_id, other.trial_id) if both else None
    if found is not None:
        return judged(found, look.confidence)
    values = [[one.judgement.objective_value for one in side] for side in (mine, theirs)]  # too few, missing, or 0
    return compare(values[0], values[1], campaign.objective.goal is Goal.MAXIMIZE, confidence=look.confidence)


def _failures(who: str, side: Sequence[Confirmed]) -> str | None:
    failures = [one.judgement.failure for one in side if one.judgement.failure is not None]
    if not failures:
        return None
    return f"{who} failed in {len(failures)} of {len(side)} repeats: {failures[0].cause.value}"


def _differences(mine: Sequence[Confirmed], theirs: Sequence[Confirmed]) -> Iterator[str]:
    """What forbids to compare. Repeats of several hosts are set against each other within a host, if one has both."""
    hosts = [{one.attempt.host.host for one in side} for side in (mine, theirs)]
    for one, other in combinations([facts(item.attempt) for item in (*mine, *theirs)], 2):
        if one["host"] != other["host"] and hosts[0] & hosts[1]:
            one, other = ({key: v for key, v in side.items() if key not in OF_A_HOST} for side in (one, other))
        if said := comparable(one, other):
            yield said


def facts(attempt: Attempt) -> dict[str, object]:
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
