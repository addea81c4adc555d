"""Prompts of exact length without a tokenizer: against counters that split words as real vocabularies do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.campaign import Scenario
from runner.loadgens._requests.lengths import lengths
from runner.loadgens._requests.prompts import UNCALIBRATED, UNIQUE, WORDS, Calibration, Prompts, calibrate


def counting(overhead: int, split: set[str]) -> Callable[[str], int]:
    """A tokenizer in which the words of `split` are two tokens when a space stands before them."""

    def count(text: str) -> int:
        _first, *rest = text.split(" ")
        return overhead + 1 + sum(2 if word in split else 1 for word in rest)

    return count


def learn(count: Callable[[str], int | None], longest: int = 500) -> tuple[Calibration, int]:
    asked = 0

    async def probe(text: str) -> int | None:
        nonlocal asked
        asked += 1
        return count(text)

    return asyncio.run(calibrate(probe, longest)), asked


@settings(deadline=None, max_examples=50)
@given(
    overhead=st.integers(0, 60),
    split=st.sets(st.sampled_from(WORDS[1:]), max_size=4),
    tokens=st.integers(1, 3000),
    longest=st.integers(30, 2000),
)
def test_lengths_are_exact_whatever_words_the_vocabulary_splits(
    overhead: int, split: set[str], tokens: int, longest: int
) -> None:
    count = counting(overhead, split)
    calibration, _ = learn(count, longest)
    text = Prompts(calibration, 7).text(tokens, "any")
    if calibration.exact:
        assert not split & set(calibration.words)
        assert count(text) == max(tokens, overhead + 1)


def test_a_good_vocabulary_costs_two_probes() -> None:
    calibration, asked = learn(counting(31, set()))
    assert calibration == Calibration(31, WORDS, True)
    assert asked == 2


def test_bad_words_are_found_with_few_probes() -> None:
    bad = {"community", "education", "hour"}
    calibration, asked = learn(counting(9, bad))
    assert calibration.exact
    assert bad.isdisjoint(calibration.words)
    assert asked <= 26


def test_no_probe_is_longer_than_the_prompts_of_the_level() -> None:
    longest = 0

    def count(text: str) -> int:
        nonlocal longest
        tokens = counting(31, set())(text)
        longest = max(longest, tokens)
        return tokens

    calibration, _ = learn(count, 64)
    assert calibration.exact
    assert longest <= 64


def test_a_vocabulary_that_splits_everything_is_admitted_to_be_unknown() -> None:
    calibration, asked = learn(counting(5, set(WORDS)))
    assert not calibration.exact
    assert asked <= 30


def test_without_usage_there_is_no_calibration() -> None:
    assert learn(lambda _text: None) == (UNCALIBRATED, 1)


def test_prompts_differ_at_their_start_and_repeat_with_the_seed() -> None:
    prompts = Prompts(Calibration(0, WORDS, True), 7)
    starts = {tuple(prompts.text(100, f"{n}").split()[: 1 + UNIQUE]) for n in range(1000)}
    assert len(starts) == 1000
    assert prompts.text(100, "a") == Prompts(Calibration(0, WORDS, True), 7).text(100, "a")
    assert len(prompts.text(9000, "a").split()) == 9000


def test_words_are_distinct() -> None:
    assert len(set(WORDS)) == len(WORDS)


@given(st.integers(1, 500), st.integers(0, 100), st.text(max_size=5))
def test_normal_lengths_stay_within_what_a_slot_is_planned_for(mean: int, deviation: int, seed: str) -> None:
    scenario = Scenario("N", "N", mean, mean, prompt_sd=deviation, output_sd=deviation)
    prompt, output = lengths(scenario, seed)
    assert prompt >= 1
    assert output >= 2
    assert prompt + output <= max(scenario.longest, 3)


def test_uniform_lengths_reach_both_ends() -> None:
    scenario = Scenario("U", "U", 12, 4, prompt_min=10, output_min=3)
    found = {lengths(scenario, f"{n}") for n in range(200)}
    assert found == {(p, o) for p in (10, 11, 12) for o in (3, 4)}


def test_an_unknown_scenario_is_said() -> None:
    with pytest.raises(ValueError, match="has no lengths"):
        lengths(Scenario("dataset", "dataset", 0, 0), "0")
