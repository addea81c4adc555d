"""The ranks of a setting's entries at each load, and what the stored comparisons say of each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from report.phrases import load_text
from report.runtimes import Row, Setting
from runner.domain.metrics import METRICS, Metric, format_value
from runner.stats.ranking import Standing, standings

RANKED = {"output_throughput": "output throughput", "ttft_p99": "time to first token, p99",
          "tpot_p99": "time per output token, p99"}  # fmt: skip
"""Column of the query `runtime_levels` -> what a page calls it."""
_OTHER_WAY = {"better": "worse", "worse": "better"}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry by one metric: `cells` has one for each load, None where nothing was measured to its end."""

    metric: str
    label: str
    cells: tuple[Standing | None, ...]

    def text(self, value: float) -> str:
        return format_value(value, metric_of(self.metric))


@dataclass(frozen=True, slots=True)
class Table:
    """Ranks of what one load generator measured on one host, for one scenario."""

    setting: str
    scenario: str
    loads: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is known of the best trial of one entry against another: `verdict` None where nobody compared them;
    `default`: against the other's default, since its best was not asked."""

    verdict: str | None
    log_ratio: float | None = None
    repeats: int = 0
    default: bool = False


def metric_of(column: str) -> Metric:
    return METRICS[column.removesuffix("_p99")]


def metric_axis(column: str) -> str:
    """The title of an axis: unit, and which direction is better."""
    metric = metric_of(column)
    return f"{metric.unit}, {'more' if metric.higher_is_better else 'less'} is better"


def levels_of(setting: Setting, levels: Sequence[Row]) -> list[tuple[str, Row]]:
    """The levels of the entries that a page shows, each with the entry's label."""
    labels = {(row["campaign"], row["entry"]): setting.label(row) for row in setting.shown}
    return [(labels[at], level) for level in levels if (at := (level["campaign"], level["entry"])) in labels]


def ranked(setting: Setting, levels: Sequence[Row]) -> list[Table]:
    """One table for each load generator and scenario in which two entries have a number; lines in the order of the
    setting, metric by metric."""
    mine = levels_of(setting, levels)
    groups = dict.fromkeys((level["setting"], level["scenario"]) for _, level in mine)
    found = []
    for by, scenario in groups:
        of = [(label, level) for label, level in mine if (level["setting"], level["scenario"]) == (by, scenario)]
        if len({label for label, _ in of}) > 1:
            found.append(_table(setting, by, scenario, of))
    return found


def _table(setting: Setting, by: str, scenario: str, of: Sequence[tuple[str, Row]]) -> Table:
    loads = sorted({(level["load_kind"], level["load_value"]) for _, level in of}, key=lambda load: (load[0], load[1]))
    labels = [setting.label(row) for row in setting.shown]
    labels = [label for label in labels if any(label == other for other, _ in of)]
    lines = []
    for metric in RANKED:
        at = [standings(_samples(of, metric, load), higher_is_better=bool(metric_of(metric).higher_is_better))
              for load in loads]  # fmt: skip
        lines += [Line(metric, label, tuple(placed.get(label) for placed in at)) for label in labels]
    return Table(by, scenario, tuple(load_text(*load) for load in loads), tuple(lines))


def _samples(of: Sequence[tuple[str, Row]], metric: str, load: tuple[str, float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for label, level in of:
        if (level["load_kind"], level["load_value"]) == load:
            found.setdefault(label, []).extend(level[metric] or [])
    return found


def pairs(setting: Setting, comparisons: Sequence[Row]) -> list[tuple[Row, list[Pair | None]]]:
    """Each entry with what is known of it against each; None on the diagonal. Nothing is computed here: what nobody
    compared by repeats is not compared."""
    known: dict[tuple[str, int, int], Row] = {}
    for one in comparisons:
        if one["campaign"] in setting.campaigns:
            known.setdefault((one["campaign"], one["number_a"], one["number_b"]), one)
    rows = setting.shown
    return [(a, [None if a is b else _pair(a, b, known) for b in rows]) for a in rows]


def _pair(a: Row, b: Row, known: Mapping[tuple[str, int, int], Row]) -> Pair:
    if a["campaign"] != b["campaign"] or a["best_number"] is None:
        return Pair(None)
    name, mine, its = a["campaign"], a["best_number"], b["best_number"]
    if its is not None and (found := known.get((name, mine, its))):
        return Pair(found["verdict"], found["log_ratio"], found["repeats"])
    if its is not None and (found := known.get((name, its, mine))):
        turned = None if found["log_ratio"] is None else -found["log_ratio"]
        return Pair(_OTHER_WAY.get(found["verdict"], found["verdict"]), turned, found["repeats"])
    if b["default_number"] is not None and (found := known.get((name, mine, b["default_number"]))):
        return Pair(found["verdict"], found["log_ratio"], found["repeats"], default=True)
    return Pair(None)
