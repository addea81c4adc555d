"""How a page writes a number: digits and unit as its reader sees them, without asking the code that wrote it."""

from __future__ import annotations

from typing import Any


def of(number: float, digits: int, unit: str) -> str:
    """So many significant digits and the unit."""
    text = f"{number:.{digits}g}"
    return f"{float(text):.0f} {unit}" if "e" in text else f"{text} {unit}"


def time(seconds: float) -> str:
    return of(1000 * seconds, 3, "ms") if abs(seconds) < 1 else of(seconds, 3, "s")


def measured(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "s":
        return time(value)
    return of(100 * value, 3, "%") if unit == "ratio" else of(value, 4 if "tok" in unit else 3, unit)


def took(seconds: float) -> str:
    for size, limit, unit, decimals in ((1, 10, "s", 1), (1, 120, "s", 0), (60, 7200, "min", 0)):
        if seconds < limit:
            return f"{seconds / size:.{decimals}f} {unit}"
    return f"{seconds / 3600:.1f} h"


def machine(hours: float, what: str) -> str:
    if hours < 1 / 60:
        return of(3600 * hours, 3, f"{what}-seconds")
    return of(60 * hours, 3, f"{what}-minutes") if hours < 1 else of(hours, 3, f"{what}-hours")


def change(percent: float) -> str:
    """Beyond tenfold a factor, beyond a hundredfold none."""
    if percent > 9900 or percent < -99:
        return "over x100" if percent > 0 else "below -99 %"
    return f"{percent:+.1f} %" if percent < 900 else f"x{percent / 100 + 1:.0f}"


def load(kind: str, value: float) -> str:
    return f"{value:g} user{'s' * (value != 1)}" if kind == "concurrency" else f"{value:g} requests/s"


def energy(joules: float | None) -> str:
    if joules is None:
        return "–"
    size, unit = next((s, u) for s, u in ((1e9, "GJ"), (1e6, "MJ"), (1e3, "kJ"), (1, "J")) if joules >= s)
    return of(joules / size, 3, unit)


def price(row: dict[str, Any], column: str = "price_per_million") -> str:
    amount, currency = row[column], row["currency"]
    if amount is None:
        return "–"
    return f"{amount:.2f} {currency}" if amount >= 0.1 else of(amount, 2, currency)


def several(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
