"""Every kind of record, with content nobody thought of: it reads back equal; and however the records of a campaign
arrive, in whatever order and batches, and however often they are read, the store is the same."""

from __future__ import annotations

import itertools
import shutil
import typing
from collections.abc import Sequence
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.foreign import ForeignFact, ForeignLevel, ForeignMetric
from runner.domain.records import MergeFact, MergeForm, RecordKind
from runner.store._live import live_path, open_live
from runner.store.ingest import ingest
from runner.store.rebuild import content_hashes, rebuild
from runner.store.record import read_record, record_folders, seal, verify_record
from runner.util.codec import from_plain
from tests import make

slow = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | st.integers(-(2**53), 2**53) | numbers | words

SAMPLES: dict[RecordKind, Any] = {
    RecordKind.RUN_START: make.run_start(),
    RecordKind.RUN_END: make.run_end(),
    RecordKind.ATTEMPT: make.attempt(),
    RecordKind.REJECTION: make.rejection(),
    RecordKind.COMPARISON: make.comparison(make.attempt(number=0), make.attempt(number=1)),
    RecordKind.RULES: make.rules(),
    RecordKind.RETRACTION: make.retraction(make.attempt()),
    RecordKind.MERGE: MergeFact(make.an_id(7), "hosts/a", MergeForm.RECORDS, "a", "2026-03-02T01:00:00Z", "0.1"),
    RecordKind.FOREIGN: ForeignFact(
        make.an_id(8),
        "aiperf",
        "aiperf",
        "0.13.0",
        "m",
        None,
        "a.json",
        "ab" * 32,
        3,
        "a",
        "2026-03-02T01:00:00Z",
        "0.1",
        (ForeignLevel("rate", 2.0, 3, None, None, 1.5, (ForeignMetric("ttft", "p99", "s", 0.5, "t.p99", "ms"),)),),
        ("x",),
    ),
}
ANY: dict[Any, st.SearchStrategy[Any]] = {
    str: words, int: st.integers(0, 2**31 - 1), float: numbers, bool: st.booleans(), float | None: st.none() | numbers,
}  # fmt: skip
fresh = itertools.count()


def loose(kind: RecordKind) -> dict[str, st.SearchStrategy[Any]]:
    """The fields of a fact that may hold anything of their type."""
    sample = SAMPLES[kind]
    hints = typing.get_type_hints(type(sample))
    found: dict[str, st.SearchStrategy[Any]] = {}
    for one in fields(sample):
        hint = hints[one.name]
        if hint in ANY:
            found[one.name] = ANY[hint]
        elif isinstance(hint, type) and issubclass(hint, StrEnum):
            found[one.name] = st.sampled_from(hint)
        elif one.name == "params":
            found[one.name] = st.dictionaries(words, scalars, max_size=4)
    return found


@st.composite
def facts(draw: st.DrawFn) -> tuple[RecordKind, Any]:
    """A fact of any kind, with some of its fields drawn anew."""
    kind = draw(st.sampled_from(RecordKind))
    strategies = loose(kind)
    changed = draw(st.sets(st.sampled_from(sorted(strategies)), min_size=1))
    return kind, replace(SAMPLES[kind], **{name: draw(strategies[name]) for name in sorted(changed)})


def test_every_kind_has_a_sample_with_something_to_change() -> None:
    assert set(SAMPLES) == set(RecordKind)
    assert all(len(loose(kind)) >= 4 for kind in RecordKind)


@settings(slow, max_examples=150)
@given(facts(), st.integers(0, 10**6))
def test_a_fact_of_any_kind_reads_back_equal(tmp_path: Path, drawn: tuple[RecordKind, Any], n: int) -> None:
    kind, fact = drawn
    path = seal(tmp_path / str(next(fresh)), kind, make.an_id(n), fact)
    assert verify_record(path) == []
    record = read_record(path)
    assert (record.kind, record.record_id) == (kind, make.an_id(n))
    assert from_plain(type(fact), record.facts) == fact


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of a small campaign and of one that went wrong, not ingested: nothing else is in the folder."""
    results = tmp_path_factory.mktemp("sealed") / "results"
    of = make.campaign()
    attempts = make.believable(of)
    make.write_store(results, of=of, attempts=[*attempts[:3], *attempts[-2:]], ingested=False)
    make.write_all_failed(results)
    live_path(results).unlink()
    gone = make.retraction(attempts[0])
    seal(results, RecordKind.RETRACTION, gone.retraction_id, gone)
    return results


def arrive(records: Sequence[Path], results: Path) -> None:
    folder = results / "records"
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        shutil.copytree(record, folder / record.name)


def content(results: Path) -> dict[str, tuple[int, int]]:
    with open_live(results) as connection:
        return content_hashes(connection)


@pytest.fixture(scope="module")
def whole(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """The store after one ingest of everything."""
    results = tmp_path_factory.mktemp("whole") / "results"
    arrive(record_folders(sealed), results)
    assert ingest(results).pending == 0
    return content(results)


@settings(slow, max_examples=3)
@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 14), min_size=1, max_size=2))
def test_order_and_batches_do_not_matter_and_reading_twice_adds_nothing(
    sealed: Path, whole: dict[str, tuple[int, int]], tmp_path: Path, rng: Any, cuts: list[int]
) -> None:
    results = tmp_path / str(next(fresh))
    records = record_folders(sealed)
    rng.shuffle(records)
    edges = [0, *sorted(set(cuts)), len(records)]
    for start, end in itertools.pairwise(edges):
        arrive(records[start:end], results)
        ingest(results)
    again = ingest(results)
    assert (again.new, again.pending) == (0, 0)
    assert content(results) == whole
    rebuild(results)
    assert content(results) == whole
    shutil.rmtree(results)


def test_the_store_holds_every_kind(sealed: Path, whole: dict[str, tuple[int, int]]) -> None:
    """Else order and batches were tried on too little."""
    kinds = {read_record(path).kind for path in record_folders(sealed)}
    assert kinds >= set(RecordKind) - {
        RecordKind.REJECTION,
        RecordKind.COMPARISON,
        RecordKind.MERGE,
        RecordKind.FOREIGN,
    }
    assert sum(count for count, _ in whole.values()) > 100
