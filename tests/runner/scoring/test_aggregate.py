"""Rows to a level: formulas by hand, counts that add up, and failures that lend nothing to a latency."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.campaign import LevelPlan, LoadKind, Scenario, Slo
from runner.domain.failure import LevelState
from runner.domain.metrics import METRICS, REPORTED, STATS, VALUE
from runner.domain.trial import LevelResult, Load
from runner.loadgens import Row
from runner.scoring.aggregate import aggregate, beside, bucket, loop_lag, not_reached, percentile, time_per_token
from runner.scoring.doubts import doubts, occupancy

SCENARIO = Scenario("D(10,5)", "D", 10, 5)
CLOSED = LevelPlan(0, SCENARIO, LoadKind.CONCURRENCY, 2.0)
OPEN = LevelPlan(1, SCENARIO, LoadKind.RATE, 4.0)
GOOD = Row(
    position=0, number=0, kind="measure", intended=1.0, sent=1.0, first=1.5, last=2.5, ended=2.6, asked_prompt=10,
    prompt_tokens=10, asked_output=5, output_tokens=5, tokens_from="usage", finish="length", status=200, error=None,
    token_times=(1.5, 1.75, 2.0, 2.25, 2.5),
)  # fmt: skip
FAILED = replace(GOOD, error="cut", message="gone", finish=None, output_tokens=2, token_times=(1.5, 1.75), last=1.75)
LOST = replace(GOOD, error="lost", first=None, last=None, output_tokens=0, token_times=(), status=None)


def level(
    rows: list[Row],
    plan: LevelPlan = CLOSED,
    seconds: float = 10.0,
    gpus: int = 0,
    rate: float = 0.99,
    slos: tuple[Slo, ...] = (),
) -> LevelResult:
    return aggregate(
        plan, rows, seconds, gpus=gpus, min_success_rate=rate, client_cpu=1.0, load=None, counters={"a": 2.0}, slos=slos
    )


def test_formulas_by_hand() -> None:
    result = level([GOOD], gpus=2)
    expected = {
        ("ttft", "p50"): 0.5,
        ("e2e", "mean"): 1.5,
        ("tpot", "p99"): 0.25,
        ("itl", "max"): 0.25,
        ("interactivity", "min"): 4.0,
        ("output_throughput", VALUE): 0.5,
        ("total_throughput", VALUE): 1.5,
        ("output_throughput_per_gpu", VALUE): 0.25,
        ("total_throughput_per_gpu", VALUE): 0.75,
        ("request_throughput", VALUE): 0.1,
        ("success_rate", VALUE): 1.0,
        ("short_rate", VALUE): 0.0,
        ("prompt_tokens", "p50"): 10.0,
        ("output_tokens", "p50"): 5.0,
        ("client_cpu", VALUE): 0.1,
    }
    assert {key: result.metric(*key) for key in expected} == pytest.approx(expected)
    assert (result.state, result.sent, result.ok, result.seconds) == (LevelState.COMPLETE, 1, 1, 10.0)
    assert result.counters == {"a": 2.0}


def test_every_metric_of_the_table_is_produced_with_its_unit_and_statistics() -> None:
    thoughtful = replace(GOOD, number=1, intended=1.5, sent=1.6, first=2.0, answered=2.25, reasoning_tokens=2)
    opened = level([replace(GOOD, sent=1.1), thoughtful], OPEN, gpus=1, slos=(Slo("ttft", "ttft_p50", maximum=1.0),))
    per_user = [one for one in level([GOOD]).metrics if one.metric.endswith("_per_user")]
    watched = {name: [1.0, 2.0] for name in METRICS if name.startswith("gpu_") or name == "engine_memory"}
    alone = {"energy": 10.0, "energy_error": 0.1, "engine_cpu": 1.5, "cpu_energy": 20.0}
    late = loop_lag(dict.fromkeys(STATS, 0.001))
    both = (*opened.metrics, *per_user, *beside(4.0, alone, watched), *late)
    found = {(value.metric, value.stat, value.unit) for value in both}
    assert len(found) == len(both)
    assert found == {
        (name, stat, metric.unit)
        for name, metric in METRICS.items()
        if not name.startswith((REPORTED, "capacity_")) and name != "attainment_target"  # of several levels together
        for stat in (STATS if metric.distribution else (VALUE,))
    }


def test_input_is_counted_apart_and_told_per_user_and_gpu() -> None:
    result = level([GOOD, replace(GOOD, prompt_tokens=30)], gpus=4)
    expected = {
        ("input_throughput", VALUE): 4.0,
        ("input_throughput_per_gpu", VALUE): 1.0,
        ("input_throughput_per_user", VALUE): 2.0,
        ("output_throughput_per_user", VALUE): 0.5,
    }
    assert {key: result.metric(*key) for key in expected} == pytest.approx(expected)
    assert level([GOOD], OPEN).metric("input_throughput_per_user", VALUE) is None


def test_the_rate_that_was_asked_for_and_the_one_that_was_reached() -> None:
    rows = [replace(GOOD, number=n, intended=n * 0.5, sent=n * 0.6) for n in range(5)]
    result = level(rows, OPEN)
    assert result.metric("asked_rate", VALUE) == pytest.approx(2.0)
    assert result.metric("request_rate", VALUE) == pytest.approx(1 / 0.6)
    burst = level([replace(GOOD, number=n) for n in range(4)], replace(OPEN, load_kind=LoadKind.BURST))
    assert burst.metric("asked_rate", VALUE) is None, "one moment is no rate"
    assert burst.metric("send_delay", "max") == 0.0


def test_goodput_counts_requests_that_meet_every_limit() -> None:
    """Each request by itself: a p99 in the SLO's name changes nothing."""
    slow = replace(GOOD, first=2.2, token_times=(2.2, 2.5))
    limits = (
        Slo("a", "ttft_p99", maximum=0.5),
        Slo("b", "tpot_p50", maximum=0.25),
        Slo("c", "success_rate", minimum=1),
    )
    assert level([GOOD, GOOD, slow], slos=limits).metric("goodput", VALUE) == pytest.approx(0.2)
    assert level([GOOD, FAILED], slos=limits).metric("goodput", VALUE) == pytest.approx(0.1)
    assert level([slow], slos=limits).metric("goodput", VALUE) == 0.0
    assert level([GOOD], slos=limits[2:]).metric("goodput", VALUE) is None
    fast = (Slo("d", "interactivity_p50", minimum=4.1),)
    assert level([GOOD], slos=fast).metric("goodput", VALUE) == 0.0
    one_token = replace(GOOD, output_tokens=1, last=1.5, token_times=(1.5,))
    assert level([one_token], slos=limits[:2]).metric("goodput", VALUE) == pytest.approx(0.1)


def test_reasoning_moves_the_first_token_of_the_answer_only() -> None:
    result = level([replace(GOOD, answered=2.0, reasoning_tokens=2)])
    assert (result.metric("ttft", "p50"), result.metric("ttfa", "p50")) == (0.5, 1.0)
    assert (result.metric("reasoning_tokens", "max"), result.metric("output_tokens", "max")) == (2, 5)
    assert level([replace(GOOD, answered=GOOD.first)]).metric("ttfa", "p50") is None


def test_embeddings_have_what_they_have() -> None:
    row = replace(GOOD, first=None, last=1.5, asked_output=0, output_tokens=0, token_times=(), finish="stop")
    names = {one.metric for one in level([row], gpus=1).metrics}
    assert {"e2e", "input_throughput", "total_throughput", "request_throughput", "prompt_tokens"} <= names
    assert names.isdisjoint(metric.name for metric in METRICS.values() if metric.of_output)


def test_telemetry_that_saw_nothing_has_no_metric() -> None:
    assert list(beside(4.0, {}, {"gpu_power": []})) == []
    assert [one.metric for one in beside(0.0, {"energy": 10.0}, {})] == ["energy"], "no token, no share of it"
    found = [(one.metric, one.value) for one in beside(4.0, {"energy": 10.0, "engine_cpu": 1.5}, {})]
    assert found == [("energy", 10.0), ("energy_per_token", 2.5), ("engine_cpu", 1.5)]


def test_open_loop_latency_counts_from_the_intended_time() -> None:
    late = replace(GOOD, intended=0.25)
    result = level([late], OPEN)
    assert result.metric("ttft", "p50") == pytest.approx(1.25)
    assert result.metric("e2e", "p50") == pytest.approx(2.25)
    assert result.metric("send_delay", "p50") == pytest.approx(0.75)
    assert level([GOOD]).metric("send_delay", "p50") is None


def test_failed_lost_and_warm_up_requests_lend_no_number() -> None:
    slow = replace(FAILED, first=9.0, last=9.5, token_times=(9.0, 9.5))
    alone = level([GOOD])
    mixed = level([GOOD, slow, LOST, replace(GOOD, kind="warmup", first=9.0)], rate=0.1)
    for name in ("ttft", "tpot", "itl", "e2e", "output_throughput", "request_throughput", "total_throughput"):
        for stat in ("p50", "max", VALUE):
            assert mixed.metric(name, stat) == alone.metric(name, stat), name
    assert mixed.histogram == alone.histogram
    assert (mixed.sent, mixed.ok, mixed.failed, mixed.lost) == (3, 1, 1, 1)
    assert mixed.metric("success_rate", VALUE) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("ok", "bad", "state"),
    [
        (100, 0, LevelState.COMPLETE),
        (99, 1, LevelState.DEGRADED),
        (98, 2, LevelState.FAILED),
        (2, 98, LevelState.FAILED),
        (0, 5, LevelState.FAILED),
        (0, 0, LevelState.FAILED),
    ],
)
def test_state_follows_the_success_rate(ok: int, bad: int, state: LevelState) -> None:
    assert level([GOOD] * ok + [FAILED] * bad).state is state


def test_a_level_that_was_broken_off_failed_however_good_it_was() -> None:
    result = aggregate(
        CLOSED, [GOOD] * 50, 5.0, gpus=0, min_success_rate=0.99, client_cpu=0.0, load=None, counters={},
        broken_off=True,
    )  # fmt: skip
    assert result.state is LevelState.FAILED
    assert result.metric("output_throughput", VALUE) == 50.0


def test_errors_are_grouped_by_kind_the_most_frequent_first() -> None:
    rows = [FAILED, replace(FAILED, error="timeout", message="a"), replace(FAILED, error="timeout", message="b"), LOST]
    assert [(e.kind, e.count, e.message) for e in level(rows).errors] == [
        ("timeout", 2, "a"),
        ("cut", 1, "gone"),
        ("lost", 1, ""),
    ]


def test_short_outputs_are_ok_and_counted() -> None:
    result = level([GOOD, replace(GOOD, output_tokens=3)])
    assert (result.ok, result.short) == (2, 1)
    assert result.metric("short_rate", VALUE) == 0.5


@pytest.mark.parametrize(
    "row",
    [
        replace(GOOD, output_tokens=1, last=1.5, token_times=(1.5,)),
        replace(GOOD, last=1.5, token_times=(1.5,)),  # five tokens in one piece
    ],
)
def test_where_no_time_between_tokens_was_seen_there_is_none(row: Row) -> None:
    assert time_per_token(row) is None
    result = level([row])
    assert result.metric("tpot", "p50") is None
    assert result.metric("interactivity", "p50") is None
    assert result.metric("ttft", "p50") == 0.5


def test_without_usage_of_the_prompt_there_is_no_total() -> None:
    result = level([replace(GOOD, prompt_tokens=None)])
    assert result.metric("total_throughput", VALUE) is None
    assert result.metric("output_throughput", VALUE) == 0.5


def test_not_reached_says_what_was_planned_and_nothing_more() -> None:
    result = not_reached(OPEN)
    assert (result.state, result.position, result.load_kind) == (LevelState.NOT_REACHED, 1, "rate")
    assert result.metrics == ()


@given(st.lists(st.floats(0, 1e4), min_size=2, max_size=60))
def test_percentiles_interpolate_as_the_standard_library_does(values: list[float]) -> None:
    ordered = sorted(values)
    cuts = statistics.quantiles(ordered, n=100, method="inclusive")
    for share, expected in ((0.5, cuts[49]), (0.9, cuts[89]), (0.99, cuts[98])):
        assert percentile(ordered, share) == pytest.approx(expected, abs=1e-9)
    assert percentile(ordered, 0.0) == ordered[0]
    assert percentile(ordered, 1.0) == ordered[-1]


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([3.0], 0.99) == 3.0


@given(st.floats(1e-6, 1e4))
def test_a_bucket_holds_times_within_two_percent(seconds: float) -> None:
    low = 1.02 ** bucket(seconds)
    assert low <= seconds * 1e6 * (1 + 1e-9)
    assert seconds * 1e6 <= low * 1.02 * (1 + 1e-9)


def test_nothing_is_below_the_first_bucket() -> None:
    assert bucket(0.0) == bucket(1e-9) == 0


rows = st.builds(
    lambda number, start, ttft, gaps, error, asked: replace(
        GOOD,
        number=number,
        intended=start,
        sent=start,
        first=start + ttft,
        last=start + ttft + sum(gaps),
        ended=start + ttft + sum(gaps),
        token_times=tuple(itertools.accumulate([start + ttft, *gaps])),
        output_tokens=len(gaps) + 1,
        asked_output=asked,
        error=error,
    ),
    st.integers(0, 1000),
    st.floats(0, 100),
    st.floats(0, 10),
    st.lists(st.integers(0, 10**6).map(lambda micros: micros / 1e6), max_size=10),  # rows are rounded to 1 us
    st.sampled_from([None, None, None, "cut", "lost", "timeout"]),
    st.integers(1, 12),
)


@given(st.lists(rows, max_size=30), st.floats(0.001, 100))
def test_counts_add_up_and_every_number_is_finite_and_ordered(many: list[Row], seconds: float) -> None:
    result = level(many, seconds=seconds, gpus=1)
    assert result.sent == len(many) == result.ok + result.failed + result.lost
    assert result.short <= result.ok
    assert sum(error.count for error in result.errors) == result.failed + result.lost
    assert all(math.isfinite(value.value) for value in result.metrics)
    per_metric: dict[str, int] = {}
    for bar in result.histogram:
        assert bar.n > 0
        per_metric[bar.metric] = per_metric.get(bar.metric, 0) + bar.n
    assert per_metric.get("ttft", 0) == result.ok
    for name in METRICS:
        found = [result.metric(name, stat) for stat in ("min", "p50", "p90", "p95", "p99", "max")]
        known = [value for value in found if value is not None]
        assert all(a <= b + 1e-9 * abs(b) for a, b in itertools.pairwise(known))


def said(rows: list[Row], result: LevelResult, plan: LevelPlan = CLOSED) -> list[str]:
    return list(doubts(plan, rows, result))


def test_nothing_is_doubted_about_a_good_level() -> None:
    busy = [replace(GOOD, number=n, sent=0.0, ended=10.0) for n in range(2)]
    assert said(busy, level(busy)) == []


def test_each_doubt_is_said_with_its_numbers() -> None:
    chunks = replace(GOOD, tokens_from="chunks")
    longer = replace(GOOD, prompt_tokens=14)
    assert said([chunks], level([chunks])) == [
        "D(10,5) at concurrency 2: 1 of 1 answers had no usage; their tokens are counted chunks"
    ]
    assert "mean 14.0 tokens, asked 10.0" in said([longer], level([longer]))[0]
    busy = said([GOOD], level([GOOD], seconds=1.0))[0]
    assert "used 100 % of a core; the level shows the client and not the engine, and is not ranked" in busy
    stolen = replace(level([GOOD]), load=Load(0.1, 0.1, 0.2, 2))
    assert "20 % of the CPU" in said([GOOD], stolen)[0]


def test_users_that_are_stuck_are_missed_by_littles_law() -> None:
    """Nine of ten users hang without a row: what ended looks perfect, and keeps one user busy."""
    plan = LevelPlan(0, SCENARIO, LoadKind.CONCURRENCY, 10.0)
    alone = [replace(GOOD, number=n, sent=float(n), ended=n + 1.0) for n in range(40)]
    assert occupancy(alone, 40.0) == pytest.approx(1.0)
    assert "only 1.0 of 10 users" in said(alone, level(alone, plan, seconds=40.0), plan)[0]


def test_a_hang_is_missed_from_the_second_request_on() -> None:
    """Six answers in a minute, no error, four users stuck without a row: few requests, and the law holds for them."""
    plan = LevelPlan(0, SCENARIO, LoadKind.CONCURRENCY, 8.0)
    few = [replace(GOOD, number=n, sent=10.0 * n, ended=10.0 * n + 9.0) for n in range(6)]
    assert "only 0.9 of 8 users" in said(few, level(few, plan, seconds=60.0), plan)[0]
    once = [replace(GOOD, number=n, sent=0.0, ended=1.0 + n) for n in range(8)]
    assert said(once, level(once, plan, seconds=9.0), plan) == [], "users that asked once may end when they like"
    tail = [replace(one, number=8 + n, sent=one.ended, ended=one.ended + 1.0) for n, one in enumerate(once)]
    last = tail[:1]
    assert said([*once, *last], level([*once, *last], plan, seconds=9.0), plan) == []
