"""What a reader should doubt, said before anything is shown: too few repeats, busy machines, results withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import phrases
from runner.domain.metrics import metric_ref
from runner.render.comparison import change_text, more_text

Row = Mapping[str, Any]
Data = Mapping[str, Sequence[Row]]

STEAL = 0.05
"""A share of stolen CPU time above this can move a number by more than the difference one looks for."""


FEW = 3
"""Repeats below which a verdict is one of very few."""


CHECKED = (
    "campaigns", "comparisons", "compared_levels", "failures", "level_warnings", "retractions", "setbacks", "trials",
)  # fmt: skip
"""The queries whose rows are looked at."""


class Inconsistent(ValueError):
    """Two queries disagree about the same thing: a defect, and no site is better than a wrong one."""


def check(data: Data) -> dict[str, list[str]]:
    """Campaign -> what to doubt in it, in sentences. Raises Inconsistent."""
    for campaign in data["campaigns"]:
        _agree(campaign, data)
    return {campaign["campaign"]: _doubts(campaign, data) for campaign in data["campaigns"]}


def _agree(campaign: Row, data: Data) -> None:
    name = campaign["campaign"]
    metric_ref(campaign["objective"])
    for query, column in (("trials", "trials"), ("failures", "failed")):
        rows = sum(row["campaign"] == name for row in data[query])
        if rows != campaign[column]:
            raise Inconsistent(f"campaign {name!r}: {campaign[column]} {column}, but {rows} rows of {query}")


def _doubts(campaign: Row, data: Data) -> list[str]:
    def mine(query: str) -> list[Row]:
        return [row for row in data[query] if row["campaign"] == campaign["campaign"]]

    doubts = []
    if campaign["best_number"] is not None and campaign["best_basis"] != "confirmed":
        doubts.append(
            'The best trial was measured once. A block "confirm:" in the campaign file repeats it beside the defaults.'
        )
    doubts += _compared([row for row in mine("comparisons") if row["number_a"] == campaign["best_number"]])
    doubts += _machine(mine("compared_levels"))
    return doubts + _warned(mine("level_warnings")) + _setbacks(mine("setbacks"), mine("retractions"))


def _compared(comparisons: Sequence[Row]) -> list[str]:
    doubts = []
    for row in comparisons:
        if row["verdict"] in ("inconclusive", "incomparable"):
            pair = f"Trial {row['number_a']} against trial {row['number_b']}"
            more = f" ({more_text(row['more_repeats'])})" if row["more_repeats"] else ""
            doubts.append(f"{pair}: {row['verdict']}, {row['reason']}{more}.")
    few = [row["repeats"] for row in comparisons if row["log_ratio"] is not None and row["repeats"] < FEW]
    if few:
        doubts.append(
            f"Only {phrases.count(min(few), 'repeat')} of each: how much one repeat scatters is hardly known."
        )
    drifted = [row for row in comparisons if row["drift"] is not None and row["drift_low"] * row["drift_high"] > 0]
    if drifted:
        row = drifted[0]
        doubts.append(
            f"The machine drifted while the repeats were made: {change_text(row['drift'])} from the first round to the "
            f"last (99 % interval {change_text(row['drift_low'])} to {change_text(row['drift_high'])}). They were made "
            "in turn, so that it met all alike."
        )
    return doubts


def _machine(levels: Sequence[Row]) -> list[str]:
    doubts = []
    busy = [row for row in levels if row["load_before"] is not None and row["load_before"] > (row["cpus"] or 0)]
    if busy:
        worst = max(busy, key=lambda row: row["load_before"])
        doubts.append(
            f"The machine was busy before {phrases.count(len(busy), 'level')}: load average up to "
            f"{worst['load_before']:.3g} on {phrases.count(worst['cpus'], 'core')}."
        )
    stolen = [row["steal"] for row in levels if row["steal"] is not None and row["steal"] > STEAL]
    if stolen:
        doubts.append(
            f"The hypervisor took up to {phrases.percent(max(stolen))} of the CPU time during "
            f"{phrases.count(len(stolen), 'level')}."
        )
    return doubts


def _warned(warnings: Sequence[Row]) -> list[str]:
    """Those of the best trial are a matter of the answer; the others stand in their own table."""
    best = sum(row["is_best"] for row in warnings)
    return [f"{phrases.count(best, 'warning')} about levels of the best trial; see Warnings."] if best else []


def _setbacks(faults: Sequence[Row], retracted: Sequence[Row]) -> list[str]:
    doubts = []
    if faults:
        doubts.append(f"{phrases.count(len(faults), 'attempt')} ended by no fault of a configuration; see Setbacks.")
    if retracted:
        doubts.append(f"{phrases.count(len(retracted), 'result')} withdrawn; see Withdrawn results.")
    return doubts
