"""The part of the methodology page that says how well the samplers search."""

from __future__ import annotations

import re
from typing import Any

from report.figures import Figures
from report.render import _environment
from tests.benchmarks.search import table


def line(variant: str, seed: int, last: float, failed: int) -> dict[str, Any]:
    return {
        "landscape": "easy", "variant": variant, "seed": seed, "trials": 40, "deployed": 40, "failed": failed,
        "hung": 0, "regret": {"10": 0.3, "20": 0.1, "40": last}, "first_success": 1,
        "seconds": 7200.0, "failed_seconds": 720.0, "ask_cpu": 1.5,
    }  # fmt: skip


def test_the_page_shows_each_search_on_each_landscape_and_whether_the_goals_were_met() -> None:
    lines = [line("tpe", seed, 0.02, 8) for seed in range(6)] + [line("fail", seed, 0.05, 12) for seed in range(6)]
    bench = {**table.content(lines), "measured": "2026-01-02", "machine": "2 cores", "command": "make bench-search"}
    figures = Figures("methodology", "results/methodology.md", (), {}, None)
    page = _environment().from_string('{% include "_search.j2" %}').render(
        MEASURED_SEARCH={"bench": bench}, bulk=figures.bulk
    )  # fmt: skip
    assert "6 searches of 40 deployments" in page
    assert "### Easy" in page
    [shown] = figures.tables.values()
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", shown)]
    assert cells[1] == ["tpe", "30.0 %", "10.0 %", "2.0 %", "", "20 %", "0 %", "1", "6 of 6", "2.0", "10 %", "1.50 s"]
    assert cells[2][:6] == ["fail", "30.0 %", "10.0 %", "5.0 %", "0.031", "30 %"]
    assert "met: median regret@40 on the easy landscape: 2.0 %" in page
    assert "MISSED: failed share on easy: 20 % against 30 %" in page
