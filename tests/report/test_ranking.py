"""The table of ranks per load: what stands in it, what is never ranked together, what is not dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from report.ranking import rankings


def row(number: int, load: float | None, samples: Sequence[float] | None, **more: Any) -> dict[str, Any]:
    reached = load is not None
    return {
        "campaign": "c", "number": number, "entry": f"e{number}", "params_json": "{}", "is_default": True,
        "is_best": number == 0, "status": "succeeded", "cause": None, "scenario": "D(10,10)" if reached else None,
        "setting": "native client 2 on host-1" if reached else None, "load_kind": "concurrency" if reached else None,
        "load_value": load, "position": int(load) if reached and load is not None else None,
        "objective": "output_throughput", "goal": "maximize", "samples": samples,
    } | more  # fmt: skip


TWO = [row(0, 1, [10.0]), row(0, 8, [20.0]), row(1, 1, [11.0]), row(1, 8, [12.0])]


def test_lines_go_by_the_heaviest_load_and_cells_by_the_loads() -> None:
    (table,) = rankings(TWO)
    assert table.loads == ("1 user", "8 users")
    assert [(line.name, [cell and cell.rank for cell in line.cells]) for line in table.lines] == [
        ("e0 defaults", [2, 1]),
        ("e1 defaults", [1, 2]),
    ]
    assert [(turn.first, turn.second, turn.sure) for turn in table.turns] == [("e0 defaults", "e1 defaults", False)]


def test_a_failure_stands_in_the_table_with_what_it_had_reached() -> None:
    early = row(2, None, None, status="failed", cause="oom_load")
    late = [row(3, 1, [30.0], status="failed", cause="crash"), row(3, 8, None, status="failed", cause="crash")]
    (table,) = rankings([*TWO, early, *late])
    assert [(line.number, line.cause, [cell and cell.rank for cell in line.cells]) for line in table.lines] == [
        (0, None, [3, 1]),
        (1, None, [2, 2]),
        (3, "crash", [1, None]),
        (2, "oom_load", [None, None]),
    ]


def test_numbers_of_two_clients_are_never_ranked_together() -> None:
    other = [{**one, "setting": "genai-bench client 0.0.5 on host-1"} for one in TWO]
    tables = rankings([*TWO, *other])
    assert [table.setting for table in tables] == ["native client 2 on host-1", "genai-bench client 0.0.5 on host-1"]
    alone = [row(0, 1, [10.0]), row(0, 8, [9.0]), {**row(1, 1, [5.0]), "setting": "another"}]
    assert rankings(alone) == []


def test_one_load_has_no_order_to_turn() -> None:
    assert rankings([row(0, 1, [10.0]), row(1, 1, [9.0])]) == []
    assert rankings([]) == []
