"""What must hold for every attempt, goal and sign: hypothesis looks for the counterexample."""

from __future__ import annotations

import math
import os
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.campaign import Goal, Slo
from runner.domain.failure import Cause, Failure, LevelState, Outcome, Phase, TrialStatus
from runner.domain.trial import Attempt, LevelResult
from runner.scoring.judge import Judgement, judge
from runner.scoring.levels import needed_levels
from runner.scoring.penalty import published_penalty
from runner.scoring.rank import rank_key
from runner.scoring.rules import Rules
from runner.scoring.score import score
from runner.scoring.severity import severity
from runner.scoring.slo import PENALTY_CAP, ratio, soft_penalty
from tests.runner.scoring.facts import attempt, level, rules

EXAMPLES = settings(max_examples=int(os.environ.get("TUNEBOOK_EXAMPLES", "80")), deadline=None)
"""No deadline: a busy machine is no counterexample."""

GOALS = st.sampled_from(list(Goal))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ANY_NUMBER = st.floats()  # NaN and infinity too: nothing that stands in the facts may come out as one
FAILURES = st.builds(
    Failure,
    phase=st.sampled_from(list(Phase)),
    cause=st.sampled_from(list(Cause)),
    evidence=st.just("line"),
    hung=st.booleans(),
)
SLOS = st.builds(
    Slo,
    name=st.just("ttft_p99"),
    metric=st.just("ttft_p99"),
    maximum=NUMBERS,
    hard=st.booleans(),
    weight=st.floats(0, 1e300),
    steepness=st.floats(0, 1e300),
)
FLOORS = st.builds(
    Slo,
    name=st.just("rate"),
    metric=st.just("request_throughput"),
    minimum=NUMBERS,
    hard=st.booleans(),
)


@st.composite
def any_rules(draw: st.DrawFn) -> Rules:
    slos = draw(st.lists(st.one_of(SLOS, FLOORS), max_size=2, unique_by=lambda slo: slo.name))
    return rules(
        draw(st.sampled_from(["e2e_mean", "output_throughput", "ttft_p99"])),
        draw(GOALS),
        draw(st.sampled_from(["worst", "mean", "goodput", "c=8", "c=7", "r=8"])),
        slos,
        loads=draw(st.lists(st.sampled_from([1, 8, 32]), min_size=1, unique=True).map(sorted)),
        scenarios=draw(st.sampled_from([["D(1,1)"], ["D(1,1)", "D(2,2)"]])),
    )


@st.composite
def any_attempt(draw: st.DrawFn, under: Rules) -> Attempt:
    measured: list[LevelResult] = []
    for key in under.levels:
        if not draw(st.integers(0, 4)):
            continue
        sent = draw(st.integers(0, 200))
        names = ["e2e_mean", "output_throughput", "ttft_p99", "request_throughput"]
        metrics = draw(st.dictionaries(st.sampled_from(names), ANY_NUMBER, min_size=2))
        made = level(key, metrics, sent=sent, ok=draw(st.integers(0, sent)))
        measured.append(replace(made, state=draw(st.sampled_from(list(LevelState)))))
    failure = draw(st.one_of(st.none(), FAILURES))
    return attempt(measured, failure, draw(st.sampled_from(list(Outcome))))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Attempt, Rules]:
    under = draw(any_rules())
    return draw(any_attempt(under)), under


@EXAMPLES
@given(cases())
def test_judge_never_raises_and_every_number_is_finite(case: tuple[Attempt, Rules]) -> None:
    judgement = judge(*case)
    numbers = [judgement.value, judgement.objective_value, judgement.severity, judgement.soft_penalty]
    numbers += [number for slo in judgement.slos for number in (slo.value, slo.ratio)]
    assert all(math.isfinite(number) for number in numbers if number is not None)
    if judgement.status is TrialStatus.FAILED:
        assert judgement.failure is not None
        assert judgement.value is None
        assert 0 < judgement.severity < 1
    else:
        assert judgement.severity == 0
        assert judgement.failure is None
    assert (judgement.value is not None) == (judgement.status is TrialStatus.SUCCEEDED)


@EXAMPLES
@given(cases())
def test_a_success_has_every_needed_level_with_99_percent(case: tuple[Attempt, Rules]) -> None:
    facts, under = case
    if judge(facts, under).status is not TrialStatus.SUCCEEDED:
        return
    by_position = {one.position: one for one in facts.levels}
    for key in needed_levels(under):
        reached = by_position[key.position]
        assert reached.ok >= 0.99 * reached.sent > 0


@EXAMPLES
@given(st.data(), any_rules())
def test_no_failure_ranks_above_a_success(data: st.DataObject, under: Rules) -> None:
    judged = [judge(data.draw(any_attempt(under)), under) for _ in range(2)]
    judged.append(Judgement(TrialStatus.SUCCEEDED, data.draw(NUMBERS)))
    goal = under.objective.goal
    ranked = [j.status for j in sorted(judged, key=lambda j: rank_key(j, goal))]
    order = [TrialStatus.SUCCEEDED, TrialStatus.FAILED, TrialStatus.UNMEASURED]
    assert ranked == sorted(ranked, key=order.index)


SCORES = st.floats(-1e9, 1e9).map(lambda x: 0.0 if abs(x) < 1e-9 else x)


@EXAMPLES
@given(GOALS, st.lists(SCORES, min_size=1, max_size=6), FAILURES, FAILURES, st.integers(0, 3))
def test_a_published_penalty_is_worse_than_every_success_and_keeps_the_order(
    goal: Goal, scores: list[float], one: Failure, other: Failure, done: int
) -> None:
    """One success alone is among the cases: it too beats its failures."""
    severities = sorted(severity(failure, done, 3, [1.5]) for failure in (one, other))
    mild, harsh = (published_penalty(s, goal, scores, 1e-3) for s in severities)
    assert mild is not None
    assert harsh is not None
    if goal is Goal.MAXIMIZE:
        assert harsh <= mild < min(scores)
    else:
        assert harsh >= mild > max(scores)


@EXAMPLES
@given(cases(), st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_severity_does_not_depend_on_how_long_anything_took(
    case: tuple[Attempt, Rules], one: float, other: float
) -> None:
    """Neither wall time nor a timeout setting: the rules know no timeout, and the attempt's seconds change nothing."""
    facts, under = case
    slow = tuple(replace(measured, seconds=other) for measured in facts.levels)
    longer = replace(facts, seconds=other, gpu_seconds=other, ended_utc="2027-01-01T00:00:00Z", levels=slow)
    assert judge(replace(facts, seconds=one), under) == judge(longer, under)


LIMITS = st.floats(1e-3, 1e6)


@EXAMPLES
@given(LIMITS, st.floats(0.01, 10), st.floats(1e-3, 10), st.booleans())
def test_the_soft_penalty_is_continuous_at_the_limit_and_rises(
    limit: float, weight: float, steepness: float, floor: bool
) -> None:
    slo = Slo("x", "ttft_p99", minimum=limit, weight=weight, steepness=steepness)
    if not floor:
        slo = Slo("x", "ttft_p99", maximum=limit, weight=weight, steepness=steepness)
    at = [soft_penalty(ratio(limit * (1 - step if floor else 1 + step), slo), slo) for step in (0, 1e-9, 0.1, 0.5)]
    assert at[0] == 0.0
    assert at[1] <= 2.1 * weight * 1e-9 / steepness + 1e-12
    assert at == sorted(at)
    assert at[3] <= PENALTY_CAP


@EXAMPLES
@given(SLOS | FLOORS, NUMBERS)
def test_a_ratio_is_finite_and_above_one_exactly_for_a_miss(slo: Slo, value: float) -> None:
    how_far = ratio(value, slo)
    missed = value > slo.limit if slo.maximum is not None else value < slo.limit
    assert math.isfinite(how_far)
    assert how_far >= 0
    assert (how_far > 1) == missed
    assert 0 <= soft_penalty(how_far, slo) <= PENALTY_CAP


@EXAMPLES
@given(NUMBERS, st.floats(0, 1e12), GOALS)
def test_a_penalty_never_makes_a_score_better_whatever_its_sign(value: float, penalty: float, goal: Goal) -> None:
    worse = score(value, penalty, goal)
    assert math.isfinite(worse)
    assert worse <= value if goal is Goal.MAXIMIZE else worse >= value


@EXAMPLES
@given(GOALS, st.lists(st.floats(0.1, 100), min_size=3, max_size=3), st.integers(0, 2), st.floats(1e-6, 0.1))
def test_a_survivor_of_light_levels_never_beats_a_healthy_configuration(
    goal: Goal, healthy: list[float], survived: int, value: float
) -> None:
    metric = "e2e_mean" if goal is Goal.MINIMIZE else "output_throughput"
    great = value if goal is Goal.MINIMIZE else 1e6
    for at in ("worst", "mean"):
        under = rules(metric, goal, at)
        whole = judge(attempt([level(k, {metric: v}) for k, v in zip(under.levels, healthy, strict=True)]), under)
        part = [level(key, {metric: great}) for key in under.levels[:survived]]
        died = judge(attempt(part, Failure(Phase.MEASURE, Cause.OOM_SERVE, "line")), under)
        assert rank_key(whole, goal) < rank_key(died, goal)
