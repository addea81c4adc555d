"""How much each parameter decides whether a trial is among the best: PED-ANOVA, computed by Optuna.

S. Watanabe, A. Bansal, F. Hutter, PED-ANOVA (IJCAI 2023, arXiv:2304.10255); for conditional parameters Conditional
PED-ANOVA (KDD 2026, arXiv:2601.20800). It compares how the best trials are spread over a parameter's values with how
all of them are. It always gives a number, for noise too: ask it of what `importance` has told apart from chance.

A parameter goes to Optuna by what was tried: numbers by their place among the values that occur, so that no scale has
to be known, everything else as words.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from runner.domain.parameters import Scalar, Values
from runner.stats.failing import spelled

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

TOP = 0.1
"""Share of the trials that counts as the best, and Optuna's default."""
FEWEST_TOP = 5
"""At least so many are the best ones, as Optuna's documentation advises: of 20 trials the best quarter."""


def shares(
    trials: Sequence[Values], scores: Sequence[float], names: Sequence[str], *, higher_is_better: bool
) -> dict[str, float]:
    """Name -> importance, in [0, 1], adding up to 1. `trials` succeeded and are of one entry, `scores` are theirs, and
    each of `names` has two values in them. Empty where so many share the best score that there is no best part."""
    if not names or len(trials) <= FEWEST_TOP:
        return {}
    losses = [-score if higher_is_better else score for score in scores]
    quantile = max(TOP, FEWEST_TOP / len(trials))
    if sorted(losses)[math.ceil(quantile * len(losses)) - 1] == max(losses):
        return {}
    return _evaluated(trials, losses, names, quantile)


def _evaluated(
    trials: Sequence[Values], losses: Sequence[float], names: Sequence[str], quantile: float
) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    told: list[dict[str, Any]] = [{} for _ in trials]
    kinds: dict[str, BaseDistribution] = {}
    for name in names:
        rows = [row for row, trial in enumerate(trials) if name in trial]
        kinds[name], values = _told([trials[row][name] for row in rows])
        for row, value in zip(rows, values, strict=True):
            told[row][name] = value
    study = _study(told, kinds, losses)
    with warnings.catch_warnings():
        # One trial, an entry's default, has not set the parameter: Optuna leaves that regime out, and says so.
        warnings.filterwarnings("ignore", message="Some regimes for parameter", category=UserWarning)
        found = get_param_importances(
            study, evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile), params=list(names)
        )
    return {name: found[name] for name in names}


def _told(values: Sequence[Scalar]) -> tuple[BaseDistribution, list[int] | list[str]]:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    numbers = [value for value in values if not isinstance(value, bool | str)]
    if len(numbers) == len(values):
        distinct = sorted(set(numbers))
        places = {number: place for place, number in enumerate(distinct)}
        return IntDistribution(0, len(distinct) - 1), [places[number] for number in numbers]
    words = [spelled(value) for value in values]
    return CategoricalDistribution(sorted(set(words))), words


def _study(told: Sequence[Mapping[str, Any]], kinds: Mapping[str, BaseDistribution], losses: Sequence[float]) -> Study:
    from optuna.trial import FrozenTrial, TrialState

    trials = [
        FrozenTrial(
            number=number,
            trial_id=number,
            state=TrialState.COMPLETE,
            value=loss,
            datetime_start=None,
            datetime_complete=None,
            params=dict(params),
            distributions={name: kinds[name] for name in params},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        for number, (params, loss) in enumerate(zip(told, losses, strict=True))
    ]
    study: Study = _given()(trials)
    return study


@cache
def _given() -> Any:
    """A study over trials as they are. `Study.add_trial` copies each one deeply into its storage, and that takes as
    long as the evaluation: too long for the pages of a thousand campaigns."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.InMemoryStorage()
    name = optuna.create_study(storage=storage, direction="minimize").study_name

    class Given(optuna.Study):
        def __init__(self, trials: list[FrozenTrial]) -> None:
            super().__init__(name, storage)
            self._given = trials

        def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
            return self._given

    return Given
