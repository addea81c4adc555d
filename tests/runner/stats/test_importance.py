"""Which parameters matter: on landscapes where one does and the others do not, and where nothing can be told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from runner.domain.parameters import Scalar, Values
from runner.stats.importance import FEWEST, Weight, for_failing, for_objective, grouped


def drawn(seed: int, trials: int) -> list[dict[str, Scalar]]:
    draw = random.Random(seed)
    return [
        {
            "threads": draw.choice((1, 2, 4, 8)),
            "batch-size": draw.randrange(64, 513),
            "cache-type": draw.choice(("f16", "q8_0", "q4_0")),
            "flash-attn": draw.random() < 0.5,
        }
        for _ in range(trials)
    ]


def by_threads(seed: int, trials: Sequence[Values]) -> list[float]:
    draw = random.Random(f"scores {seed}")  # the stream of `drawn` again would make noise that follows the parameters
    return [10.0 * float(trial["threads"]) + draw.gauss(0, 8) for trial in trials]


def named(weights: Sequence[Weight]) -> list[str]:
    return [weight.parameter for weight in weights if weight.matters]


@pytest.mark.parametrize("seed", range(5))
def test_the_one_that_decides_is_named_and_the_others_are_not(seed: int) -> None:
    trials = drawn(seed, 40)
    weights = for_objective(trials, by_threads(seed, trials))
    assert named(weights) == ["threads"]
    [threads] = [weight for weight in weights if weight.matters]
    assert threads.trials == 40
    assert threads.explained > 0.5
    assert max(threads.groups, key=lambda group: group.middle).what == "8"
    assert {weight.parameter for weight in weights} == {"threads", "batch-size", "cache-type", "flash-attn"}
    assert all(weight.explained == 0 and weight.beyond == ("threads",) for weight in weights if not weight.matters)


def test_an_optimum_in_the_middle_is_seen() -> None:
    trials: list[dict[str, Scalar]] = [{"batch-size": 64 + 11 * n} for n in range(40)]
    scores: list[float | None] = [-abs(float(trial["batch-size"]) - 280) for trial in trials]
    [weight] = for_objective(trials, scores)
    assert weight.matters
    assert len(weight.groups) == 4
    assert max(weight.groups, key=lambda group: group.middle).what in ("174 to 273", "284 to 383")


def test_a_second_one_is_asked_what_it_adds() -> None:
    trials = drawn(3, 60)
    scores: list[float | None] = [
        score + (40 if trial["flash-attn"] else 0) for trial, score in zip(trials, by_threads(3, trials), strict=True)
    ]
    first, second, *others = for_objective(trials, scores)
    assert (first.parameter, first.beyond) == ("threads", ())
    assert (second.parameter, second.beyond) == ("flash-attn", ("threads",))
    assert first.explained > second.explained > 0.1
    assert first.explained + second.explained <= 1
    assert not any(other.matters for other in others)


def test_what_only_goes_together_with_a_named_one_is_not_named() -> None:
    draw = random.Random("together")
    trials = drawn(5, 50)
    scores = by_threads(5, trials)
    for trial in trials:  # as a search that has found its threads, and keeps them beside one batch size
        trial["batch-size"] = 100 if (trial["threads"] == 8) == (draw.random() < 0.9) else 400
    assert named(for_objective(trials, scores)) == ["threads"]
    alone: list[dict[str, Scalar]] = [{"batch-size": trial["batch-size"]} for trial in trials]
    assert named(for_objective(alone, scores)) == ["batch-size"]


def test_noise_is_seldom_named_in_a_search_by_a_sampler_that_learns() -> None:
    """Late trials are near the best ones: parameters that do nothing go together with the one that does."""
    wrong = 0
    for seed in range(100):
        draw = random.Random(f"search {seed}")
        seen: list[tuple[float, dict[str, Scalar]]] = []
        for trial, values in enumerate(drawn(seed, 40)):
            if trial >= 10:
                best = sorted(seen, key=lambda one: -one[0])[: max(2, len(seen) // 5)]
                kept = draw.choice(best)[1]
                values = {name: value if draw.random() < 0.35 else kept[name] for name, value in values.items()}
            seen.append((10.0 * float(values["threads"]) + draw.gauss(0, 8), values))
        found = named(for_objective([values for _, values in seen], [score for score, _ in seen]))
        assert "threads" in found
        wrong += len(found) > 1
    assert wrong <= 10


def test_without_trials_enough_it_says_how_many_are_needed() -> None:
    trials = drawn(1, FEWEST - 1)
    weights = for_objective(trials, by_threads(1, trials))
    assert {weight.lacks for weight in weights} == {"too few trials: 19 succeeded, 20 are needed"}
    assert not named(weights)


@pytest.mark.parametrize(("scores", "lacks"), [
    ([5.0] * 30, "all scores are equal"),
    ([None] * 30, "no trial succeeded"),
    ([5.0] + [None] * 29, "too few trials: 1 succeeded, 20 are needed"),
])  # fmt: skip
def test_scores_that_tell_nothing_are_said_to(scores: list[float | None], lacks: str) -> None:
    assert {weight.lacks for weight in for_objective(drawn(2, 30), scores)} == {lacks}


def test_one_value_is_no_parameter_that_was_searched() -> None:
    trials: list[dict[str, Scalar]] = [{"threads": 4, "batch-size": 64 + n} for n in range(30)]
    weights = for_objective(trials, [float(n) for n in range(30)])
    assert [weight.parameter for weight in weights] == ["batch-size"]
    assert for_objective([{}], [1.0]) == ()
    assert for_objective([], []) == ()


def test_the_value_with_which_all_failed_leaves_nothing_to_compare() -> None:
    trials: list[dict[str, Scalar]] = [{"flash-attn": n % 2 == 0} for n in range(60)]
    scores = [float(n) if n % 2 == 0 else None for n in range(60)]
    [scoring] = for_objective(trials, scores)
    assert scoring.lacks == "all of them have the value true"
    [failing] = for_failing(trials, [score is None for score in scores])
    assert failing.matters
    assert failing.explained == 1.0


def test_a_conditional_parameter_is_judged_by_the_trials_that_set_it() -> None:
    draw = random.Random(9)
    trials: list[dict[str, Scalar]] = []
    scores: list[float | None] = []
    for n in range(60):
        values: dict[str, Scalar] = {"draft": n % 2 == 0, "threads": draw.choice((1, 2, 4))}
        if values["draft"]:
            values["draft-tokens"] = draw.choice((2, 4, 8))
        trials.append(values)
        scores.append(10 * float(values.get("draft-tokens", 3)) + draw.gauss(0, 5))
    weights = {weight.parameter: weight for weight in for_objective([{}, *trials], [None, *scores])}
    assert weights["draft-tokens"].matters
    assert weights["draft-tokens"].trials == 30
    assert sum(group.trials for group in weights["draft-tokens"].groups) == 30
    assert weights["threads"].trials == 60


def test_failing_is_judged_apart_from_the_score() -> None:
    trials = drawn(4, 60)
    scores = by_threads(4, trials)
    failed = [float(trial["batch-size"]) > 350 for trial in trials]
    told: list[float | None] = [None if bad else score for score, bad in zip(scores, failed, strict=True)]
    assert named(for_objective(trials, told)) == ["threads"]
    [weight, *others] = for_failing(trials, failed)
    assert weight.parameter == "batch-size"
    assert weight.matters
    assert not any(other.matters for other in others)
    worst = max(weight.groups, key=lambda group: group.middle)
    assert worst.middle == 1.0
    assert float(worst.what.split(" to ")[1]) > 450


@pytest.mark.parametrize(("failed", "lacks"), [
    ([False] * 30, "no trial failed"),
    ([True] * 30, "no trial succeeded"),
    ([True] * 4 + [False] * 26, "too few trials: 4 failed and 26 succeeded, 5 of each and 20 in all are needed"),
    ([True] * 9 + [False] * 9, "too few trials: 9 failed and 9 succeeded, 5 of each and 20 in all are needed"),
])  # fmt: skip
def test_failures_that_tell_nothing_are_said_to(failed: list[bool], lacks: str) -> None:
    assert {weight.lacks for weight in for_failing(drawn(2, len(failed)), failed)} == {lacks}


@pytest.mark.parametrize(("values", "names", "codes"), [
    ([1, 2, 2, 4], ("1", "2", "4"), [0, 1, 1, 2]),
    ([8, 7, 6, 5, 4, 3, 2, 1], ("1 to 2", "3 to 4", "5 to 6", "7 to 8"), [3, 3, 2, 2, 1, 1, 0, 0]),
    ([0.5] * 20 + [0.6, 0.7, 0.8, 0.9], ("0.5", "0.6 to 0.9"), [0] * 20 + [1] * 4),
    (["a", "a", "a", "b", "c"], ("a", "b or c"), [0, 0, 0, 1, 1]),
    ([True, True, True, False, False, False], ("false", "true"), [1, 1, 1, 0, 0, 0]),
    ([4, 4, 4, "auto", "auto", "auto"], ("4", "auto"), [0, 0, 0, 1, 1, 1]),
])  # fmt: skip
def test_values_go_into_groups(values: list[Any], names: tuple[str, ...], codes: list[int]) -> None:
    assert grouped(values) == (codes, names)


def test_the_same_trials_give_the_same_answer() -> None:
    trials = drawn(6, 45)
    assert for_objective(trials, by_threads(6, trials)) == for_objective(trials, by_threads(6, trials))
