"""Which question `run --only best` asks, of whom, and when it needs no asking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.batch import picked
from runner.campaign.load import load
from runner.capacity import known_capacity, searching
from runner.domain.campaign import Campaign, Slo
from runner.domain.failure import Outcome, Role
from runner.domain.load import LoadKind, LoadSearch
from runner.domain.trial import Attained
from runner.errors import UsageError
from runner.order import workload_key
from runner.scoring.aggregate import limits_of
from runner.scoring.rules import rules_of
from tests.runner.scoring.facts import attempt, level, rules

SLO = Slo("ttft_p99", "ttft_p99", maximum=0.5, hard=True)


@pytest.fixture
def listed(tmp_path: Path) -> Campaign:
    path = tmp_path / "listed.yaml"
    path.write_text(
        "tunebook: 1\nname: listed\nmodel: {id: a/b}\nruntimes: [{runtime: simulated}]\n"
        'workload: {scenarios: ["D(8,8)"], load: {concurrency: [2, 8]}}\n'
        "objective: {metric: output_throughput, at: c=8}\nslo: {ttft_p99: {max: 500ms, hard: true}}\n",
        encoding="utf-8",
    )
    return load(path)


def test_a_listed_load_is_searched_around_its_list(listed: Campaign) -> None:
    wanted = searching(listed)
    assert wanted.workload.load_search == LoadSearch(2, 32)
    assert (wanted.objective.at, wanted.objective.attainment) == ("goodput", 0.95)
    assert wanted.search_key == listed.search_key
    assert workload_key(wanted) != workload_key(listed)
    assert rules_of(wanted).levels == ()


def test_a_campaign_that_searches_is_asked_its_own_question(listed: Campaign) -> None:
    own = LoadSearch(1, 100, 12)
    objective = replace(listed.objective, at="goodput", attainment=0.8)
    wanted = searching(replace(listed, workload=replace(listed.workload, load_search=own), objective=objective))
    assert wanted.workload.load_search == own
    assert wanted.objective.attainment == 0.8


def test_without_limits_or_with_a_load_that_is_no_number_of_users_there_is_no_question(listed: Campaign) -> None:
    with pytest.raises(UsageError, match="has no slo"):
        searching(replace(listed, slos=()))
    bursts = replace(listed.workload, load_kind=LoadKind.BURST)
    with pytest.raises(UsageError, match="burst"):
        searching(replace(listed, workload=bursts))


def test_what_was_asked_before_is_known_until_a_limit_changes(listed: Campaign) -> None:
    wanted = searching(listed)
    one = level(rules().levels[0], {"output_throughput": 1.0})
    counted = replace(one, attained=Attained(50, 50, limits_of(wanted.slos)))
    asked = replace(attempt([counted], role=Role.CAPACITY), workload_key=workload_key(wanted))
    assert known_capacity((asked,), asked.trial_id, wanted) == asked
    assert known_capacity((asked,), "another", wanted) is None
    assert known_capacity((replace(asked, role=Role.SEARCH),), asked.trial_id, wanted) is None
    assert known_capacity((replace(asked, outcome=Outcome.INFRA),), asked.trial_id, wanted) is None
    stricter = replace(wanted, slos=(replace(SLO, maximum=0.25),))
    assert known_capacity((asked,), asked.trial_id, stricter) is None


def test_best_is_a_word_and_other_names_are_names(listed: Campaign) -> None:
    files = [(Path("a.yaml"), listed), (Path("b.yaml"), replace(listed, name="other"))]
    assert picked(files, ()) == (files, False)
    assert picked(files, ("best",)) == (files, True)
    assert picked(files, ("best", "other")) == (files[1:], True)
    assert picked(files, ("listed",)) == (files[:1], False)
    with pytest.raises(UsageError, match="called so"):
        picked([(Path("c.yaml"), replace(listed, name="best"))], ("best",))
