"""What a search for the highest load found, in words: the same on the terminal and on the pages."""

from __future__ import annotations

from runner.domain.load import load_words
from runner.domain.metrics import METRICS, format_value


def capacity_text(kind: str, low: float | None, high: float | None, target: float) -> str:
    """`holds 30 users at 95 % attainment; 34 users miss it`. `low` is the highest load that held and `high` the lowest
    that missed, of a load of that `kind`; not both None."""
    share = f"{100 * target:g} % attainment"
    if low is None:
        return f"not even the lowest load, {load_words(kind, high or 0.0)}, holds {share}"
    if high is None:
        return f"holds {load_words(kind, low)} at {share}: the highest load that was tried, so it may hold more"
    return f"holds {load_words(kind, low)} at {share}; {load_words(kind, high)} miss{_s(kind, high)} it"


def capacity_detail(
    attainment: float | None, low: float | None, high: float | None, sent: int, goodput: float | None
) -> str:
    """Of the level where the answer stands: the share of good requests with its interval, and goodput."""
    if attainment is None or low is None or high is None:
        return f"{sent} requests"
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
    text = f"{100 * attainment:.3g} % of {sent} requests met every limit, {interval}"
    return text if goodput is None else f"{text}, goodput {format_value(goodput, METRICS['goodput'])}"


def _s(kind: str, value: float) -> str:
    """Of the verb: one user misses, two miss."""
    return "es" if kind != "burst" and value == 1 else ""
