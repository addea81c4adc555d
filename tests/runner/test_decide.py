"""What comes next follows from the records alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.campaign.load import load
from runner.decide import Later, Over, SoFar, Step, baselines, next_step
from runner.domain.campaign import Campaign, Quality
from runner.domain.failure import Cause, EndReason, Failure, Outcome, Phase, Role
from runner.domain.ids import trial_id
from runner.domain.trial import Attempt, Configuration
from runner.lineage import Lineage
from tests.make import attempt as make_attempt

CAMPAIGN = """\
tunebook: 1
name: decide
model: {id: simulated/tiny}
runtimes:
  - {name: b, runtime: simulated, flags: {threads: 1}, space: {block-size: [8, 16, 32]}}
  - {name: a, runtime: simulated, flags: {threads: 2}, space: {block-size: [8, 16, 32]}}
workload: {scenarios: ["D(100,20)"], load: {concurrency: [1]}}
objective: {metric: output_throughput}
search: {sampler: random, trials: 6, seed: 5}
"""


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    path = tmp_path / "decide.yaml"
    path.write_text(CAMPAIGN, encoding="utf-8")
    return load(path)


def test_the_default_of_the_guard_s_reference_goes_first(campaign: Campaign) -> None:
    """All others are compared with its answers."""
    guarded = replace(campaign, quality=Quality("a"))
    assert [entry.name for entry in baselines(campaign)] == ["b", "a"]
    assert [entry.name for entry in baselines(guarded)] == ["a", "b"]
    first = next_step(guarded, Lineage.of(guarded, 0, []), SoFar())
    assert isinstance(first, Step)
    assert (first.number, first.configuration.entry, first.configuration.is_default) == (0, "a", True)
    assert baselines(replace(campaign, search=replace(campaign.search, baseline=False))) == []


def sealed(
    campaign: Campaign, number: int, configuration: Configuration, outcome: Outcome = Outcome.MEASURED
) -> Attempt:
    failure = Failure(Phase.LOAD, Cause.PORT, "taken") if outcome is Outcome.INFRA else None
    made = make_attempt(campaign)
    return replace(
        made,
        trial_id=trial_id(campaign.search_key, 0, configuration.fingerprint),
        number=number,
        role=Role.BASELINE if configuration.is_default else Role.SEARCH,
        configuration=configuration,
        outcome=outcome,
        failure=failure,
        search_key=campaign.search_key,
        series=0,
    )


def step(campaign: Campaign, attempts: list[Attempt], so_far: SoFar | None = None) -> Step | Later | Over:
    return next_step(campaign, Lineage.of(campaign, 0, attempts), so_far or SoFar())


def played(campaign: Campaign, steps: int) -> list[Attempt]:
    """So many steps, each sealed as measured."""
    attempts: list[Attempt] = []
    for _ in range(steps):
        found = step(campaign, attempts)
        assert isinstance(found, Step)
        attempts.append(sealed(campaign, found.number, found.configuration))
    return attempts


def test_defaults_come_first_one_per_entry_in_the_order_of_the_file(campaign: Campaign) -> None:
    attempts = played(campaign, 3)
    assert [(a.number, a.configuration.entry, a.configuration.is_default) for a in attempts[:2]] == [
        (0, "b", True),
        (1, "a", True),
    ]
    assert not attempts[2].configuration.is_default


def test_a_default_that_ran_is_not_deployed_again_when_the_entries_change_places(campaign: Campaign) -> None:
    first = played(campaign, 1)
    turned = replace(campaign, entries=tuple(reversed(campaign.entries)))
    found = step(turned, first)
    assert isinstance(found, Step)
    assert (found.number, found.configuration.entry) == (1, "a")


def test_no_fingerprint_twice(campaign: Campaign) -> None:
    attempts = played(campaign, 6)
    assert len({a.configuration.fingerprint for a in attempts}) == 6
    over = step(campaign, attempts)
    assert isinstance(over, Over)
    assert over.reason is EndReason.TRIALS


def test_a_record_taken_out_of_the_middle_leaves_a_number_to_fill(campaign: Campaign) -> None:
    attempts = played(campaign, 4)
    found = step(campaign, attempts[:2] + attempts[3:])
    assert isinstance(found, Step)
    assert found.number == 2


def test_an_unjudged_number_comes_first_with_its_own_configuration_and_only_so_often(campaign: Campaign) -> None:
    attempts = played(campaign, 3)
    attempts[1] = sealed(campaign, 1, attempts[1].configuration, Outcome.INFRA)
    found = step(campaign, attempts)
    assert found == Step(1, attempts[1].configuration)
    tired = step(campaign, attempts, SoFar(host_faults={1: 3}))
    assert isinstance(tired, Step)
    assert tired.number == 3


def test_three_numbers_given_up_end_the_run_as_an_error(campaign: Campaign) -> None:
    attempts = [sealed(campaign, a.number, a.configuration, Outcome.INFRA) for a in played(campaign, 3)]
    over = step(campaign, attempts, SoFar(host_faults={0: 3, 1: 3, 2: 3}))
    assert isinstance(over, Over)
    assert over.reason is EndReason.ERROR


def test_a_slice_is_cut_short_and_a_spent_budget_is_not(campaign: Campaign) -> None:
    attempts = played(campaign, 2)
    cut = step(campaign, attempts, SoFar(trials_left=0))
    assert isinstance(cut, Over)
    assert cut.cut_short
    spent = replace(campaign, budget=replace(campaign.budget, wall=10.0))
    over = step(spent, attempts, SoFar(seconds=10.0))
    assert isinstance(over, Over)
    assert (over.reason, over.cut_short) == (EndReason.WALL, False)


def test_a_space_that_holds_nothing_new_ends_the_search(campaign: Campaign) -> None:
    many = replace(campaign, search=replace(campaign.search, trials=100))
    attempts = played(many, 8)  # two defaults and 2 x 3 points
    over = step(many, attempts)
    assert isinstance(over, Over)
    assert over.reason is EndReason.CONVERGED


def test_the_same_records_give_the_same_step(campaign: Campaign) -> None:
    for sampler in ("random", "grid", "tpe"):
        one = replace(campaign, search=replace(campaign.search, sampler=sampler))
        attempts = played(one, 5)
        for number in range(2, 5):
            again = step(one, attempts[:number])
            assert isinstance(again, Step)
            assert again.configuration == attempts[number].configuration


def filled(campaign: Campaign, attempts: list[Attempt], slots: int) -> dict[int, Configuration]:
    """What runs at once, by trial number, when so many slots are free."""
    pending: dict[int, Configuration] = {}
    for _ in range(slots):
        found = step(campaign, attempts, SoFar(pending=pending))
        assert isinstance(found, Step)
        pending[found.number] = found.configuration
    return pending


@pytest.mark.parametrize("sampler", ["random", "grid", "tpe"])
def test_what_runs_in_other_slots_is_not_proposed_again(campaign: Campaign, sampler: str) -> None:
    many = replace(campaign, search=replace(campaign.search, sampler=sampler, trials=20, startup=2))
    attempts = played(many, 4)
    pending = filled(many, attempts, 4)  # of 3 points of each of two entries
    assert list(pending) == [4, 5, 6, 7]
    known = [one.configuration.fingerprint for one in attempts] + [one.fingerprint for one in pending.values()]
    assert len(set(known)) == 8
    over = step(many, attempts, SoFar(pending=pending))
    assert isinstance(over, Over)
    assert over.reason is EndReason.CONVERGED


def test_no_more_run_than_trials_are_left(campaign: Campaign) -> None:
    attempts = played(campaign, 4)
    over = step(campaign, attempts, SoFar(pending=filled(campaign, attempts, 2)))
    assert isinstance(over, Over)
    assert over.reason is EndReason.TRIALS


def test_a_number_that_is_being_tried_again_is_not_given_twice(campaign: Campaign) -> None:
    attempts = played(campaign, 2)
    broken = [attempts[0], sealed(campaign, 1, attempts[1].configuration, Outcome.INFRA)]
    assert list(filled(campaign, broken, 2)) == [1, 2]


def test_nothing_runs_beside_the_default_that_all_answers_are_compared_with(campaign: Campaign) -> None:
    guarded = replace(campaign, quality=Quality("a"))
    pending = filled(guarded, [], 1)
    assert [(one.entry, one.is_default) for one in pending.values()] == [("a", True)]
    assert step(guarded, [], SoFar(pending=pending)) == Later()
