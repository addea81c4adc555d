"""Rules come from a campaign, travel as JSON, and have one id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.campaign import (
    Campaign,
    Entry,
    Goal,
    LoadKind,
    Model,
    Objective,
    Scenario,
    Slo,
    Workload,
)
from runner.domain.ids import canonical
from runner.scoring.ascent import Ascent, after_level
from runner.scoring.levels import parse_at
from runner.scoring.rules import rules_from_plain, rules_id, rules_of, rules_to_plain
from tests.runner.scoring.facts import SCENARIO, level, rules

CAMPAIGN = Campaign(
    name="x",
    model=Model(id="m"),
    entries=(Entry("a", "simulated"),),
    workload=Workload(scenarios=(Scenario(SCENARIO, "D", 100, 100),), loads=(8, 1)),
    objective=Objective("ttft_p99", Goal.MINIMIZE, "worst"),
    slos=(Slo("b", "ttft_p99", maximum=1), Slo("a", "e2e_p50", maximum=2.0, hard=True)),
)


def test_rules_go_to_json_and_back() -> None:
    made = rules_of(CAMPAIGN)
    plain = rules_to_plain(made)
    canonical(plain)
    assert rules_from_plain(plain) == made
    assert [(key.position, key.load_value) for key in made.levels] == [(0, 1.0), (1, 8.0)]
    assert made.levels[0].load_kind is LoadKind.CONCURRENCY


def test_the_id_changes_with_the_meaning_and_with_nothing_else() -> None:
    base = rules_id(rules_of(CAMPAIGN))
    swapped = replace(CAMPAIGN, slos=tuple(reversed(CAMPAIGN.slos)))
    floats = replace(CAMPAIGN, slos=(Slo("b", "ttft_p99", maximum=1.0), CAMPAIGN.slos[1]))
    stricter = replace(CAMPAIGN, slos=(Slo("b", "ttft_p99", maximum=0.9), CAMPAIGN.slos[1]))
    assert rules_id(rules_of(swapped)) == base
    assert rules_id(rules_of(floats)) == base
    assert rules_id(rules_of(replace(CAMPAIGN, name="y", description="z"))) == base
    assert rules_id(rules_of(stricter)) != base


@pytest.mark.parametrize("text", ["best", "c=", "c=x", "q=3", "c=inf", ""])
def test_an_unknown_at_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="goodput"):
        parse_at(text)


HARD = Slo("ttft_p99", "ttft_p99", maximum=0.5, hard=True)
SOFT = Slo("ttft_p99", "ttft_p99", maximum=0.5)


@pytest.mark.parametrize(
    ("at", "slo", "position", "expected"),
    [
        ("worst", HARD, 0, Ascent.STOP),
        ("worst", SOFT, 0, Ascent.GO_ON),
        ("goodput", SOFT, 0, Ascent.STOP),
        ("goodput", SOFT, 1, Ascent.STOP),
        ("c=8", HARD, 0, Ascent.GO_ON),
        ("c=8", HARD, 1, Ascent.STOP),
    ],
)
def test_the_ascent_ends_where_it_is_decided(at: str, slo: Slo, position: int, expected: Ascent) -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, at, [slo])
    missed = level(under.levels[position], {"e2e_mean": 1.0, "ttft_p99": 0.6})
    assert after_level(missed, under) is expected
    met = level(under.levels[position], {"e2e_mean": 1.0, "ttft_p99": 0.4})
    assert after_level(met, under) is Ascent.GO_ON


def test_a_miss_in_one_scenario_leaves_the_next_one_to_measure() -> None:
    under = rules("e2e_mean", Goal.MINIMIZE, "goodput", [SOFT], [1, 8], [SCENARIO, "D(10,10)"])
    missed = [level(key, {"e2e_mean": 1.0, "ttft_p99": 0.6}) for key in under.levels]
    assert [after_level(one, under) for one in missed] == [
        Ascent.STOP, Ascent.GO_ON, Ascent.STOP, Ascent.STOP,
    ]  # fmt: skip
