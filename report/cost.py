"""What tokens take, in words: machine time, money, energy, all for a million output tokens.

Machine time is known for every measured level, money only where the campaign's file names a price per GPU-hour: the
time times the reader's own price is the reader's cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report.phrases import load_text
from runner.domain.metrics import significant

MILLION = 1_000_000
_JOULES = ((1e9, "GJ"), (1e6, "MJ"), (1e3, "kJ"), (1.0, "J"))


def machine_time(hours: float | None, gpus: int | None) -> str:
    """`hours` of machine time: GPU-hours, or hours of the whole machine on CPU."""
    if hours is None:
        return "–"
    what = "GPU" if gpus else "machine"
    if hours < 1 / 60:
        return f"{significant(3600 * hours, 3)} {what}-seconds"
    if hours < 1:
        return f"{significant(60 * hours, 3)} {what}-minutes"
    return f"{significant(hours, 3)} {what}-hours"


def price(amount: float | None, currency: str | None) -> str:
    """Money: two decimals, more digits where it is less than a tenth."""
    if amount is None:
        return "–"
    return f"{amount:.2f} {currency}" if amount >= 0.1 else f"{significant(amount, 2)} {currency}"


def per_million(joules_per_token: float | None) -> str:
    """Energy of a million tokens, of joules per token."""
    if joules_per_token is None:
        return "–"
    joules = MILLION * joules_per_token
    size, unit = next(((size, unit) for size, unit in _JOULES if joules >= size), _JOULES[-1])
    return f"{significant(joules / size, 3)} {unit}"


def loads_text(row: Mapping[str, Any]) -> str:
    """The loads of a workload, from the lightest to the heaviest that was measured: `1 user to 8 users`."""
    low, high = (load_text(row["load_kind"], row[end]) for end in ("load_low", "load_high"))
    return low if low == high else f"{low} to {high}"


def cheapest(levels: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the rows of the query `costs` the level of each trial that took least, the cheapest of each setting first."""
    least: dict[tuple[str, int], Mapping[str, Any]] = {}
    for level in levels:
        key = level["campaign_name"], level["number"]
        if key not in least or level["hours"] < least[key]["hours"]:
            least[key] = level
    return sorted(least.values(), key=lambda one: (one["setting"], one["hours"], one["campaign_name"], one["number"]))
