"""The timeline of slots: where a bar stands, what its caption adds up, and that it never draws too much."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from report.charts import Rows, charts
from report.charts.timeline import EDGES, MARKS, PARTS
from report.gather import gather, prepare
from report.publish import Publisher
from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import seal
from runner.store.snapshot import snapshot
from tests import make

CHART = charts.get("timeline")


def bars(results: Path) -> Rows:
    """Of its campaign `smollm-cpu`."""
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        found = gather(connection, CHART.queries, Publisher(["bench-1"]))["timeline"]
    return CHART.rows({"timeline": [one for one in found if one["campaign"] == "smollm-cpu"]})


def row(begin: int, total: int, **changes: Any) -> dict[str, Any]:
    """A row of the query, in ms."""
    return {
        "campaign": "c", "number": 0, "role": "search", "run_id": "r", "host": "host-1", "gpu_uuids": [],
        "begin_ms": begin, "total_ms": total, "before_ms": 0, "deploy_ms": 0, "measure_ms": 0, "after_ms": 0,
        "withdrawn": False, "phase": None, "cause": None, **changes,
    }  # fmt: skip


def drawn(*rows: dict[str, Any]) -> Rows:
    return CHART.rows({"timeline": list(rows)})


def edges(one: Any) -> list[int]:
    return [one[edge] for edge in EDGES]


def test_a_bar_has_the_phases_in_their_order() -> None:
    one = row(5_000_000, 1000, before_ms=10, deploy_ms=300, measure_ms=600, after_ms=20)
    (bar,) = drawn(one)
    assert edges(bar) == [0, 0, 10, 310, 910, 930, 1000]
    assert bar["bar"] == "host-1"


def test_what_lies_between_two_attempts_of_a_slot_is_ours() -> None:
    first, second = drawn(row(0, 1000, measure_ms=1000), row(1500, 1000, measure_ms=1000, number=1))
    assert (first["g"], first["t0"]) == (0, 0), "nothing was before it"
    assert (second["g"], second["t0"]) == (1000, 1500)
    told = CHART.caption([first, second], {})
    assert "2 attempts of 2 trials in 1 slot, 0 failed" in told
    assert "80.0 % measure, 20.0 % tunebook itself" in told
    assert "tunebook's own is 0.25 s per trial" in told


def test_time_between_runs_is_nobodys() -> None:
    _, second = drawn(row(0, 1000), row(86_400_000, 1000, run_id="s"))
    assert (second["g"], second["t0"], second["t5"]) == (1000, 1000, 2000)


def test_attempts_at_the_same_time_have_a_slot_each() -> None:
    made = drawn(row(0, 1000), row(500, 1000), row(1200, 500))
    assert [(one["bar"], one["t0"]) for one in made] == [("host-1", 0), ("host-1", 1200), ("host-1, slot 2", 500)]


def test_gpus_are_slots() -> None:
    one, two = ["GPU-5f0c7a52-aaaa"], ["GPU-11111111-bbbb", "GPU-22222222-cccc"]
    made = drawn(row(0, 1000, gpu_uuids=one), row(0, 900, gpu_uuids=two), row(1000, 100, gpu_uuids=one))
    assert [bar["bar"] for bar in made] == ["host-1, GPU-11111111 and 1 more"] + 2 * ["host-1, GPU-5f0c7a52"]


def test_a_failure_is_marked_where_it_ended() -> None:
    (bar,) = drawn(row(0, 700, deploy_ms=650, phase="load", cause="oom_load"))
    assert (bar["phase"], bar["cause"], bar["failed"], bar["t5"]) == ("load", "oom_load", 1, 700)
    assert "1 failed" in CHART.caption([bar], {})


def test_a_withdrawn_attempt_took_its_time_too() -> None:
    (bar,) = drawn(row(0, 700, withdrawn=True))
    assert (bar["w"], bar["t5"]) == (0, 700)
    assert set(edges(bar)) == {700}, "no part but the one that is withdrawn"
    assert "100.0 % withdrawn" in CHART.caption([bar], {})


def total(rows: Rows) -> Sequence[int]:
    return [sum(one[end] - one[begin] for one in rows) for begin, end in pairwise(EDGES)]


def test_many_attempts_are_drawn_as_few_and_none_is_lost() -> None:
    many = [
        row(1000 * n, 900, number=n % 700, deploy_ms=300, measure_ms=500, phase="load" if n % 10 == 0 else None)
        for n in range(4000)
    ]
    made = drawn(*many)
    assert len(made) * (len(PARTS) + 1) <= MARKS
    alone = drawn(*many[:700])
    assert len(alone) == 700, "so many are drawn as they are"
    assert sum(one["attempts"] for one in made) == 4000
    assert sum(one["trials"] for one in made) == 700
    assert sum(one["failed"] for one in made) == 400
    assert total(made) == [100 * 3999, 0, 300 * 4000, 500 * 4000, 0, 100 * 4000]
    assert all(one["t5"] <= other["g"] for one, other in pairwise(made)), "they do not overlap"
    told = CHART.caption(made, {})
    assert re.search(r"4000 attempts of 700 trials in 1 slot, 400 failed", told)
    assert f"4000 attempts as {len(made)} bars" in told


def test_of_a_store(filled: Path) -> None:
    """12 trials, one of them twice, and twelve confirmations: each 30 s after the other."""
    made = bars(filled)
    assert {one["bar"] for one in made} == {"host-1"}
    assert sum(one["attempts"] for one in made) == len(made) == 25
    assert sum(one["trials"] for one in made) == 12
    assert any(one["phase"] == "start" and one["cause"] == "port" for one in made), "an infra fault"
    assert any(one["cause"] == "slo" for one in made), "judged"


@pytest.mark.parametrize("asks", [True, False])
def test_answers_that_a_guard_asks_for_are_measuring(tmp_path: Path, asks: bool) -> None:
    facts = make.quality(make.an_id(900), None) if asks else None
    make.write_store(tmp_path, attempts=[make.attempt(number=0, quality=facts)])
    (bar,) = bars(tmp_path)
    assert bar["t4"] - bar["t3"] == (0 if asks else 10)


def test_a_retraction_is_seen(tmp_path: Path) -> None:
    made = make.write_store(tmp_path)
    fact = make.retraction(made.of(4), retraction_id=make.an_id(7000))
    seal(tmp_path, RecordKind.RETRACTION, fact.retraction_id, fact)
    ingest(tmp_path)
    snapshot(tmp_path)
    assert sum(one["w"] < one["t5"] for one in bars(tmp_path)) == 1


def test_no_attempt_is_said() -> None:
    assert CHART.missing([], {}) == "No attempt has ended yet."


def test_no_number_of_an_attempt_is_enough_to_break_it(tmp_path: Path) -> None:
    make.write_store(tmp_path, attempts=[replace(make.attempt(number=0), phases=(), seconds=0.0)])
    (bar,) = bars(tmp_path)
    assert len(set(edges(bar))) == 1
    assert CHART.caption([bar], {}).endswith("left out.")
