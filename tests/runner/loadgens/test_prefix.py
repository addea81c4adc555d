"""Shared prefixes on the way that prompts really go: calibrated against a server, sent, and counted by it."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from runner.domain.campaign import LevelPlan, Scenario
from runner.domain.load import LoadKind, Prefix
from runner.domain.trial import Endpoint
from runner.loadgens._requests.asks import Asks
from runner.loadgens._requests.prompts import UNIQUE, WORDS, Calibration
from tests.runner.loadgens.driving import closed, job, run
from tests.runner.loadgens.test_prompts import counting, learn
from tests.runner.simulated.world import serving

LONG = Scenario("D(300,4)", "D", 300, 4)


def asks(prefix: Prefix | None, calibration: Calibration, position: int = 0, scenario: Scenario = LONG) -> Asks:
    plan = LevelPlan(position, scenario, LoadKind.CONCURRENCY, 4.0)
    work = replace(job(Endpoint("http://127.0.0.1:9", "nobody"), (plan,)), prefix=prefix)
    return Asks(work, plan, 1, calibration, None)


def prompts(made: Asks, count: int = 60) -> list[list[str]]:
    return [made.ask(number, "measure").prompt.split() for number in range(count)]


def common(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@pytest.mark.parametrize("split", [set(), {"community", "hour", "education"}])
def test_prompts_of_a_group_share_exactly_the_prefix_and_groups_do_not(split: set[str]) -> None:
    """By tokens of a vocabulary that may split words: the calibration drops those, so a word is a token."""
    count = counting(21, split)
    calibration, _ = learn(count, 300)
    made = prompts(asks(Prefix(length=120, groups=3), calibration))
    assert {count(" ".join(words)) for words in made} == {300}
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for words in made:
        groups.setdefault(tuple(words[:120]), []).append(words)
    assert len(groups) == 3
    for members in groups.values():
        assert min(common(a, b) for a in members for b in members if a is not b) == 120
        assert len({tuple(words[120 : 120 + UNIQUE]) for words in members}) == len(members)
    firsts = [list(group) for group in groups]
    assert max(common(a, b) for a in firsts for b in firsts if a is not b) < 5, "groups have nothing in common"


def test_a_ratio_goes_by_each_prompt() -> None:
    scenario = Scenario("U(100,400)/(4,4)", "U", 400, 4, prompt_min=100, output_min=4)
    made = prompts(asks(Prefix(ratio=0.5), Calibration(0, WORDS, True), scenario=scenario))
    longest = max(made, key=len)
    for words in made:
        half = round(0.5 * len(words))
        assert words[:half] == longest[:half]
        assert words[half : half + UNIQUE] != longest[half : half + UNIQUE] or words is longest


def test_levels_do_not_share_a_prefix_and_the_seed_repeats_it() -> None:
    words = Calibration(0, WORDS, True)
    first, second = (prompts(asks(Prefix(length=120), words, position), 2) for position in (0, 1))
    assert common(first[0], second[0]) < 5
    assert first == prompts(asks(Prefix(length=120), words, 0), 2)


def test_the_server_counts_what_was_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        work = replace(job(world.endpoint, closed(3, scenario=LONG), requests=12), prefix=Prefix(length=200, groups=2))
        ran = run(work, tmp_path)
    assert [(row.error, row.prompt_tokens) for row in ran.rows] == [(None, 300)] * 12
