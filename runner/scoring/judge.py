"""From the facts of one attempt and the rules to a verdict: status, score, severity, SLO by SLO. Pure.

Order of judgement (the first that holds decides):

1. outcome `infra` or `interrupted`: unmeasured; nothing was learned about the configuration.
2. the engine failed (crash, out of memory, hang, ...): failed, with the recorded phase and cause. Only for `c=N` and
   `r=N` may it have died at another load, when the needed level is measured.
3. a needed level has too few good requests: failed, `measure` / `error_rate`.
4. its answers agree too little with those of the reference: failed, `slo` / `quality`.
5. a hard SLO is missed at a needed level (for `goodput`: any SLO at the lightest level): failed, `slo` / `slo`.
6. a needed level was not reached: what was recorded, else unmeasured (other rules had ended the ascent there). So is
   an attempt whose good requests were counted by other limits, where a share of them is asked for.
7. a hard SLO or an objective's metric was not measured at a needed level: failed, `slo` / `unknown`.
8. there is a quality guard, and nobody had asked for the answers, or compared them with another entry: unmeasured.
9. succeeded. A guard that had nothing to compare with says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner.domain.answers import QualityFacts
from runner.domain.campaign import Objective
from runner.domain.failure import Cause, Failure, Hint, Outcome, Phase, SloVerdict, TrialStatus
from runner.domain.trial import Attempt
from runner.scoring.guard import disagreement
from runner.scoring.hints import Scene, hint
from runner.scoring.levels import (
    Reached,
    counts,
    metric_at,
    needed_levels,
    parse_at,
    reached_levels,
    success_rate,
)
from runner.scoring.rules import ATTAINED, LevelKey, Rules
from runner.scoring.score import aggregate, finite, goodput_levels, objective_value, score
from runner.scoring.severity import severity
from runner.scoring.slo import SloResult, slo_results, total_penalty, worst_ratios


@dataclass(frozen=True, slots=True)
class Further:
    """A further objective of a success: `value` made worse by the soft penalty as the score is, `objective_value` as
    measured. Both in the unit of `objective`."""

    objective: Objective
    value: float
    objective_value: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an attempt is worth under some rules.

    `value` is the score, in the objective's unit: the objective made worse by the soft penalty; None unless
    succeeded. `objective_value` is the objective alone; a failure at phase `slo` keeps it when every needed level was
    measured. `severity` is 0 unless failed. `failure` may be one that the rules derived (an error rate, an SLO).
    `goodput_level` is the position of the level the value was taken from, for `at: goodput` only. A failure has a
    `hint` (what to do about it) and `levels_done`, the declared levels that were measured well enough. `also` are the
    further objectives of a success, in their order.
    """

    status: TrialStatus
    value: float | None = None
    objective_value: float | None = None
    severity: float = 0.0
    soft_penalty: float = 0.0
    failure: Failure | None = None
    slos: tuple[SloResult, ...] = ()
    goodput_level: int | None = None
    hint: Hint | None = None
    levels_done: int = 0
    also: tuple[Further, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """What the steps below look at together."""

    attempt: Attempt
    rules: Rules
    reached: Reached
    slos: tuple[SloResult, ...]
    needed: tuple[LevelKey, ...]

    @property
    def goodput(self) -> bool:
        return self.rules.objective.at == "goodput"

    def at(self, levels: Sequence[LevelKey]) -> list[SloResult]:
        positions = {key.position for key in levels}
        return [result for result in self.slos if result.position in positions]

    def binding(self) -> list[SloResult]:
        """The results that decide between success and failure."""
        return [result for result in self.at(self.needed) if result.hard or self.goodput]


def judge(attempt: Attempt, rules: Rules) -> Judgement:
    """Judge one attempt. Never raises for any attempt; every number in the answer is finite.

    Raises ValueError only for rules whose objective names an unknown metric or `at` (the campaign loader refuses
    those).
    """
    if attempt.outcome in (Outcome.INFRA, Outcome.INTERRUPTED):
        told = hint(Scene(attempt.failure, attempt, rules)) if attempt.failure else None
        return Judgement(TrialStatus.UNMEASURED, hint=told)
    rules = rules.seen(attempt.levels)
    reached = reached_levels(attempt.levels, rules)
    case = _Case(attempt, rules, reached, slo_results(reached, rules), needed_levels(rules))
    failure = _engine_failure(case) or _error_rate(case) or _wrong_answers(case) or _slo_missed(case)
    if failure is None and (not case.needed or any(key.position not in reached for key in case.needed)):
        if attempt.failure is None:
            return Judgement(TrialStatus.UNMEASURED, slos=case.slos)
        failure = attempt.failure
    if failure is None and _counted_otherwise(case):
        return Judgement(TrialStatus.UNMEASURED, slos=case.slos)
    failure = failure or _not_measured(case)
    if failure is None and rules.quality is not None and _asked(case) is None:
        return Judgement(TrialStatus.UNMEASURED, slos=case.slos)
    return _failed(case, failure) if failure else _succeeded(case)


def _engine_failure(case: _Case) -> Failure | None:
    """The recorded failure, where the rules have no say in it."""
    failure = case.attempt.failure
    if failure is None:
        if case.attempt.outcome is not Outcome.FAILED:
            return None
        return Failure(case.attempt.phase, Cause.UNKNOWN, "the attempt failed and no reason was recorded")
    if failure.phase in (Phase.MEASURE, Phase.SLO) and failure.cause in (Cause.ERROR_RATE, Cause.SLO):
        return None  # a judgement by the rules of that day: judged anew
    one_load = all(parse_at(objective.at).kind == "load" for objective in case.rules.objectives)
    elsewhere = failure.phase is Phase.MEASURE and failure.cause not in (Cause.QUALITY, Cause.SHORT_OUTPUT)
    measured = [counts(case.reached.get(key.position), case.rules) for key in case.needed]
    return None if one_load and elsewhere and measured and all(measured) else failure


def _error_rate(case: _Case) -> Failure | None:
    for key in case.needed:
        level = case.reached.get(key.position)
        if level is not None and not counts(level, case.rules):
            needed = f"{100 * case.rules.min_success_rate:g} % are needed"
            done = f"{level.ok} of {level.sent} requests ended well ({100 * success_rate(level):.3g} %)"
            return Failure(Phase.MEASURE, Cause.ERROR_RATE, f"{key.label}: {done}, {needed}")
    return None


def _asked(case: _Case) -> QualityFacts | None:
    """The answers that the guard judges by."""
    facts, guard = case.attempt.quality, case.rules.quality
    return facts if facts is not None and guard is not None and facts.reference == guard.reference else None


def _wrong_answers(case: _Case) -> Failure | None:
    facts, guard = _asked(case), case.rules.quality
    if facts is None or facts.agreement is None or guard is None or guard.min_agreement is None:
        return None
    if facts.agreement.share >= guard.min_agreement:
        return None
    return Failure(Phase.SLO, Cause.QUALITY, disagreement(facts.agreement, guard))


def _slo_missed(case: _Case) -> Failure | None:
    missed = [result for result in case.binding() if result.ratio is not None and result.ratio > 1]
    if not missed:
        return None
    worst = max(missed, key=lambda result: result.ratio or 0.0)
    label = next(key.label for key in case.needed if key.position == worst.position)
    evidence = f"{worst.slo} = {worst.value:.4g} misses its limit {worst.limit:.4g} for {label}"
    return Failure(Phase.SLO, Cause.SLO, evidence)


def _counted_otherwise(case: _Case) -> bool:
    """Good requests were counted, by other limits than these rules have: how many meet these nobody knows."""
    unknown = {one.position for one in case.binding() if one.slo == ATTAINED and one.ratio is None}
    return any(position in case.reached for position in unknown)


def _not_measured(case: _Case) -> Failure | None:
    for result in case.binding():
        if result.verdict is SloVerdict.UNMEASURED:
            what = f"the SLO {result.slo} could not be checked: its metric has no value at level {result.position}"
            return Failure(Phase.SLO, Cause.UNKNOWN, what)
    for objective in case.rules.objectives:
        if _objective_value(case, objective) is None:
            what = f"the objective {objective.metric} has no value at a level that it needs"
            return Failure(Phase.SLO, Cause.UNKNOWN, what)
    return None


def _planned(rules: Rules) -> int:
    """So many levels were to be measured: of a search nobody knows them before, and it may need all that it has."""
    if rules.search is None:
        return len(rules.levels)
    return rules.search.levels * max(1, len({key.scenario for key in rules.levels}))


def _objective_value(case: _Case, objective: Objective) -> float | None:
    return objective_value(needed_levels(case.rules, objective), case.reached, objective)


def _failed(case: _Case, failure: Failure) -> Judgement:
    rules = case.rules
    done = sum(counts(case.reached.get(key.position), rules) for key in rules.levels)
    ratios = worst_ratios(case.binding()).values()
    kept = failure.phase is Phase.SLO and not case.goodput
    return Judgement(
        TrialStatus.FAILED,
        objective_value=_objective_value(case, rules.objective) if kept else None,
        severity=severity(failure, done, _planned(rules), ratios),
        failure=failure,
        slos=case.slos,
        hint=hint(Scene(failure, case.attempt, rules, case.binding())),
        levels_done=done,
    )


def _succeeded(case: _Case) -> Judgement:
    rules = case.rules
    if case.goodput:
        return _good(case)
    penalty = total_penalty(case.at(case.needed), rules)
    read = [Further(one, 0.0, finite(_objective_value(case, one) or 0.0)) for one in rules.objectives]
    first, *also = (replace(one, value=score(one.objective_value, penalty, one.objective.goal)) for one in read)
    return Judgement(
        TrialStatus.SUCCEEDED, first.value, first.objective_value, 0.0, penalty, None, case.slos, also=tuple(also)
    )


def _good(case: _Case) -> Judgement:
    """A success at `goodput`: each objective at the highest good level of each scenario."""
    rules = case.rules
    tops = [top for top in goodput_levels(case.reached, case.slos, rules) if top is not None]

    def values(metric: str) -> list[float]:
        known = [metric_at(case.reached.get(top.position), metric) for top in tops]
        return [value for value in known if value is not None]

    first = values(rules.objective.metric)
    value = aggregate(first, rules.objective)
    further = [(one, aggregate(values(one.metric), one)) for one in rules.also]
    also = tuple(Further(one, value, value) for one, value in further)
    position = tops[first.index(value)].position
    return Judgement(TrialStatus.SUCCEEDED, value, value, 0.0, 0.0, None, case.slos, position, also=also)
