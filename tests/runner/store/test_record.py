"""Sealing: whole or not at all, never changed afterwards."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from runner.domain.records import RecordKind
from runner.domain.trial import Attempt, MetricValue
from runner.errors import StoreDamaged, StoreError, Unwritable
from runner.store._parquet import REQUEST_COLUMNS
from runner.store.record import (
    read_record,
    read_records,
    record_folders,
    seal,
    seal_attempt,
    seal_rules,
    sweep_unfinished,
    verify_record,
)
from runner.util import logs
from runner.util.codec import from_plain
from runner.util.files import new_folder
from tests import make


def test_an_attempt_reads_back_equal(results: Path) -> None:
    attempt = make.attempt(number=3, values={"threads": 4, "batch-size": 0.9, "flash-attn": True, "x": "y"})
    path = make.seal_one(results, attempt)
    assert path == results / "records" / f"attempt-{attempt.attempt_id}"
    assert sorted(p.name for p in path.iterdir()) == [
        "MANIFEST.sha256", "attempt.json", "client.log", "engine.log", "requests.parquet",
    ]  # fmt: skip
    record = read_record(path)
    assert (record.kind, record.record_id) == (RecordKind.ATTEMPT, attempt.attempt_id)
    assert from_plain(Attempt, record.facts) == attempt
    assert verify_record(path) == []


def test_the_manifest_is_what_sha256sum_reads(results: Path) -> None:
    path = make.seal_one(results, make.attempt())
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "MANIFEST.sha256"], cwd=path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = [line.split("  ")[1] for line in (path / "MANIFEST.sha256").read_text().splitlines()]
    assert names == sorted(names)


def test_sealing_again_is_nothing_new_and_another_fact_is_refused(results: Path) -> None:
    attempt = make.attempt()
    path = make.seal_one(results, attempt)
    before = (path / "MANIFEST.sha256").stat().st_mtime_ns
    assert seal_attempt(results, attempt) == path
    assert (path / "MANIFEST.sha256").stat().st_mtime_ns == before
    with pytest.raises(StoreError, match="exists with other facts"):
        seal_attempt(results, make.attempt(throughput=61.0))
    assert verify_record(path) == []
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no temporary folder is left"


def test_a_fact_with_nan_is_never_sealed(results: Path) -> None:
    level = make.level(metrics=(MetricValue("ttft", "p50", "s", float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        seal_attempt(results, make.attempt(levels=(level,)))
    assert list((results / "records").iterdir()) == []


def test_request_rows_become_parquet_with_fixed_types(results: Path, tmp_path: Path) -> None:
    attempt = make.attempt()
    rows = make.request_rows(attempt)
    rows[0]["sent"] = 0.123456789
    text = "".join(json.dumps(row) + "\n" for row in reversed(rows)) + '{"position": 0, "numb'  # torn by a kill
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    path = seal_attempt(results, attempt, file)
    with duckdb.connect() as connection:
        relation = connection.sql(f"FROM '{path}/requests.parquet'")
        assert dict(zip(relation.columns, map(str, relation.types), strict=True)) == REQUEST_COLUMNS
        found = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert [(row["position"], row["number"]) for row in found] == [(r["position"], r["number"]) for r in rows]
    assert found[0]["sent"] == 0.123457
    assert found[0]["token_times"] == rows[0]["token_times"]


@pytest.mark.parametrize("text", [None, "", '{"position"'])
def test_an_attempt_without_requests_has_a_file_with_no_rows(results: Path, tmp_path: Path, text: str | None) -> None:
    file = None
    if text is not None:
        file = tmp_path / "rows.jsonl"
        file.write_text(text)
    path = seal_attempt(results, make.attempt(), file)
    with duckdb.connect() as connection:
        relation = connection.sql(f"FROM '{path}/requests.parquet'")
        assert dict(zip(relation.columns, map(str, relation.types), strict=True)) == REQUEST_COLUMNS
        assert relation.fetchall() == []


def test_long_logs_keep_head_and_tail(results: Path, tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("".join(f"line {n}\n" for n in range(200_000)))
    path = seal_attempt(results, make.attempt(), None, log)
    kept = (path / "engine.log").read_text()
    assert len(kept) < logs.KEPT_BYTES + 100
    assert kept.startswith("line 0\nline 1\n")
    assert kept.endswith("line 199998\nline 199999\n")
    assert "bytes cut ...]\n" in kept
    assert all(line.startswith(("line ", "[... ")) for line in kept.splitlines()), "cut at line ends"
    assert log.exists(), "the scratch file belongs to the caller"


def test_files_are_moved_in(results: Path, tmp_path: Path) -> None:
    extra = tmp_path / "note"
    extra.write_text("x")
    path = seal(results, RecordKind.RUN_END, "r", make.run_end(run_id="r"), {"note.txt": extra})
    assert (path / "note.txt").read_text() == "x"
    assert not extra.exists()
    assert verify_record(path) == []


def test_verify_names_what_changed(results: Path) -> None:
    path = make.seal_one(results, make.attempt())
    name = path.name
    log = bytearray((path / "engine.log").read_bytes())
    log[3] ^= 1
    (path / "engine.log").write_bytes(log)
    (path / "client.log").unlink()
    (path / "new.txt").write_text("x")
    assert verify_record(path) == [
        f"{name}/client.log: missing",
        f"{name}/new.txt: not in the manifest",
        f"{name}/engine.log: changed after it was sealed (sha256 differs)",
    ]


def test_unfinished_folders_are_not_records_and_are_swept_by_age(results: Path) -> None:
    make.seal_one(results, make.attempt())
    left = results / "records" / ".tmp-attempt-x"
    left.mkdir()
    assert len(record_folders(results)) == 1
    with new_folder(results / "records" / ".tmp-attempt-y"):
        assert sweep_unfinished(results) == [".tmp-attempt-x"], "the other is being sealed now"
    assert len(record_folders(results)) == 1


def test_an_unreadable_record_says_so(results: Path) -> None:
    path = make.seal_one(results, make.attempt())
    (path / "attempt.json").write_text("{")
    with pytest.raises(StoreDamaged, match=path.name) as caught:
        list(read_records(results))
    assert "tunebook store verify" in str(caught.value.hint)


def test_rules_of_two_lineages_and_rules_that_come_back(results: Path) -> None:
    first, other = make.rules(), make.rules(search_key="another lineage")
    changed = make.rules(rules_id="changed", written_utc=make.utc(1))
    back = make.rules(written_utc=make.utc(2))
    assert first.rules_id == other.rules_id == back.rules_id
    paths = [seal_rules(results, fact) for fact in (first, first, other, changed, changed, back, back)]
    assert len(set(paths)) == 4
    assert paths[5] != paths[0], "rules that come back are the latest again"
    assert len(list(read_records(results, RecordKind.RULES))) == 4


def test_a_folder_we_may_not_write_to(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    folder.chmod(0o500)
    root = os.geteuid() == 0
    if root:  # root may write anywhere: be somebody else for a moment
        tmp_path.chmod(0o755)
        folder.chmod(0o555)
        os.seteuid(65534)
    try:
        with pytest.raises(Unwritable) as caught:
            seal(folder / "results", RecordKind.RUN_END, "r", make.run_end())
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
    assert "--results" in str(caught.value.hint)
    assert list(folder.iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
from runner.errors import NoSpace
from runner.store.record import seal_attempt
from tests import make
log = Path(sys.argv[2]); log.write_text("x" * 300_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    seal_attempt(Path(sys.argv[1]), make.attempt(), None, log)
except NoSpace as error:
    print(error.what, error.hint)
"""


@pytest.mark.parametrize("limit", [64, 2_000, 200_000])
def test_a_full_disk_leaves_nothing_half_made(results: Path, tmp_path: Path, limit: int) -> None:
    """A limit on the size of files is what a full disk looks like to the writer: json, parquet or log do not fit."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(results), str(tmp_path / "log"), str(limit)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert "no space left on the disk" in done.stdout, done.stderr
    assert list((results / "records").iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY, "the limit was the child's"
