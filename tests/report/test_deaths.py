"""Failures over all campaigns: lines that are the same, time that was lost, where configurations fail."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.charts import charts
from report.deaths import alike, by_campaign, deaths, endings, lost, phases_of
from report.feasible import ASKED, regions
from report.gather import gather, prepare, query
from report.publish import Publisher
from runner.stats.importance import FEWEST, FEWEST_EACH
from runner.store.reader import open_snapshot
from tests import make
from tests.make.many import write_many
from tests.report.test_pages import rendered


def died(campaign: str, number: int, line: str | None, **more: Any) -> dict[str, Any]:
    return {"campaign": campaign, "number": number, "evidence": line, "phase": "load", "cause": "oom_load",
            "seconds_lost": 60.0, "gpu_seconds_lost": 0.0} | more  # fmt: skip


@pytest.mark.parametrize(("line", "said"), [
    ("tried to allocate 12.50 GiB (GPU 0; 79.15 GiB total)", "tried to allocate <n> GiB (GPU <n>; <n> GiB total)"),
    ("no file /srv/models/llama-3.gguf here", "no file <path> here"),
    ("./build/bin/server: not found", "<path>: not found"),
    ("segfault at 0x7f3A00c0 ip 0xdead", "segfault at <address> ip <address>"),
    ("can not bind 127.0.0.1:40123", "can not bind <n>"),
    ("0.00.171.220 E llama_init: no", "<n> E llama_init: no"),
    ("run 01a2064d-43d0-7d7a-9652-06fecdd5084b ended", "run <id> ended"),
    ("layer deadbeef01 of commit 3fa85f64", "layer <id> of commit <id>"),
    ("error   at\tstep 1e-05", "error at step <n>"),
    ("GGML_ASSERT(n_batch > 0) failed", "GGML_ASSERT(n_batch > <n>) failed"),
    ("in <path> and <address>", "in <path> and <address>"),
    ("and/or", "and/or"),
    ("", ""),
])  # fmt: skip
def test_a_line_keeps_its_words_and_loses_its_numbers(line: str, said: str) -> None:
    assert alike(line) == said


@given(st.text(alphabet=st.sampled_from("aef0179 ./:-<>xn\u00e9\n"), max_size=60))
def test_a_line_that_was_made_alike_stays_as_it_is(line: str) -> None:
    once = alike(line)
    assert alike(once) == once
    assert not re.search(r"[0-9]", once)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_only_numbers_differ_and_the_lines_are_one(a: int, b: int) -> None:
    assert alike(f"needs {a} MB of {b}, at /a/b{a}/c") == alike(f"needs {b} MB of {a}, at /a/x/{b}.bin")


def test_lines_are_counted_over_campaigns_the_most_frequent_first() -> None:
    rows = [
        died("b", 4, "needs 4 GB"), died("a", 9, "needs 5.5 GB", phase="start"), died("a", 2, "needs 12 GB"),
        died("a", 1, "crashed", cause="crash"), died("a", 3, None), died("a", 5, ""),
    ]  # fmt: skip
    first, second = deaths(rows)
    assert (first.line, first.trials, first.campaigns, first.phases) == (
        "needs <n> GB",
        3,
        ("a", "b"),
        ("start", "load"),
    )
    assert (first.first["campaign"], first.first["number"], first.many) == ("a", 2, True)
    assert (second.line, second.trials, second.many) == ("crashed", 1, False)


def test_time_is_that_of_gpus_where_there_were_some() -> None:
    rows = [
        died("a", 0, "x", gpu_seconds_lost=240.0), died("a", 1, "x", seconds_lost=30.0),
        died("b", 2, "y", cause="crash", phase="measure"),
    ]  # fmt: skip
    assert phases_of(rows) == ("load", "measure")
    oom, crash = lost(rows)
    assert (oom.cause, oom.total.text, oom.total.trials) == ("oom_load", "4 GPU-min + 30 s", 2)
    assert [cell and cell.text for cell in crash.cells] == [None, "60 s"]
    assert [(name, phase, cause, toll.trials) for name, phase, cause, toll in by_campaign(rows)] == [
        ("a", "load", "oom_load", 2), ("b", "measure", "crash", 1),
    ]  # fmt: skip


def told(number: int, line: str | None, **more: Any) -> dict[str, Any]:
    known = {"hung": False, "rule": None, "severity": 0.8, "penalty": 5.0, "penalty_classic": 0.9}
    return died("c", number, line) | known | more


def test_a_campaign_tells_each_way_to_end_once_with_all_its_trials() -> None:
    rows = [
        told(9, "needs 4 GB", penalty_classic=0.7), told(2, "needs 12 GB"), told(4, "needs 5 GB", hung=True),
        told(5, "needs 5 GB", rule="oom"), told(6, None, penalty=None), told(7, "", penalty=None),
        told(8, "needs 3 GB", cause="crash"),
    ]  # fmt: skip
    found = endings(rows)
    assert [one.numbers for one in found] == [(2, 9), (4,), (5,), (6, 7), (8,)]
    first, silent = found[0], found[3]
    assert first.first["evidence"] == "needs 4 GB"
    assert (first.severity, first.penalty, first.classic) == ((0.8, 0.8), (5.0, 5.0), (0.7, 0.9))
    assert (first.toll.trials, first.toll.text) == (2, "2 min")
    assert silent.penalty is None


def test_over_campaigns_a_failure_has_no_unit_of_one_of_them(tmp_path: Path) -> None:
    make.write_store(tmp_path)
    pages = rendered(tmp_path)
    over_all = pages["failures.md"].tables["failures/failures"]
    own = pages["campaigns/smollm-cpu/index.md"].tables["campaigns/smollm-cpu/failures"]
    assert "tok/s" in own
    assert "tok/s" not in re.sub(r'<span class="tb-evidence">.*?</span>', "", over_all)
    assert re.search(r'<td class="tb-num">[\d.]+ %</td><td class="tb-num">', over_all)


times = st.floats(0, 10**5)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["load", "start"]), times, times), max_size=20))
def test_no_time_is_lost_or_counted_twice(ends: list[tuple[str, str, float, float]]) -> None:
    rows = [died("c", n, "x", cause=cause, phase=phase, seconds_lost=wall, gpu_seconds_lost=gpu)
            for n, (cause, phase, wall, gpu) in enumerate(ends)]  # fmt: skip
    whole = sum(row["gpu_seconds_lost"] or row["seconds_lost"] for row in rows)
    tolls = [one.total for one in lost(rows)]
    assert sum(toll.trials for toll in tolls) == len(rows)
    assert sum(toll.cpu_seconds + toll.gpu_seconds for toll in tolls) == pytest.approx(whole, abs=0.1)
    cells = [cell for one in lost(rows) for cell in one.cells if cell]
    assert sum(cell.trials for cell in cells) == len(rows)


def tried(number: int, fails: bool, **params: Any) -> dict[str, Any]:
    return {"campaign": "c", "entry": "e", "number": number, "params_json": json.dumps(params),
            "status": "failed" if fails else "succeeded", "score": None if fails else 5.0}  # fmt: skip


CAMPAIGNS = [{"campaign": "c", "goal": "maximize"}]


def test_a_map_is_over_what_decides_first_and_counts_each_trial_once() -> None:
    trials = [tried(n, n % 4 == 3, batch=(1, 2, 4, 8)[n % 4], threads=(1, 2)[n // 4 % 2], word="ab"[n % 3 % 2])
              for n in range(48)]  # fmt: skip
    (region,) = regions([*trials, {**trials[0], "status": "unmeasured"}], CAMPAIGNS)
    assert (region.across, region.told, region.name) == ("batch", False, "c, e")
    assert region.xs == ("1", "2", "4", "8")
    assert sum(cell.trials for cell in region.cells) == 48
    assert sum(cell.failed for cell in region.cells) == 12
    assert {cell.x for cell in region.cells if cell.failed} == {"8"}
    assert {region.down, *region.others} == {"threads", "word"}
    chart = charts.get("feasible")
    rows = chart.rows({"trials": trials, "campaigns": CAMPAIGNS})
    words = {"setting": region.name, "across": region.across, "down": region.down}
    caption = chart.caption(rows, words)
    assert caption.startswith("12 of 48 trials failed; in ")
    assert f"{region.down} is not told apart from chance" in caption
    assert f"Also varied in every cell: {region.others[0]}" in caption


def test_there_is_no_map_where_nothing_decides_or_nothing_is_known() -> None:
    assert regions([], []) == []
    few = [tried(n, n % 2 == 1, batch=n % 4, threads=n % 3) for n in range(12)]
    assert regions(few, CAMPAIGNS) == []
    alone = [tried(n, n % 4 == 3, batch=(1, 2, 4, 8)[n % 4]) for n in range(48)]
    assert regions(alone, CAMPAIGNS) == [], "one parameter has no second axis"


def test_the_query_leaves_out_no_entry_that_would_be_asked(tmp_path: Path) -> None:
    write_many(tmp_path, 12, 60)
    with closing(open_snapshot(tmp_path)) as connection:
        prepare(connection)
        data = gather(connection, ["campaigns", "trials", "failing_entries"], Publisher([]))
    few: Counter[tuple[str, str]] = Counter()
    many: Counter[tuple[str, str]] = Counter()
    for rows, counted in ((data["failing_entries"], few), (data["trials"], many)):
        counted.update((row["campaign"], row["entry"]) for row in rows if row["status"] != "unmeasured")
    assert len(few) == ASKED < len(many)
    assert few.items() <= many.items(), "whole entries"
    assert regions(data["failing_entries"], data["campaigns"]) == regions(data["trials"], data["campaigns"]) != []
    sql = query("failing_entries").sql
    assert (f"count(*) >= {FEWEST} " in sql, f">= {FEWEST_EACH}\n" in sql, f"LIMIT {ASKED}\n" in sql) == (True,) * 3


def test_the_page_counts_a_line_once_over_numbers_and_shows_where_it_fails(tmp_path: Path) -> None:
    make.write_comparable(tmp_path)
    make.write_searched(tmp_path)
    page = rendered(tmp_path)["failures.md"]
    lines = page.tables["failures/lines"]
    assert "<path>: tried to allocate <n> GiB at <address>, <n> left" in unescape(lines)
    assert '<td class="tb-num">2</td>' in lines
    assert "smollm-searched" in page.tables["failures/by-campaign"]
    assert page.markdown.count('data-spec="feasible"') == 1
