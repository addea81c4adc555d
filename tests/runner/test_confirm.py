"""Who is measured again, in which order, and what the repeats say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from runner import verdict
from runner.confirm import JudgedTrial, confirm_targets, missing_attempts
from runner.domain.campaign import (
    Campaign,
    Confirm,
    Entry,
    Goal,
    Model,
    Objective,
    Scenario,
    Slo,
    Workload,
)
from runner.domain.failure import Cause, Failure, Outcome, Phase, Role, Verdict
from runner.domain.records import ComparisonFact
from runner.domain.trial import Attempt
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from runner.util.codec import from_json, to_json
from runner.verdict import comparisons
from tests import make
from tests.runner.scoring.facts import HOST, SCENARIO, attempt, failed, level

CAMPAIGN = Campaign(
    name="x",
    model=Model(id="m"),
    entries=(Entry("a", "simulated"), Entry("b", "simulated")),
    workload=Workload(scenarios=(Scenario(SCENARIO, "D", 100, 100),), loads=(1,)),
    objective=Objective("output_throughput", Goal.MAXIMIZE, "worst"),
    confirm=Confirm(top=2, repeats=3),
    version_sha256="0" * 64,
    search_key="key",
)
CRASH = failed(Phase.LOAD, Cause.OOM_LOAD)


def measured(
    trial: str,
    value: float | None,
    *,
    number: int = 0,
    entry: str = "a",
    searched: bool = True,
    repeat: int = 0,
    failure: Failure = CRASH,
    outcome: Outcome | None = None,
) -> Attempt:
    """`value` None: the attempt failed."""
    role = Role.CONFIRM if repeat else Role.SEARCH
    key = rules_of(CAMPAIGN).levels[0]
    shown = [] if value is None else [level(key, {"output_throughput": value, "ttft_p99": 0.1})]
    return attempt(
        shown,
        failure if value is None else None,
        outcome,
        trial=trial,
        number=number,
        role=role,
        values={"n": number} if searched else None,
        entry=entry,
        repeat=repeat,
    )


def judged(facts: Attempt) -> JudgedTrial:
    configuration = facts.configuration
    return JudgedTrial(
        facts.trial_id,
        facts.number,
        configuration.entry,
        configuration,
        configuration.is_default,
        judge(facts, rules_of(CAMPAIGN)),
    )


TRIALS = [
    judged(measured("default-a", 100, number=0, searched=False)),
    judged(measured("default-b", 90, number=1, entry="b", searched=False)),
    judged(measured("good", 120, number=2)),
    judged(measured("dead", None, number=3)),
    judged(measured("best", 130, number=4)),
]


def said(
    attempts: Sequence[Attempt], trials: Sequence[JudgedTrial] = TRIALS, campaign: Campaign = CAMPAIGN
) -> list[ComparisonFact]:
    return comparisons(campaign, trials, attempts, series=0, run_id="run")


def test_the_best_come_first_then_each_default() -> None:
    targets = confirm_targets(CAMPAIGN, TRIALS)
    assert [target.trial_id for target in targets] == ["best", "good", "default-a", "default-b"]


def test_a_default_among_the_best_is_measured_once() -> None:
    targets = confirm_targets(replace(CAMPAIGN, confirm=Confirm(top=5, repeats=3)), TRIALS)
    assert [target.trial_id for target in targets] == ["best", "good", "default-a", "default-b"]


@pytest.mark.parametrize("confirm", [Confirm(top=0, repeats=3), Confirm(top=2, repeats=0)])
def test_no_confirming_without_being_asked(confirm: Confirm) -> None:
    assert confirm_targets(replace(CAMPAIGN, confirm=confirm), TRIALS) == []
    assert comparisons(replace(CAMPAIGN, confirm=confirm), TRIALS, [], series=0, run_id="run") == []


def test_nothing_to_confirm_when_nothing_succeeded() -> None:
    assert confirm_targets(CAMPAIGN, [TRIALS[3]]) == []
    assert said([], [TRIALS[3]]) == []


def test_rounds_are_interleaved_and_each_begins_with_another() -> None:
    order = [(target.trial_id, repeat) for target, repeat in missing_attempts(CAMPAIGN, TRIALS, [])]
    assert order == [
        ("best", 1), ("good", 1), ("default-a", 1), ("default-b", 1),
        ("good", 2), ("default-a", 2), ("default-b", 2), ("best", 2),
        ("default-a", 3), ("default-b", 3), ("best", 3), ("good", 3),
    ]  # fmt: skip


def test_what_is_sealed_is_not_measured_again_but_a_host_fault_is() -> None:
    once = replace(CAMPAIGN, confirm=Confirm(top=2, repeats=1))
    done = [
        measured("best", 131, repeat=1),
        measured("good", None, repeat=1),
        measured("default-a", None, repeat=1, outcome=Outcome.INFRA),
        measured("default-b", 90, entry="b"),  # a search attempt, not a repeat
    ]
    left = [(target.trial_id, repeat) for target, repeat in missing_attempts(once, TRIALS, done)]
    assert left == [("default-a", 1), ("default-b", 1)]


def repeats(trial: str, values: Sequence[float | None], **more: object) -> list[Attempt]:
    entry = "b" if trial == "default-b" else "a"
    made = [measured(trial, value, repeat=i, entry=entry) for i, value in enumerate(values, 1)]
    return [replace(one, **more) for one in made]  # type: ignore[arg-type]


def test_the_confirmed_best_is_compared_with_each_default() -> None:
    """`good` turns out better than `best`: the search had been lucky once."""
    attempts = [
        *repeats("best", [112, 113, 111]),
        *repeats("good", [121, 120.8, 121.2]),
        *repeats("default-a", [100, 101, 99]),
        *repeats("default-b", [120.9, 120.7, 121.1]),
    ]
    facts = said(attempts)
    assert [(f.trial_a, f.trial_b, f.verdict) for f in facts] == [
        ("good", "default-a", Verdict.BETTER),
        ("good", "default-b", Verdict.INCONCLUSIVE),
        ("good", "best", Verdict.BETTER),
    ]
    assert facts[0].more_repeats is None
    assert facts[1].more_repeats is not None
    assert (facts[0].confidence, facts[0].at_most, facts[0].purpose) == (0.99, 3, "confirm")
    first = facts[0]
    assert first.repeats == 3
    assert first.client == "native"
    assert first.value_a == pytest.approx(121, rel=1e-3)
    assert first.low is not None
    assert first.log_ratio is not None
    assert first.low > 0.15
    assert first.unit == "tok/s"
    assert from_json(ComparisonFact, to_json(first)) == first


def test_a_finalist_that_fails_when_repeated_comes_after_one_that_does_not() -> None:
    attempts = [
        *repeats("best", [140, None, 140]),
        *repeats("good", [121, 120, 122]),
        *repeats("default-a", [100, 101, 99]),
    ]
    assert said(attempts)[0].trial_a == "good"


def test_a_default_that_fails_is_said_and_not_measured_again() -> None:
    trials = [judged(measured("default-a", None, searched=False)), TRIALS[4]]
    assert [target.trial_id for target in confirm_targets(CAMPAIGN, trials)] == ["best"]
    fact = said(repeats("best", [130, 131]), trials)[0]
    assert fact.verdict is Verdict.INCOMPARABLE
    assert fact.reason == "the default fails: oom_load"
    assert fact.log_ratio is None


def test_a_default_that_misses_the_slo_fails_too() -> None:
    campaign = replace(CAMPAIGN, slos=(Slo("ttft", "ttft_p99", maximum=0.05, hard=True),))
    facts = measured("default-a", 100, searched=False)
    default = replace(judged(facts), judgement=judge(facts, rules_of(campaign)))
    fact = said(repeats("best", [130, 131]), [default, TRIALS[4]])[0]
    assert fact.reason == "the default fails: slo"


def test_repeats_under_other_circumstances_are_not_compared() -> None:
    elsewhere = replace(HOST, host="another")
    attempts = [*repeats("best", [130, 131, 132]), *repeats("default-a", [100, 101, 99], host=elsewhere)]
    fact = said(attempts)[0]
    assert fact.verdict is Verdict.INCOMPARABLE
    assert fact.reason == "host differs: host / another"


def test_repeats_of_another_client_do_not_count() -> None:
    attempts = [
        *repeats("best", [130, 131, 132]),
        *repeats("default-a", [100, 101, 99], client="genai-bench"),
    ]
    assert said(attempts) == []


def test_a_pair_waits_for_its_second_repeat() -> None:
    assert said([*repeats("best", [130]), *repeats("default-a", [100])]) == []
    once = replace(CAMPAIGN, confirm=Confirm(top=2, repeats=1))
    fact = said([*repeats("best", [130]), *repeats("default-a", [100])], campaign=once)[0]
    assert fact.verdict is Verdict.INCOMPARABLE
    assert "two are needed" in fact.reason


def test_the_best_default_is_not_compared_with_itself() -> None:
    trials = TRIALS[:2]
    attempts = [*repeats("default-a", [100, 101, 99]), *repeats("default-b", [90, 91, 92])]
    assert [(f.trial_a, f.trial_b) for f in said(attempts, trials)] == [("default-a", "default-b")]


def test_gpus_that_took_no_part_are_no_circumstance() -> None:
    """A machine may get another GPU between two repeats; what was measured ran on the one of its placement."""
    mine, other = make.gpu_host(2).gpus
    alone = make.attempt(make.campaign(), 1, host=replace(make.gpu_host(), gpus=(mine,)))
    assert alone.placement is not None
    alone = replace(alone, placement=replace(alone.placement, gpus=(mine.uuid,)))
    beside = replace(alone, host=replace(make.gpu_host(), gpus=(replace(other, name="NVIDIA L4"), mine)))
    assert verdict.facts(alone)["gpu"] == verdict.facts(beside)["gpu"] == mine.name


OPEN = replace(CAMPAIGN, confirm=Confirm(top=2, repeats=3, at_most=8))
LEVEL = {"best": 121.0, "good": 120.0, "default-a": 100.0, "default-b": 90.0}


def confirmed_by(campaign: Campaign, at_once: int | None) -> list[tuple[str, int]]:
    """Every attempt in order; after `at_once` of them (None: all that are asked for) the run is killed and begun
    anew."""
    attempts: list[Attempt] = []
    while left := missing_attempts(campaign, TRIALS, attempts):
        for target, number in left[:at_once]:
            value = LEVEL[target.trial_id] * (1 + 0.01 * ((7 * number + target.number) % 5 - 2))
            attempts.append(measured(target.trial_id, value, repeat=number, entry=target.entry))
    return [(attempt.trial_id, attempt.repeat) for attempt in attempts]


def test_those_whose_order_is_open_go_on_alone() -> None:
    order = confirmed_by(OPEN, None)
    assert len(order) > 4 * 3, "the two finalists are not told apart by three"
    last = order[-1][1]
    assert 3 < last <= 8
    assert {trial for trial, number in order if number == last} == {"best", "good"}
    assert ("default-b", last) not in order


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_killed_run_confirms_what_an_uninterrupted_one_does(at_once: int) -> None:
    assert confirmed_by(OPEN, at_once) == confirmed_by(OPEN, None)


def test_repeats_alone_is_how_many_are_made() -> None:
    assert {number for _, number in confirmed_by(CAMPAIGN, None)} == {1, 2, 3}


def test_a_finalist_that_fails_does_not_keep_the_others_measuring() -> None:
    attempts = [
        *repeats("best", [121, None, 121]),
        *repeats("good", [120, 121, 119]),
        *repeats("default-a", [60, 61, 60]),
        *repeats("default-b", [60, 61, 60]),
    ]
    assert missing_attempts(OPEN, TRIALS, attempts) == []


def test_repeats_of_two_hosts_are_compared_within_each() -> None:
    there = replace(HOST, host="another")

    def both(trial: str, here: Sequence[float], elsewhere: Sequence[float]) -> list[Attempt]:
        made = repeats(trial, [*here, *elsewhere])
        return [*made[: len(here)], *(replace(one, host=there) for one in made[len(here) :])]

    attempts = [
        *both("best", [130, 131, 130.5], [260, 261, 260.5]),
        *both("default-a", [100, 101, 100.5], [200, 201, 200.5]),
    ]
    fact = next(f for f in said(attempts) if f.trial_b == "default-a")
    assert fact.verdict is Verdict.BETTER
    assert fact.log_ratio is not None
    assert fact.log_ratio == pytest.approx(0.26, abs=0.02)
