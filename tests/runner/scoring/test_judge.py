"""One attempt, some rules, one verdict: the cases that went wrong elsewhere, each by name."""

from __future__ import annotations

import math

import pytest

from runner.domain.campaign import Goal, Slo
from runner.domain.failure import Cause, Outcome, Phase, SloVerdict, TrialStatus
from runner.scoring.judge import judge
from runner.scoring.rank import rank_key
from tests.runner.scoring.facts import SCENARIO, attempt, failed, level, levels, rules

TTFT = Slo("ttft_p99", "ttft_p99", maximum=0.5, hard=True)
SOFT = Slo("ttft_p99", "ttft_p99", maximum=0.5, weight=2.0)


def test_every_declared_level_measured_is_a_success_and_worst_is_the_worst() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "worst")
    judgement = judge(attempt(levels(under, "e2e_mean", [1.0, 2.0, 4.0])), under)
    assert judgement.status is TrialStatus.SUCCEEDED
    assert judgement.value == judgement.objective_value == 4.0
    assert (judgement.severity, judgement.failure) == (0.0, None)


def test_mean_is_the_mean_over_levels() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "mean")
    judgement = judge(attempt(levels(under, "e2e_mean", [1.0, 2.0, 4.0])), under)
    assert judgement.value == pytest.approx(2.3333333)


@pytest.mark.parametrize("at", ["worst", "mean", "goodput"])
def test_a_survivor_of_light_levels_never_beats_a_healthy_configuration(at: str) -> None:
    """Healthy: 1, 2, 4 s (mean 2.333). The other runs out of memory above one user and would have scored 1.2."""
    under = rules("e2e_mean", Goal.MINIMIZE, at, [Slo("e2e_mean", "e2e_mean", maximum=10.0)])
    healthy = judge(attempt(levels(under, "e2e_mean", [1.0, 2.0, 4.0])), under)
    died = attempt(levels(under, "e2e_mean", [1.2]), failed(Phase.MEASURE, Cause.OOM_SERVE))
    survivor = judge(died, under)
    assert healthy.status is TrialStatus.SUCCEEDED
    assert survivor.status is TrialStatus.FAILED
    assert survivor.value is None
    assert survivor.severity == pytest.approx(0.50 - 0.30 / 3)
    assert rank_key(healthy, Goal.MINIMIZE) < rank_key(survivor, Goal.MINIMIZE)


@pytest.mark.parametrize("at", ["worst", "mean", "goodput"])
def test_a_level_that_was_not_reached_leaves_a_trial_without_a_score(at: str) -> None:
    """Nothing failed and no SLO was missed, but levels are missing: other rules had ended the ascent there."""
    under = rules("e2e_mean", Goal.MINIMIZE, at, [Slo("e2e_mean", "e2e_mean", maximum=1.0, hard=True)])
    judgement = judge(attempt([]), under)
    assert judgement.status is TrialStatus.UNMEASURED
    if at != "goodput":
        judgement = judge(attempt(levels(under, "e2e_mean", [0.5])), under)
        assert judgement.status is TrialStatus.UNMEASURED


def test_49_of_50_requests_failing_is_a_failure() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "worst", loads=[4])
    judgement = judge(attempt([level(under.levels[0], {"e2e_mean": 0.5}, ok=1)]), under)
    assert judgement.status is TrialStatus.FAILED
    assert judgement.failure is not None
    assert (judgement.failure.phase, judgement.failure.cause) == (Phase.MEASURE, Cause.ERROR_RATE)
    assert "1 of 50" in judgement.failure.evidence
    assert judgement.value is None


@pytest.mark.parametrize(("ok", "status"), [(99, TrialStatus.SUCCEEDED), (98, TrialStatus.FAILED)])
def test_99_percent_is_enough_and_98_is_not(ok: int, status: TrialStatus) -> None:
    under = rules(loads=[4])
    measured = level(under.levels[0], {"e2e_mean": 0.5}, sent=100, ok=ok)
    assert judge(attempt([measured]), under).status is status


def test_a_missed_hard_slo_fails_at_phase_slo_and_keeps_what_was_measured() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "worst", [TTFT])
    measured = [
        level(key, {"e2e_mean": value, "ttft_p99": ttft})
        for key, value, ttft in zip(under.levels, [1, 2, 4], [0.1, 0.4, 1.0], strict=True)
    ]
    judgement = judge(attempt(measured), under)
    assert judgement.status is TrialStatus.FAILED
    assert judgement.failure is not None
    assert (judgement.failure.phase, judgement.failure.cause) == (Phase.SLO, Cause.SLO)
    assert judgement.objective_value == 4.0
    assert judgement.value is None
    r = math.log(2)
    assert judgement.severity == pytest.approx(0.10 * r / (1 + r))
    assert [s.verdict for s in judgement.slos] == [SloVerdict.MET, SloVerdict.MET, SloVerdict.MISSED_HARD]
    assert judgement.slos[2].ratio == pytest.approx(2.0)


def test_the_ascent_ended_by_a_hard_slo_is_a_failure_at_phase_slo() -> None:
    """The driver stops at the first miss: the levels above are not reached, the trial is not unmeasured."""
    under = rules("e2e_mean", Goal.MINIMIZE, "worst", [TTFT])
    stopped = attempt([level(under.levels[0], {"e2e_mean": 1.0, "ttft_p99": 0.6})])
    judgement = judge(stopped, under)
    assert judgement.failure is not None
    assert judgement.failure.cause is Cause.SLO
    assert judgement.objective_value is None
    assert [s.verdict for s in judgement.slos][1:] == [SloVerdict.UNMEASURED] * 2


def test_goodput_is_the_metric_at_the_highest_level_that_meets_all_slos() -> None:
    under = rules("output_throughput", Goal.MAXIMIZE, "goodput", [SOFT])
    measured = [
        level(key, {"output_throughput": value, "ttft_p99": ttft})
        for key, value, ttft in zip(under.levels, [100, 300, 500], [0.1, 0.4, 1.0], strict=True)
    ]
    judgement = judge(attempt(measured), under)
    assert judgement.status is TrialStatus.SUCCEEDED
    assert (judgement.value, judgement.goodput_level, judgement.soft_penalty) == (300.0, 1, 0.0)


def test_goodput_stops_at_the_first_miss_even_if_a_heavier_level_is_good_again() -> None:
    under = rules("output_throughput", Goal.MAXIMIZE, "goodput", [SOFT])
    measured = [
        level(key, {"output_throughput": value, "ttft_p99": ttft})
        for key, value, ttft in zip(under.levels, [100, 300, 500], [0.1, 0.9, 0.2], strict=True)
    ]
    assert judge(attempt(measured), under).goodput_level == 0


def test_goodput_counts_too_many_errors_above_as_the_miss_that_ends_the_ascent() -> None:
    under = rules("output_throughput", Goal.MAXIMIZE, "goodput", [SOFT])
    good = level(under.levels[0], {"output_throughput": 100, "ttft_p99": 0.1})
    bad = level(under.levels[1], {"output_throughput": 10, "ttft_p99": 0.1}, ok=1)
    recorded = failed(Phase.MEASURE, Cause.ERROR_RATE)
    for facts in (attempt([good, bad]), attempt([good, bad], recorded)):
        judgement = judge(facts, under)
        assert (judgement.status, judgement.value) == (TrialStatus.SUCCEEDED, 100.0)


def test_goodput_with_no_level_that_meets_all_slos_fails() -> None:
    under = rules("output_throughput", Goal.MAXIMIZE, "goodput", [SOFT])
    judgement = judge(attempt([level(under.levels[0], {"output_throughput": 100, "ttft_p99": 0.6})]), under)
    assert judgement.failure is not None
    assert judgement.failure.cause is Cause.SLO
    assert 0 < judgement.severity < 0.1


def test_goodput_of_several_scenarios_is_that_of_the_worst() -> None:
    under = rules("output_throughput", Goal.MAXIMIZE, "goodput", [SOFT], [1, 8], [SCENARIO, "D(10,10)"])
    measured = [
        level(key, {"output_throughput": value, "ttft_p99": ttft})
        for key, value, ttft in zip(under.levels, [90, 200, 50, 80], [0.1, 0.1, 0.1, 0.9], strict=True)
    ]
    judgement = judge(attempt(measured), under)
    assert (judgement.value, judgement.goodput_level) == (50.0, 2)


def test_one_load_needs_that_level_and_no_other() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "c=8")
    died = attempt(levels(under, "e2e_mean", [1.0, 2.0]), failed(Phase.MEASURE, Cause.CRASH))
    assert judge(died, under).value == 2.0
    early = attempt(levels(under, "e2e_mean", [1.0]), failed(Phase.MEASURE, Cause.CRASH))
    assert judge(early, under).status is TrialStatus.FAILED


def test_wrong_answers_fail_whatever_the_load() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "c=8")
    wrong = attempt(levels(under, "e2e_mean", [1, 2, 3]), failed(Phase.MEASURE, Cause.QUALITY))
    judgement = judge(wrong, under)
    assert (judgement.status, judgement.severity) == (TrialStatus.FAILED, 0.15)


@pytest.mark.parametrize("outcome", [Outcome.INFRA, Outcome.INTERRUPTED])
def test_infrastructure_faults_and_interruptions_say_nothing(outcome: Outcome) -> None:
    under = rules()
    facts = attempt(levels(under, "e2e_mean", [1, 2, 3]), failed(Phase.MEASURE, Cause.INFRA), outcome)
    judgement = judge(facts, under)
    assert (judgement.status, judgement.value, judgement.severity) == (TrialStatus.UNMEASURED, None, 0.0)


def test_a_failure_without_a_recorded_reason_is_still_a_failure() -> None:
    judgement = judge(attempt([], None, Outcome.FAILED), rules())
    assert judgement.failure is not None
    assert judgement.failure.cause is Cause.UNKNOWN


def test_an_slo_that_could_not_be_checked_is_not_called_missed() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "worst", [TTFT], loads=[1])
    judgement = judge(attempt(levels(under, "e2e_mean", [1.0])), under)
    assert judgement.failure is not None
    assert judgement.failure.cause is Cause.UNKNOWN
    assert judgement.slos[0].verdict is SloVerdict.UNMEASURED


def test_a_missing_objective_is_a_failure_that_names_it() -> None:
    under = rules("tpot_p50", Goal.MINIMIZE, "worst", loads=[1])
    judgement = judge(attempt(levels(under, "e2e_mean", [1.0])), under)
    assert judgement.failure is not None
    assert "tpot_p50" in judgement.failure.evidence


def test_the_soft_penalty_makes_the_score_worse_for_both_goals() -> None:
    low = rules("e2e_mean", Goal.MINIMIZE, "worst", [SOFT], loads=[1])
    high = rules("output_throughput", Goal.MAXIMIZE, "worst", [SOFT], loads=[1])
    metrics = {"e2e_mean": 2.0, "output_throughput": 100.0, "ttft_p99": 0.505}
    facts = attempt([level(low.levels[0], metrics)])
    penalty = 2.0 * (math.exp(0.01 / 0.1) - 1)
    slow, fast = judge(facts, low), judge(facts, high)
    assert slow.soft_penalty == pytest.approx(penalty)
    assert slow.value == pytest.approx(2.0 * (1 + penalty))
    assert fast.value == pytest.approx(100.0 * (1 - penalty))
    assert fast.objective_value == 100.0


def test_20_percent_over_a_soft_slo_still_beats_any_crash() -> None:
    """The predecessor: +13778, worse than any crash."""
    under = rules("output_throughput", Goal.MAXIMIZE, "worst", [SOFT], loads=[1])
    soft = judge(attempt([level(under.levels[0], {"output_throughput": 1000, "ttft_p99": 0.6})]), under)
    crash = judge(attempt([], failed(Phase.LOAD, Cause.CRASH)), under)
    assert rank_key(soft, Goal.MAXIMIZE) < rank_key(crash, Goal.MAXIMIZE)


def test_other_rules_judge_the_same_facts_anew() -> None:
    strict = rules("e2e_mean", Goal.MINIMIZE, "worst", [TTFT])
    measured = [level(key, {"e2e_mean": 1.0, "ttft_p99": 1.0}) for key in strict.levels]
    recorded = attempt(measured, failed(Phase.SLO, Cause.SLO))
    assert judge(recorded, strict).status is TrialStatus.FAILED
    assert judge(recorded, rules("e2e_mean", Goal.MINIMIZE, "worst")).value == 1.0


@pytest.mark.parametrize("at", ["worst", "mean", "goodput", "c=8"])
def test_a_recorded_error_rate_stands_when_no_level_tells_otherwise(at: str) -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, at, [Slo("e2e_mean", "e2e_mean", maximum=10.0)])
    judgement = judge(attempt([], failed(Phase.MEASURE, Cause.ERROR_RATE)), under)
    assert (judgement.status, judgement.severity) == (TrialStatus.FAILED, 0.5)


def test_levels_of_another_workload_do_not_count() -> None:
    under = rules(loads=[1, 8])
    other = rules(loads=[2, 16])
    assert judge(attempt(levels(other, "e2e_mean", [1, 2])), under).status is TrialStatus.UNMEASURED
