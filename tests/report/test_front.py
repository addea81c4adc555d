"""Several objectives on a campaign's page: all are named in its first sentence, and the front is a table that fits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from report.charts import charts
from report.front import front_table
from report.phrases import column, goals_text, sentence
from tests import make
from tests.make.wide import NAMES, write_wide
from tests.report.test_pages import rendered

THROUGHPUT = {"objective": "output_throughput", "objective_at": "worst", "goal": "maximize"}
WAITING = {"objective": "ttft_p99", "objective_at": "worst", "goal": "minimize"}
PACE = {"objective": "tpot_p50", "objective_at": "c=4", "goal": "minimize"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([THROUGHPUT], "maximize output throughput at the worst level"),
        ([WAITING], "minimize time to first token (p99) at the worst level"),
        (
            [THROUGHPUT, WAITING],
            "maximize output throughput and minimize time to first token (p99), both at the worst level",
        ),
        (
            [THROUGHPUT, PACE],
            "maximize output throughput at the worst level and minimize time per output token (p50) at 4 users",
        ),
        (
            [THROUGHPUT, WAITING, {**PACE, "objective_at": "worst"}],
            "maximize output throughput, minimize time to first token (p99) and minimize time per output token (p50), "
            "all at the worst level",
        ),
    ],
)
def test_goals_are_one_sentence(asked: list[dict[str, str]], said: str) -> None:
    assert goals_text(asked) == said


@pytest.mark.parametrize(
    ("values", "objective", "unit", "cells"),
    [
        ([80.0, 139.26], "output_throughput", "tok/s", ["80.0", "139.3"]),
        ([0.0312, 0.432], "ttft_p99", "ms", ["31", "432"]),
        ([0.0312, 1.2], "ttft_p99", "s", ["0.031", "1.200"]),
        ([0.5, None, 0.0], "success_rate", "%", ["50.0", "–", "0.0"]),
        ([12345.6], "output_throughput", "tok/s", ["12346"]),
        ([0.0], "ttft_p99", "ms", ["0.00"]),
    ],
)
def test_a_column_has_one_unit_and_as_many_decimals_in_each_row(
    values: list[float | None], objective: str, unit: str, cells: list[str]
) -> None:
    assert column(values, objective) == (unit, cells)


@pytest.mark.parametrize(("text", "said"), [("Fast", "Fast."), ("Fast. ", "Fast. "), ("Which?", "Which?"), ("", "")])
def test_what_others_wrote_ends_where_our_words_begin(text: str, said: str) -> None:
    assert sentence(text) == said


def row(number: int, asked: dict[str, str], value: float, on_front: bool = True) -> dict[str, Any]:
    return {
        "number": number, "entry": "f16", "params_json": "{}", "is_default": False, "value": value,
        "objective_value": value, "on_front": on_front, **asked,
    }  # fmt: skip


def test_the_best_by_the_first_objective_stands_first() -> None:
    rows = [
        row(1, THROUGHPUT, 90.0), row(1, WAITING, 0.2),
        row(3, THROUGHPUT, 120.0), row(3, WAITING, 1.3),
        row(4, THROUGHPUT, 80.0, on_front=False), row(4, WAITING, 0.4, on_front=False),
    ]  # fmt: skip
    front = front_table(rows)
    assert [(head.title, head.unit, head.better, head.at) for head in front.heads] == [
        ("Output throughput", "tok/s", "more", "at the worst level"),
        ("Time to first token, p99", "s", "less", "at the worst level"),
    ]
    assert [(line.number, line.cells) for line in front.lines] == [(3, ("120.0", "1.30")), (1, ("90.0", "0.20"))]
    assert front_table([]).lines == ()


def test_a_front_that_covers_nothing_is_not_drawn_as_if_it_did() -> None:
    """Each of two trials is the worst in one objective: both are on the front, and there is no space between them."""
    chart = charts.get("front")
    told = chart.rows({"front": [row(0, THROUGHPUT, 1.0), row(0, WAITING, 0.1), row(1, THROUGHPUT, 2.0),
                                 row(1, WAITING, 0.2)]})  # fmt: skip
    assert [one["on_front"] for one in told] == [True, True]
    assert "covers no space" in str(chart.missing(told, {}))


def test_the_page_names_all_objectives_and_its_heads_are_short(tmp_path: Path) -> None:
    write_wide(tmp_path)
    make.write_audits(tmp_path)
    pages = rendered(tmp_path)
    page = pages[f"campaigns/{NAMES[0]}/index.md"]
    wanted = (
        "maximize output throughput at the worst level, minimize time to first token &#40;p99&#41; at the worst level "
        "and maximize interactivity &#40;p50&#41; at 1 user"
    )
    more = 'The first names the best; <a href="#front">the front</a> shows all of them.</p>'
    assert "waiting best. <b>SmolLM2" in page.markdown
    assert f"; {wanted}. {more}" in page.markdown
    assert wanted in pages["campaigns/index.md"].tables["campaigns/campaigns"]
    table = page.tables[f"campaigns/{NAMES[0]}/front"]
    heads = [" ".join(re.sub("<[^>]+>", " ", head).split()) for head in re.findall(r"<th[^>]*>(.*?)</th>", table)]
    assert heads[3] == "Output throughput (tok/s) at the worst level, more is better"
    cells = re.findall(r'<td class="tb-num">([^<]*)</td>', table)
    assert cells[:2] == ["250.0", "1.46"]
    assert table.count("<tr") == 8, "seven and the head: trial 0 misses a soft SLO"
    assert table.count("★ best") == 1
    assert "1 of them was deployed all the same" not in page.markdown
    tight = pages["campaigns/smollm-tight/index.md"].markdown
    assert "4 configurations that a rule refused" in tight
    assert "2 of them were deployed all the same" in tight
