"""Importance by Optuna: the number is Optuna's own, told by what was tried."""

from __future__ import annotations

import random
import warnings

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from runner.domain.parameters import Scalar
from runner.stats.ped_anova import shares


def drawn(trials: int) -> tuple[list[dict[str, Scalar]], list[float]]:
    draw = random.Random(2)
    made: list[dict[str, Scalar]] = [
        {"threads": draw.choice((1, 2, 4, 8)), "batch-size": draw.randrange(64, 513), "cache": draw.choice(("a", "b"))}
        for _ in range(trials)
    ]
    return made, [10.0 * float(values["threads"]) + draw.gauss(0, 8) for values in made]


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_one_that_decides_has_most_of_it(higher_is_better: bool) -> None:
    trials, scores = drawn(40)
    found = shares(trials, scores, ["threads", "batch-size", "cache"], higher_is_better=higher_is_better)
    assert sum(found.values()) == pytest.approx(1)
    assert found["threads"] > 0.6


def test_it_is_the_number_of_a_study_that_optuna_made_itself() -> None:
    trials, scores = drawn(40)
    study = optuna.create_study(direction="maximize")
    sizes = sorted({int(trial["batch-size"]) for trial in trials})
    kinds = {
        "threads": optuna.distributions.IntDistribution(0, 3),
        "batch-size": optuna.distributions.IntDistribution(0, len(sizes) - 1),
        "cache": optuna.distributions.CategoricalDistribution(["a", "b"]),
    }
    for trial, score in zip(trials, scores, strict=True):
        params = {
            "threads": (1, 2, 4, 8).index(int(trial["threads"])),
            "batch-size": sizes.index(int(trial["batch-size"])),
            "cache": trial["cache"],
        }
        study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=score))
    theirs = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=5 / 40))
    assert shares(trials, scores, list(kinds), higher_is_better=True) == pytest.approx(theirs)


def test_a_parameter_that_some_trials_have_not_set_warns_nobody() -> None:
    trials, scores = drawn(40)
    del trials[7]["cache"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = shares([{}, *trials], [1.0, *scores], ["threads", "cache"], higher_is_better=True)
    assert found["threads"] > found["cache"] >= 0


def test_there_is_no_best_part_where_nearly_all_are_the_best() -> None:
    trials, scores = drawn(30)
    assert shares(trials, [7.0] * 30, ["threads"], higher_is_better=True) == {}
    assert shares(trials, [9.0, 8.0] + [7.0] * 28, ["threads"], higher_is_better=True) == {}
    assert shares(trials[:5], scores[:5], ["threads"], higher_is_better=True) == {}
    assert shares(trials, scores, [], higher_is_better=True) == {}
