"""What other machines put into an object store: a file system in memory stands for it, under the name s3."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.registry import _registry, register_implementation

from runner.cli._main import run_command_line
from runner.domain.records import RecordKind
from runner.errors import NetworkError, NotReady, UsageError
from runner.merge import merge
from runner.store.publish import publish
from runner.store.record import record_folders, verify_record
from runner.store.verify import verify
from tests import make
from tests.runner.models.test_bucket import Store


class Counting(Store):
    """`read`: the keys of objects whose content was asked for."""

    read: list[str] = []  # noqa: RUF012

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if mode == "rb":
            self.read.append(path)
        return super()._open(path, mode, **more)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    """Only read it."""
    return make.write_all_failed(tmp_path_factory.mktemp("host") / "results")


@pytest.fixture
def bucket(measured: make.Made) -> Iterator[Counting]:
    register_implementation("s3", Counting, clobber=True)
    store = Counting()
    store.store.clear()
    store.broken.clear()
    store.read.clear()
    put(store, measured.results, "/lab/gpu-a/results")
    yield store
    _registry.pop("s3", None)


def put(store: Store, folder: Path, key: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            store.pipe(f"{key}/{path.relative_to(folder)}", path.read_bytes())


def names(results: Path) -> list[str]:
    return [path.name for path in record_folders(results) if not path.name.startswith("merge-")]


@pytest.mark.parametrize("key", ["results", "results/", "results/records"])
def test_a_results_folder_is_merged_as_one_of_this_machine(
    bucket: Counting, measured: make.Made, results: Path, key: str
) -> None:
    [done] = merge(results, [f"s3://lab/gpu-a/{key}"]).sources
    assert (done.source, done.records, done.refused) == (f"s3://lab/gpu-a/{key}", 6, ())
    assert names(results) == names(measured.results)
    assert all(verify_record(path) == [] for path in record_folders(results))
    assert verify(results).findings == ()
    assert not [name for name in bucket.read if name.endswith(".duckdb")], "records are the truth"
    [row] = [json.loads((path / "merge.json").read_text()) for path in record_folders(results, RecordKind.MERGE)]
    assert row["source"] == f"s3://lab/gpu-a/{key}"


def test_of_what_is_here_only_manifests_are_fetched(
    bucket: Counting, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merge(results, ["s3://lab/gpu-a/results"])
    bucket.read.clear()
    assert run_command_line(["store", "merge", "s3://lab/gpu-a/results", "--results", str(results)]) == 0
    assert capsys.readouterr().out == "s3://lab/gpu-a/results: 0 new, 6 known\n0 new records\n"
    assert {Path(name).name for name in bucket.read} == {"MANIFEST.sha256"}
    assert len(bucket.read) == 6


def test_one_record_and_one_file(bucket: Counting, measured: make.Made, results: Path, tmp_path: Path) -> None:
    name = record_folders(measured.results, RecordKind.ATTEMPT)[0].name
    assert merge(results, [f"s3://lab/gpu-a/results/records/{name}"]).new == 1
    assert names(results) == [name]
    assert merge(tmp_path / "other", ["s3://lab/gpu-a/results/snapshot.duckdb"]).new == 6
    put(bucket, measured.results / "records", "/lab/bare")
    for left in ("snapshot.duckdb", "store.duckdb"):
        bucket.pipe(f"/lab/files/{left}", (measured.results / left).read_bytes())
    [done] = merge(tmp_path / "third", ["s3://lab/files"]).sources
    assert (done.form, done.records) == ("file", 6)
    assert verify(tmp_path / "third").findings == ()


def test_what_was_changed_there_is_refused(bucket: Counting, measured: make.Made, results: Path) -> None:
    name = record_folders(measured.results, RecordKind.ATTEMPT)[0].name
    bucket.pipe(f"/lab/gpu-a/results/records/{name}/attempt.json", b"{}")
    [done] = merge(results, ["s3://lab/gpu-a/results"]).sources
    assert done.refused == (f"{name}/attempt.json: changed after it was sealed (sha256 differs)",)
    shutil.rmtree(results)
    merge(results, [str(measured.results)])
    bucket.pipe(f"/lab/gpu-a/results/records/{name}/MANIFEST.sha256", b"0" * 64 + b"  attempt.json\n")
    [done] = merge(results, ["s3://lab/gpu-a/results"]).sources
    assert (len(done.refused), done.records) == (1, 0)
    assert done.refused[0].startswith(f"{name}: another record of this id stands here")


def test_what_is_at_work_there_is_told(bucket: Counting, results: Path) -> None:
    bucket.pipe(f"/lab/gpu-a/results/running/{make.an_id(5)}.json", b"{}")
    [done] = merge(results, ["s3://lab/gpu-a/results"]).sources
    assert done.at_work == 1


def test_what_can_not_be_merged_is_said(bucket: Counting, measured: make.Made, results: Path, tmp_path: Path) -> None:
    bucket.pipe("/lab/photos/summer.jpg", b"x" * 1000)
    with pytest.raises(UsageError, match="s3://lab/photos holds no records and no store"):
        merge(results, ["s3://lab/photos"])
    assert bucket.read == [], "nothing of it is fetched"
    with pytest.raises(NetworkError, match="nothing is at s3://lab/absent"):
        merge(results, ["s3://lab/absent"])
    publish(measured.results, tmp_path / "published")
    put(bucket, tmp_path / "published", "/lab/published")
    with pytest.raises(NotReady, match="has published results"):
        merge(results, ["s3://lab/published"])
    bucket.broken[:] = [ConnectionError("reset")]
    with pytest.raises(NetworkError, match="reset"):
        merge(results, ["s3://lab/gpu-a/results"])
    assert record_folders(results) == []
