"""A configuration over time: the sessions in which it was measured, and where its level changed.

A session is one run. Sessions form one trend only when configuration, host, hardware, client and its version, workload
and objective are the same; the engine's version and image may differ, since that is what a trend is to show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from report.phrases import params_text
from runner.domain.failure import Verdict
from runner.stats.steps import LEAST, Step, middle, steps

Row = Mapping[str, Any]
_SAME = (
    "campaign_name", "model", "hardware", "entry", "params_json", "fingerprint", "host", "client", "client_version",
    "workload_key", "objective", "goal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A step, the session that it begins with, and what answered before and after."""

    step: Step
    row: Row
    before: str
    after: str

    @property
    def verdict(self) -> Verdict:
        return Verdict.BETTER if self.step.log_ratio > 0 else Verdict.WORSE

    @property
    def moment(self) -> datetime:
        moment: datetime = self.row["moment"]
        return moment


@dataclass(frozen=True, slots=True)
class Trend:
    """`sessions` are rows of the query `trend_sessions` in order of time, failed ones included."""

    title: str
    sessions: Sequence[Row]
    changes: Sequence[Change]

    @property
    def about(self) -> Row:
        return self.sessions[-1]

    @property
    def measured(self) -> int:
        """Sessions with a value."""
        return sum(bool(row["samples"]) for row in self.sessions)

    @property
    def worse(self) -> Sequence[Change]:
        return [change for change in self.changes if change.verdict is Verdict.WORSE]


def trends(rows: Sequence[Row]) -> list[Trend]:
    """Of the rows of the query `trend_sessions`: what changed last comes first, then what was measured most."""
    groups = [list(mine) for _, mine in groupby(rows, key=lambda row: tuple(row[name] for name in _SAME))]
    seen: Counter[str] = Counter()
    found = []
    for sessions in sorted(groups, key=lambda mine: (_title(mine[0]), mine[0]["workload_key"], mine[0]["hardware"])):
        title = _title(sessions[0])
        seen[title] += 1
        found.append(_trend(title if seen[title] == 1 else f"{title} ({seen[title]})", sessions))
    found.sort(key=lambda trend: trend.measured, reverse=True)
    found.sort(key=lambda trend: max((one.moment for one in trend.changes), default=datetime.min), reverse=True)
    return found


def _title(row: Row) -> str:
    client = f"{row['client']} client {row['client_version'] or ''}".strip()
    return " · ".join((row["campaign_name"], f"{row['entry']} {params_text(row['params_json'])}", row["host"], client))


def _trend(title: str, sessions: Sequence[Row]) -> Trend:
    measured = [row for row in sessions if row["samples"]]
    means = [middle(row["samples"]) for row in measured]
    found = steps(means, measured[0]["goal"] == "maximize") if len(measured) >= 2 * LEAST else ()
    return Trend(title, sessions, [_change(step, measured) for step in found])


def _change(step: Step, measured: Sequence[Row]) -> Change:
    return Change(step, measured[step.at], answered(measured[step.at - 1]), answered(measured[step.at]))


def answered(row: Row) -> str:
    """Engine and version, with the head of the image's digest where it ran in one."""
    words = [row["engine"], row["engine_version"], (row["image_digest"] or "").removeprefix("sha256:")[:12]]
    return " ".join(word for word in words if word) or "an engine that told no version"


def changes(found: Sequence[Trend]) -> list[tuple[Trend, Change]]:
    """Every change of every trend, the latest first."""
    pairs = [(trend, change) for trend in found for change in trend.changes]
    return sorted(pairs, key=lambda pair: pair[1].moment, reverse=True)
