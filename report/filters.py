"""What templates may call beside Jinja's own: filters for values, small helpers for marks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape as html
from typing import Any

from markupsafe import Markup

from report import escape, phrases
from report.calibration import calibration
from report.clients import measured as measured_clients
from report.comparability import FACTS, MOST, comparable_groups, runs_in_turn, selection
from report.cost import cheapest, loads_text, machine_time, per_million, price
from report.deaths import by_campaign, deaths, endings, lost, phases_of
from report.details import trial_file
from report.due import schedule
from report.front import front_table
from report.importance import by_parameter, importances, said
from report.lately import lately
from report.launches import forms
from report.parameters import FEWEST, FEWEST_EACH, FEWEST_SCORED, each_value, parameters
from report.questions import asked
from report.ranking import rankings
from report.runtimes import alone, side_by_side
from report.search import in_two
from report.search import measured as measured_search
from report.standings import RANKED, metric_axis, pairs, ranked
from report.trends import changes, trends
from report.trial_rows import shown_rows
from report.whatif_panel import data_file, panel
from runner.domain.metrics import METRICS, STATS
from runner.domain.units import format_size
from runner.render.capacity import capacity_detail, capacity_text
from runner.render.comparison import more_text
from runner.render.shell import wrapped
from runner.scoring import client_bound
from runner.scoring.severity import SEVERITY
from runner.stats import importance, steps
from runner.stats.failing import Finding, Tried, findings
from runner.store.schema import headlines

_FAR = math.log(3)
"""Beyond a threefold change an interval is cut at the edge of its picture; the text says the numbers."""


def marks(comparisons: Sequence[Mapping[str, Any]]) -> list[dict[str, int]]:
    """Where dot and interval of each comparison stand, in percent of one common axis with no change in the middle."""
    known = [abs(c[end]) for c in comparisons for end in ("low", "high") if c[end] is not None]
    edge: float = min(max([*known, 0.05]), _FAR) * 1.08

    def place(value: float) -> int:
        return round(50 + 50 * max(-1.0, min(1.0, value / edge)))

    return [
        {"dot": place(c["log_ratio"]), "low": place(c["low"]), "width": place(c["high"]) - place(c["low"])}
        if c["log_ratio"] is not None and c["low"] is not None and c["high"] is not None
        else {}
        for c in comparisons
    ]


def of(rows: Sequence[Mapping[str, Any]], campaign: str) -> list[Mapping[str, Any]]:
    """The rows of one campaign."""
    return [row for row in rows if row["campaign"] == campaign]


def significant(number: float | None, digits: int = 3) -> str:
    """A number that has no unit: a severity, the classic penalty, a load average."""
    return "–" if number is None else f"{number:.{digits}g}" if abs(number) < 1000 else f"{number:.0f}"


def later(trials: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Which values go with failing later, of the rows of the query `trials`: nothing where there is no evidence."""
    return findings(
        [
            Tried(row["number"], row["entry"], json.loads(row["params_json"]), row["severity"])
            for row in trials
            if row["status"] != "unmeasured"
        ]
    )


def code(text: str) -> Markup:
    return Markup("<code>") + escape.inline(text) + Markup("</code>")


def as_json(value: Any) -> Markup:
    """For a double-quoted attribute that a script reads."""
    return Markup(html(json.dumps(value, ensure_ascii=True), quote=True))


def types(dtypes_json: str) -> str:
    """Types of number and their share of the weights, the largest first."""
    found: dict[str, int] = json.loads(dtypes_json)
    whole = sum(found.values())
    if not whole:
        return "types unknown"
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {phrases.percent(size / whole)}" for name, size in ordered[:4])


def amount(number: int | None) -> str:
    """A count of parameters as people say it: 135 M, 7.24 B."""
    if number is None:
        return "–"
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{significant(number / size)} {unit}"
    return str(number)


FILTERS: dict[str, Callable[..., Any]] = {
    "alone": alone,
    "amount": amount,
    "as_json": as_json,
    "at": phrases.at_text,
    "axis": lambda objective, goal: phrases.axis_text(objective, goal),
    "block": escape.block,
    "by_campaign": by_campaign,
    "by_value": parameters,
    "capital": phrases.capital,
    "change": phrases.gain_text,
    "changes": changes,
    "cheapest": cheapest,
    "code": code,
    "comparable_groups": comparable_groups,
    "deaths": deaths,
    "each_value": each_value,
    "endings": endings,
    "forms": forms,
    "importances": lambda trials, goal: by_parameter(importances(trials, goal)),
    "known": said,
    "front_table": front_table,
    "goals": phrases.goals_text,
    "in_two": in_two,
    "lately": lately,
    "later": later,
    "loads": json.loads,
    "loads_text": loads_text,
    "machine_time": machine_time,
    "lost": lost,
    "measured": phrases.measured,
    "metric_axis": metric_axis,
    "more_repeats": more_text,
    "number": significant,
    "objective": phrases.objective_title,
    "of": of,
    "pairs": pairs,
    "params": phrases.params_text,
    "per_million": per_million,
    "percent": phrases.percent,
    "price": price,
    "ranked": ranked,
    "phases_of": phases_of,
    "rankings": rankings,
    "runs_in_turn": runs_in_turn,
    "shown_rows": shown_rows,
    "score": phrases.score_text,
    "seconds": phrases.seconds_text,
    "sentence": phrases.sentence,
    "shell": wrapped,
    "side_by_side": side_by_side,
    "size": format_size,
    "slug": escape.slug,
    "trends": trends,
    "types": types,
    "unsure": phrases.unsure,
    "value": phrases.value_text,
    "verdict_line": phrases.verdict_line,
    "whatif_file": data_file,
    "whatif_panel": panel,
    "when": phrases.when,
}

GLOBALS: dict[str, Any] = {
    "CALIBRATION": calibration(),
    "MEASURED_CLIENTS": measured_clients(),
    "QUESTIONS": asked(),
    "NUMBERS": headlines(),
    "capacity": capacity_text,
    "capacity_detail": capacity_detail,
    "MEASURED_SEARCH": measured_search(),
    "COMPARED_FACTS": FACTS,
    "count": phrases.count,
    "load": phrases.load_text,
    "load_axis": phrases.load_axis,
    "marks": marks,
    "optimism": phrases.optimism,
    "schedule": schedule,
    "trial_file": trial_file,
    "METRICS": METRICS,
    "MOST_COMPARED": MOST,
    "RANKED": RANKED,
    "selection": lambda *chosen: Markup(selection(*chosen)),
    "STATS": STATS,
    "STEP": {"confidence": steps.CONFIDENCE, "least": steps.LEAST},
    "trend_axis": phrases.objective_axis,
    "SEVERITY": SEVERITY,
    "VALUES": {"fewest": FEWEST, "each": FEWEST_EACH, "scored": FEWEST_SCORED},
    "IMPORTANCE": {
        "groups": importance.GROUPS,
        "fewest": importance.FEWEST,
        "each": importance.FEWEST_EACH,
        "level": importance.LEVEL,
    },
    "CLIENT_BOUND": {"cpu": client_bound.MOST_CPU, "lag": client_bound.MOST_LAG, "least": client_bound.LEAST_LAG},
}
