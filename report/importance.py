"""Which parameters of a campaign matter, from the rows of the query `trials`: for the score, and apart, for failing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from report.phrases import percent
from runner.stats import ped_anova
from runner.stats.importance import Weight, for_failing, for_objective

Row: TypeAlias = Mapping[str, Any]
OBJECTIVE, FAILING = "objective", "failing"


@dataclass(frozen=True, slots=True)
class Importance:
    """One parameter of one entry and what it decides: `outcome` is OBJECTIVE or FAILING. `share` in [0, 1] is that of
    PED-ANOVA, for the objective, among the parameters that matter. `at` names the values with the best score, or those
    that failed most, and how many of them did."""

    outcome: str
    entry: str
    weight: Weight
    share: float | None = None
    at: str | None = None


def importances(trials: Sequence[Row], goal: str) -> tuple[Importance, ...]:
    """Of each entry in turn, what was searched: parameters that matter first. `goal` of the objective. Trials that were
    judged by nothing but faults of the machinery say nothing."""
    judged = tuple(
        (row["entry"], row["params_json"], row["score"], row["status"] == "failed")
        for row in trials
        if row["status"] != "unmeasured"
    )
    return _importances(judged, goal == "maximize")


@lru_cache(maxsize=2)
def _importances(
    judged: tuple[tuple[str, str, float | None, bool], ...], higher_is_better: bool
) -> tuple[Importance, ...]:
    """Asked twice for each page, by its figures and by its table."""
    found: list[Importance] = []
    for entry in dict.fromkeys(row[0] for row in judged):
        mine = [row for row in judged if row[0] == entry]
        trials = [json.loads(row[1]) for row in mine]
        scores = [row[2] for row in mine]
        found += _objective(entry, trials, scores, higher_is_better)
        found += _failing(entry, trials, [row[3] for row in mine])
    return tuple(found)


def _objective(
    entry: str, trials: Sequence[dict[str, Any]], scores: Sequence[float | None], higher: bool
) -> list[Importance]:
    weights = for_objective(trials, scores)
    scored = [(trial, score) for trial, score in zip(trials, scores, strict=True) if score is not None]
    shares = ped_anova.shares(
        [trial for trial, _ in scored],
        [score for _, score in scored],
        [weight.parameter for weight in weights if weight.matters],
        higher_is_better=higher,
    )
    made = []
    for weight in weights:
        best = max(weight.groups, key=lambda group: group.middle if higher else -group.middle, default=None)
        at = best.what if best else None
        made.append(Importance(OBJECTIVE, entry, weight, shares.get(weight.parameter), at))
    return made


def _failing(entry: str, trials: Sequence[dict[str, Any]], failed: Sequence[bool]) -> list[Importance]:
    made = []
    for weight in for_failing(trials, failed):
        worst = max(weight.groups, key=lambda group: group.middle, default=None)
        at = f"{worst.what}: {round(worst.middle * worst.trials)} of {worst.trials}" if worst else None
        made.append(Importance(FAILING, entry, weight, None, at))
    return made


def said(one: Importance) -> str:
    """What is known of it, in words and with its numbers."""
    weight = one.weight
    if weight.lacks is not None:
        return weight.lacks
    if not weight.matters:
        return f"not told apart from chance ({percent(weight.chance)})"
    beyond = f" beyond {' and '.join(weight.beyond)}" if weight.beyond else ""
    text = f"explains {percent(weight.explained)}{beyond}, chance {percent(weight.chance)}"
    return text if one.share is None else f"{percent(one.share)}; {text}"


def by_parameter(found: Sequence[Importance]) -> list[tuple[str, str, Importance, Importance]]:
    """Entry, parameter, what it is for the objective and what for failing: a line of the table for each parameter of
    which at least one of the two could be asked."""
    of = {(one.outcome, one.entry, one.weight.parameter): one for one in found}
    keys = dict.fromkeys((one.entry, one.weight.parameter) for one in found if one.weight.lacks is None)
    return [(*key, of[OBJECTIVE, *key], of[FAILING, *key]) for key in keys]
