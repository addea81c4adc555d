"""Whatever records which machines have, and whatever forms they arrive in: merging is a union. The order does not
matter, again adds nothing, nothing is lost, and what was changed on the way stays out."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.records import RecordKind
from runner.merge import merge
from runner.store._live import open_live
from runner.store.ingest import ingest
from runner.store.rebuild import content_hashes, rebuild
from runner.store.record import record_folders, seal
from runner.store.snapshot import snapshot
from runner.store.verify import verify
from tests import make

slow = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
fresh = itertools.count()
HOSTS = 3
FORMS = ("records", "snapshot.duckdb", "store.duckdb")
VIEWS = (
    "campaigns",
    "runs",
    "trials",
    "attempts",
    "scores",
    "best",
    "comparisons",
    "rejections",
    "retractions",
    "hosts",
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Records of three campaigns and of five hosts: two campaigns that went well, or not at all, one file in two
    words, and a withdrawn attempt."""
    results = tmp_path_factory.mktemp("sealed") / "results"
    of = make.campaign()
    attempts = make.believable(of)
    chosen = [replace(one, host=replace(one.host, host=f"host-{n % 3}")) for n, one in enumerate(attempts[:4])]
    made = make.write_store(results, of=of, attempts=chosen, ingested=False)
    make.write_all_failed(results)
    other = replace(
        made.run, run_id=make.an_id(4242), campaign_path="ci/other.yaml", campaign_text="# in other words\n"
    )
    seal(results, RecordKind.RUN_START, other.run_id, other)
    gone = make.retraction(attempts[0])
    seal(results, RecordKind.RETRACTION, gone.retraction_id, gone)
    return record_folders(results)


def host_of(records: Sequence[Path], folder: Path) -> Path:
    (folder / "records").mkdir(parents=True)
    for record in records:
        shutil.copytree(record, folder / "records" / record.name)
    ingest(folder)
    snapshot(folder)
    return folder


def content(results: Path) -> dict[str, Any]:
    """Every table, but for what says when and from where, and what people ask."""
    with open_live(results) as connection:
        found: dict[str, Any] = content_hashes(connection)
        for name in ("merge", "merged", "record"):
            del found[name]
        found["record"] = connection.execute(
            "SELECT kind, record_id, sha256, path FROM store.record WHERE kind <> 'merge' ORDER BY ALL"
        ).fetchall()
        for view in VIEWS:
            found[f"view {view}"] = connection.execute(f"FROM {view} ORDER BY ALL").fetchall()
    return found


@st.composite
def spread(draw: st.DrawFn) -> tuple[list[set[int]], list[str], list[int], list[int]]:
    """Which of 15 records each host has (several may have one), what it sends, and two orders of merging."""
    hosts = [draw(st.sets(st.integers(0, 14), min_size=1)) for _ in range(HOSTS)]
    forms = [draw(st.sampled_from(FORMS)) for _ in range(HOSTS)]
    return hosts, forms, draw(st.permutations(range(HOSTS))), draw(st.permutations(range(HOSTS)))


@slow
@given(spread())
def test_merging_is_a_union(
    sealed: list[Path], tmp_path: Path, drawn: tuple[list[set[int]], list[str], list[int], list[int]]
) -> None:
    """With folders alone the tables are those of one ingest. A file has what its host judged, and no more: of files
    the records and all that was measured are the same, and the order of merging still does not matter."""
    owned, forms, first, second = drawn
    folder = tmp_path / str(next(fresh))
    hosts = [host_of([sealed[i] for i in own], folder / f"host-{n}") for n, own in enumerate(owned)]
    sources = [str(host if form == "records" else host / form) for host, form in zip(hosts, forms, strict=True)]

    for target, order in (("one", first), ("two", second)):
        for position in order:
            merge(folder / target, [sources[position]])
    assert content(folder / "one") == content(folder / "two")
    together = merge(folder / "three", sources)
    assert content(folder / "three") == content(folder / "one")
    assert not together.refused

    assert [source.new for source in merge(folder / "one", sources[::-1]).sources] == [{}] * HOSTS
    assert content(folder / "one") == content(folder / "two")
    rebuild(folder / "two")
    assert content(folder / "two") == content(folder / "one")
    assert not verify(folder / "two").damaged

    whole = content(host_of([sealed[i] for i in sorted(set().union(*owned))], folder / "whole"))
    folders = content_of_folders(folder, hosts)
    assert folders == whole
    judged = {"score", "slo_verdict", "objective", *(f"view {view}" for view in VIEWS)}
    merged = content(folder / "one")
    assert {k: v for k, v in merged.items() if k not in judged} == {k: v for k, v in whole.items() if k not in judged}
    shutil.rmtree(folder)


def content_of_folders(folder: Path, hosts: Sequence[Path]) -> dict[str, Any]:
    merge(folder / "folders", [str(host) for host in hosts])
    return content(folder / "folders")


@slow
@given(st.sets(st.integers(0, 14), min_size=1, max_size=4), st.integers(0, 10**6))
def test_what_was_changed_stays_out_and_keeps_nothing_else_out(
    sealed: list[Path], tmp_path: Path, changed: set[int], place: int
) -> None:
    folder = tmp_path / str(next(fresh))
    host = host_of(sealed, folder / "host")
    bad = {sealed[i].name for i in changed}
    for name in bad:
        files = sorted((host / "records" / name).iterdir())
        file = files[place % len(files)]
        data = bytearray(file.read_bytes())
        if data:
            data[place % len(data)] ^= 0x01
        file.write_bytes(data or b"!")
    [done] = merge(folder / "target", [str(host)]).sources
    assert len(done.refused) == len(bad)
    assert all(any(name in problem for problem in done.refused) for name in bad)
    taken = {path.name for path in record_folders(folder / "target") if not path.name.startswith("merge-")}
    assert taken == {path.name for path in sealed} - bad
    good = host_of([path for path in sealed if path.name not in bad], folder / "good")
    assert content(folder / "target") == content(good)
    shutil.rmtree(folder)


def test_there_is_enough_to_merge(sealed: list[Path]) -> None:
    """Else the properties were tried on too little."""
    kinds = {path.name.partition("-")[0] for path in sealed}
    assert kinds >= {"run_start", "run_end", "attempt", "rules", "retraction"}
    assert len(sealed) == 15
