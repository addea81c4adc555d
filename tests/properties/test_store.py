"""What must hold for any fact: nothing is lost or changed on the way into the store and out of it."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.failure import Cause, Failure, LevelState, Phase, Role
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt, Configuration, LevelResult, MetricValue, PhaseTime
from runner.render.shell import one_line
from runner.store import schema
from runner.store.ingest import ingest_into, insert_rows, rows_of
from runner.store.record import read_record, record_folders, seal, seal_attempt, verify_record
from runner.util.codec import from_plain
from tests import make

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | st.integers(-(2**53), 2**53) | numbers | words
counts = st.integers(0, 2**31 - 1)

levels = st.builds(
    LevelResult,
    position=st.integers(0, 20),
    scenario=words,
    load_kind=st.sampled_from(["concurrency", "rate"]),
    load_value=numbers,
    state=st.sampled_from(LevelState),
    sent=counts,
    ok=counts,
    seconds=numbers,
    metrics=st.lists(st.builds(MetricValue, words, words, words, numbers), max_size=3).map(tuple),
    counters=st.dictionaries(words, numbers, max_size=2),
)
failures = st.builds(
    Failure, st.sampled_from(Phase), st.sampled_from(Cause), words, st.none() | words, st.booleans(), st.none()
)


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    values = draw(st.dictionaries(words.filter(bool), scalars, max_size=4))
    entry = draw(words)
    configuration = Configuration(
        entry, "llama_cpp", values, values, draw(st.dictionaries(words, words, max_size=2)), "f" * 16
    )
    return make.attempt(
        configuration=configuration,
        number=draw(counts),
        role=draw(st.sampled_from(Role)),
        levels=tuple(draw(st.lists(levels, max_size=2))),
        failure=draw(st.none() | failures),
        phases=tuple(draw(st.lists(st.builds(PhaseTime, st.sampled_from(Phase), numbers), max_size=2))),
        warnings=tuple(draw(st.lists(words, max_size=2))),
        seconds=draw(numbers),
    )


fresh = itertools.count()
slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@slow
@given(attempts())
def test_an_attempt_reads_back_equal(tmp_path: Path, attempt: Attempt) -> None:
    path = seal_attempt(tmp_path / str(next(fresh)), attempt)
    assert verify_record(path) == []
    back = from_plain(Attempt, read_record(path).facts)
    assert back == attempt
    for name, value in attempt.configuration.values.items():
        assert type(back.configuration.values[name]) is type(value), "1, 1.0 and true stay what they were"


@slow
@given(attempts())
def test_rows_hold_what_the_attempt_said(store: Any, tmp_path: Path, attempt: Attempt) -> None:
    results = tmp_path / str(next(fresh))
    seal_attempt(results, attempt)
    (path,) = record_folders(results)
    store.begin()
    try:
        for table, rows in rows_of(read_record(path)).items():
            insert_rows(store, table, rows)
        row = store.execute("SELECT params_json, seconds, cause, entry, warnings FROM store.attempt").fetchone()
        cause = attempt.failure.cause if attempt.failure else None
        assert json.loads(row[0]) == dict(attempt.configuration.values)
        assert row[1:] == (attempt.seconds, cause, attempt.configuration.entry, list(attempt.warnings))
        found = store.execute("SELECT position, metric, stat, unit, value FROM store.level_metric").fetchall()
        said = [(v.position, m.metric, m.stat, m.unit, m.value) for v in attempt.levels for m in v.metrics]
        assert sorted(map(repr, found)) == sorted(map(repr, said))
    finally:
        store.rollback()


@pytest.fixture(scope="module")
def store() -> Any:
    with duckdb.connect() as connection:
        schema.create(connection)
        yield connection


@given(
    goal=st.sampled_from(["maximize", "minimize"]),
    scores=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=5),
    severities=st.tuples(st.floats(1e-6, 0.99), st.floats(1e-6, 0.99)),
    resolution=st.sampled_from([1e-4, 1e-3, 0.1, 1.0]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_failure_ranks_above_a_success(
    store: Any, goal: str, scores: list[float], severities: tuple[float, float], resolution: float
) -> None:
    """For either goal and any sign; and a worse failure never ranks above a milder one."""
    ask = "SELECT penalty(?, ?, ?, ?, ?)"
    milder, worse = (
        store.execute(ask, [goal, severity, min(scores), max(scores), resolution]).fetchone()[0]
        for severity in sorted(severities)
    )
    sign = 1 if goal == "maximize" else -1
    assert sign * milder < min(sign * score for score in scores)
    assert sign * worse <= sign * milder
    assert math.isfinite(worse)
    assert store.execute(ask, [goal, 0.5, None, None, resolution]).fetchone() == (None,)


pieces = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
shell_words = pieces | st.sampled_from(
    ["$MODEL", "--model=$MODEL", "$PORT", "$HOME", "`id`", '"', "$(id) $PORT", "\\", "$MODELS_2"]
)


@given(st.lists(shell_words, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_launch_line_means_to_a_shell_what_we_meant(argv: list[str]) -> None:
    """A real shell reads it word by word; only MODEL and PORT are variables."""
    line = one_line(["printf", "%s\\0", "begin", *argv], {"LC_ALL": "C"})
    env = {"MODEL": "/models/a b", "PORT": "8000", "HOME": "/nobody", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", line], env=env, capture_output=True, check=True)
    expected = [word.replace("$MODEL", "/models/a b").replace("$PORT", "8000") for word in ["begin", *argv]]
    assert done.stdout.decode().split("\0")[:-1] == expected


@settings(slow, max_examples=5)
@given(st.permutations(range(4)))
def test_the_order_of_records_does_not_matter(tmp_path: Path, order: list[int]) -> None:
    """Records of several machines arrive as they arrive: the rows are the same."""
    facts = [
        (RecordKind.RUN_START, make.run_start(), make.an_id(1)),
        (RecordKind.RULES, make.rules(), make.an_id(2)),
        (RecordKind.RUN_END, make.run_end(), make.an_id(3)),
        (RecordKind.RETRACTION, make.retraction(make.attempt()), make.an_id(4)),
    ]
    results = tmp_path / str(next(fresh))
    with duckdb.connect() as connection:
        for position in order:
            kind, fact, record_id = facts[position]
            seal(results, kind, record_id, fact)
            done = ingest_into(connection, results)
            assert (done.new, done.pending) == (1, 0)
        seal_attempt(results, make.attempt())
        ingest_into(connection, results)
        rows = connection.execute("SELECT status, value FROM store.score").fetchall()
        assert [row[0] for row in rows] == ["succeeded"]
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (0,)
