"""Values and facts as people read them. Every number carries its unit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from runner.domain.load import AT, AXES, load_words
from runner.domain.metrics import METRICS, format_value, metric_ref
from runner.render.comparison import change_text, more_text, optimism_text, verdict_text

_AT = {
    "worst": "at the worst level",
    "mean": "as the mean over all levels",
    "goodput": "at the highest load that meets every SLO",
}


@lru_cache(maxsize=4096)
def params_text(params_json: str) -> str:
    """`threads=2 flash-attn=on`; the default configuration of an entry has no parameters."""
    params = json.loads(params_json)
    return " ".join(f"{name}={value_text(value)}" for name, value in params.items()) or "defaults"


def value_text(value: Any) -> str:
    """A parameter's value as one writes it in a campaign file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def objective_title(objective: str) -> str:
    """`time to first token, p99` of `ttft_p99`."""
    ref = metric_ref(objective)
    return f"{ref.metric.title}, {ref.stat}" if ref.metric.distribution else ref.metric.title


def at_text(at: str) -> str:
    """Which level the objective is read from, in words."""
    kind, _, value = at.partition("=")
    return _AT.get(at) or f"at {load_text(AT.get(kind, kind), float(value))}"


def goals_text(objectives: Sequence[Mapping[str, Any]]) -> str:
    """What a campaign asks for, of its rows of the query `objectives`: `maximize output throughput and minimize time to
    first token (p99), both at the worst level`."""
    asked = [f"{row['goal']} {_in_a_sentence(row['objective'])}" for row in objectives]
    places = [at_text(row["objective_at"]) for row in objectives]
    if len(asked) > 1 and len(set(places)) == 1:
        return f"{_listed(asked)}, {'both' if len(asked) == 2 else 'all'} {places[0]}"
    return _listed([f"{what} {place}" for what, place in zip(asked, places, strict=True)])


def _in_a_sentence(objective: str) -> str:
    """Where a comma would begin the next item of a list."""
    ref = metric_ref(objective)
    return f"{ref.metric.title} ({ref.stat})" if ref.metric.distribution else ref.metric.title


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def axis_text(objective: str, goal: str) -> str:
    """Title of an axis that shows scores: the objective made worse by missed soft SLOs is not the objective."""
    better = "more" if goal == "maximize" else "less"
    return f"Score: {objective_title(objective)} ({metric_ref(objective).unit}), {better} is better"


def objective_axis(objective: str, goal: str) -> str:
    """Title of an axis that shows the objective as it was measured."""
    better = "more" if goal == "maximize" else "less"
    return capital(f"{objective_title(objective)} ({metric_ref(objective).unit}), {better} is better")


@lru_cache(maxsize=4096)
def score_text(value: float | None, objective: str) -> str:
    """A score, confirmed score or penalty: all have the objective's unit."""
    return "–" if value is None else format_value(value, metric_ref(objective).metric)


def column(values: Sequence[float | None], objective: str) -> tuple[str, list[str]]:
    """The unit of a column for its head, and its numbers without it: one unit and as many decimals for all, so that
    the points stand below one another. The decimals are those of the largest number; one more where the smallest is
    many times smaller, which would else lose its digits."""
    metric = metric_ref(objective).metric
    known = [abs(value) for value in values if value]
    scale, unit = {"s": (1.0, "s"), "ratio": (100.0, "%")}.get(metric.unit, (1.0, metric.unit))
    if unit == "s" and max(known, default=0.0) < 1:
        scale, unit = 1000.0, "ms"
    sizes = [math.floor(math.log10(scale * value)) for value in known] or [0]
    decimals = metric.digits - 1 - max(sizes) + (max(sizes) - min(sizes) > 1)
    decimals = max(0, min(decimals, metric.digits - 1 - min(sizes)))
    return unit, ["–" if value is None else f"{scale * value:.{decimals}f}" for value in values]


def gain_text(log_ratio: float) -> str:
    """A change in words. Two repeats can give an interval of many thousandfold: beyond a hundred no number helps."""
    if abs(log_ratio) > math.log(100):
        return "over x100" if log_ratio > 0 else "below -99 %"
    return change_text(log_ratio)


def measured(value: float | None, metric: str) -> str:
    return format_value(value, METRICS[metric])


def load_text(kind: str, value: float) -> str:
    return load_words(kind, value)


def unsure(level: Mapping[str, Any]) -> bool:
    """The interval of the attainment holds what was asked for, too, whichever side the search put the load on."""
    low, high = level["attainment_low"], level["attainment_high"]
    return low is not None and high is not None and low < level["target"] <= high


def load_axis(kind: str) -> str:
    """The title of an axis of loads."""
    return AXES.get(kind, kind)


def seconds_text(seconds: float | None) -> str:
    """A duration for people: `0.8 s`, `47 s`, `12 min`, `3.4 h`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.3g} %"


def when(moment: datetime | None) -> str:
    """To the minute, in UTC, and saying so."""
    return "–" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")


def count(number: int, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def sentence(text: str) -> str:
    """What somebody wrote, with a full stop where more text follows."""
    return text if text.rstrip()[-1:] in ("", ".", "!", "?", ":", "…") else f"{text.rstrip()}."


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def verdict_line(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """What the best is against each of the others, in one sentence."""
    said = {
        "better": "better than {}",
        "worse": "worse than {}",
        "tie": "level with {}",
        "inconclusive": "not told apart from {}",
        "incomparable": "not comparable with {}",
    }
    parts = []
    for row in comparisons:
        other = f"the default of {row['entry_b']}" if row["default_b"] else f"trial {row['number_b']}"
        words = row["verdict"], row["log_ratio"], row["low"], row["high"], row["repeats"], row["reason"]
        numbers = verdict_text(*words, row["confidence"] or 0.95).partition(": ")[2]
        more = f"; {more_text(row['more_repeats'])}" if row["more_repeats"] else ""
        parts.append(f"{said[row['verdict']].format(other)}: {numbers}{more}")
    return "; ".join(parts) + "."


def optimism(search: float | None, confirmed: float | None, goal: str) -> str:
    """Of the search, about one trial."""
    return "–" if search is None or confirmed is None else optimism_text(search, confirmed, goal == "maximize")
