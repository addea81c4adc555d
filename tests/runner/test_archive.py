"""Old request rows and logs leave the results folder: nothing is lost, nothing is silently missing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.registry import _registry, register_implementation

from runner import archive as archiving
from runner.archive import Moved, archive, place_of
from runner.cli._main import run_command_line
from runner.domain.records import RecordKind
from runner.errors import AlreadyRunning, NetworkError, NotReady
from runner.lineage_lock import owned_lineage
from runner.merge import merge
from runner.running_file import write_running
from runner.store.archived import BULKY, MARKER, SIGN, Folder
from runner.store.ingest import ingest
from runner.store.publish import publish, unpack
from runner.store.rebuild import content_hashes, rebuild
from runner.store.record import manifest_of, manifest_sha256, record_folders, record_path, verify_record
from runner.store.verify import verify
from runner.util.files import locked
from tests import make
from tests.runner.models.test_bucket import Store
from tests.runner.store.conftest import live

Capture = pytest.CaptureFixture[str]
LATER = datetime(2100, 1, 1, tzinfo=UTC)
DAY = 86400.0


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    """Only read it."""
    return make.write_store(tmp_path_factory.mktemp("archived") / "results")


@pytest.fixture
def store(measured: make.Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> make.Made:
    monkeypatch.setenv("TUNEBOOK_LOCK_WAIT", "0.2")
    shutil.copytree(measured.results, tmp_path / "results")
    return replace(measured, results=tmp_path / "results")


@pytest.fixture
def bucket() -> Iterator[Store]:
    register_implementation("s3", Store, clobber=True)
    made = Store()
    made.store.clear()
    made.broken.clear()
    yield made
    _registry.pop("s3", None)


def moved(results: Path, to: str | Path | None = None, **more: Any) -> Moved:
    return archive(results, DAY, None if to is None else str(to), LATER, **more)


def bulky(results: Path) -> dict[str, str]:
    """`<record>/<file>` -> sha256 of what lies there and could leave."""
    found = {}
    for path in record_folders(results, RecordKind.ATTEMPT):
        for name in BULKY:
            if (path / name).exists() and (path / name).stat().st_size:
                found[f"{path.name}/{name}"] = hashlib.sha256((path / name).read_bytes()).hexdigest()
    return found


def marked(results: Path) -> list[Path]:
    return [path for path in record_folders(results) if (path / MARKER).exists()]


def named(results: Path) -> list[Path]:
    """Records of the best and the default trials."""
    with live(results) as connection:
        rows = connection.execute(
            "SELECT attempt_id FROM store.attempt SEMI JOIN "
            "(SELECT trial_id FROM best UNION SELECT trial_id FROM baselines) USING (trial_id)"
        ).fetchall()
    return [record_path(results, RecordKind.ATTEMPT, str(row[0])) for row in rows]


def tunebook(capsys: Capture, *words: object) -> tuple[int, str, str]:
    status = run_command_line([str(word) for word in words])
    return status, *capsys.readouterr()


def test_files_move_and_their_hashes_stay(store: make.Made, tmp_path: Path) -> None:
    before = bulky(store.results)
    sealed = {path.name: manifest_sha256(path) for path in record_folders(store.results)}
    done = moved(store.results, tmp_path / "slow")
    left = bulky(store.results)
    there = bulky(tmp_path / "slow")
    assert there == {key: value for key, value in before.items() if key not in left}
    assert done.files == len(there) > 10
    assert done.records == len(marked(store.results))
    assert {path.name: manifest_sha256(path) for path in record_folders(store.results)} == sealed
    assert all(verify_record(path) == [] for path in record_folders(store.results))
    seen = verify(store.results)
    assert (seen.findings, seen.archived, seen.checked) == ((), done.files, done.files)


def test_what_pages_name_stays(store: make.Made, tmp_path: Path) -> None:
    done = moved(store.results, tmp_path / "slow")
    kept = named(store.results)
    assert done.kept == {"of the best and the default trials, which pages name": len(kept)}
    assert len(kept) > 1
    assert not set(kept) & set(marked(store.results))


def test_the_younger_stay(store: make.Made, tmp_path: Path) -> None:
    with live(store.results) as connection:
        rows = connection.execute("SELECT attempt_id, ended_utc FROM store.attempt ORDER BY ended_utc").fetchall()
    middle = rows[len(rows) // 2][1].replace(tzinfo=UTC)
    done = archive(store.results, 0.0, str(tmp_path / "slow"), middle)
    young = {attempt_id for attempt_id, ended in rows if ended.replace(tzinfo=UTC) > middle}
    assert done.younger == len(young) > 1
    assert not young & {path.name.removeprefix("attempt-") for path in marked(store.results)}
    assert marked(store.results)


def test_a_campaign_that_runs_stays_whole(store: make.Made, tmp_path: Path) -> None:
    with owned_lineage(store.results, store.run.search_key, store.campaign.name):
        done = moved(store.results, tmp_path / "slow")
    assert done.kept == {"of a campaign that runs now": len(store.attempts)}
    assert (done.files, marked(store.results)) == (0, [])


def test_a_trial_that_is_measured_again_stays(store: make.Made, tmp_path: Path) -> None:
    """By an attempt that outlived its run."""
    one = next(path for path in record_folders(store.results, RecordKind.ATTEMPT) if path not in named(store.results))
    trial_id = json.loads((one / "attempt.json").read_text())["trial_id"]
    write_running(store.results, make.an_id(77), {"run_id": make.an_id(78), "attempt": {"trial_id": trial_id}})
    done = moved(store.results, tmp_path / "slow")
    assert done.kept["of a campaign that runs now"] >= 1
    assert one not in marked(store.results)


def test_what_is_not_in_the_store_stays(store: make.Made, tmp_path: Path) -> None:
    path = make.seal_one(store.results, make.attempt(store.campaign, number=12, values={"threads": 3}, n=200))
    moved(store.results, tmp_path / "slow")
    assert path not in marked(store.results)
    ingest(store.results)
    moved(store.results, tmp_path / "slow")
    assert path in marked(store.results)


def test_a_dry_run_says_the_same_and_moves_nothing(store: make.Made, tmp_path: Path) -> None:
    before = bulky(store.results)
    would = moved(store.results, tmp_path / "slow", dry_run=True)
    assert bulky(store.results) == before
    assert not (tmp_path / "slow").exists()
    assert moved(store.results, tmp_path / "slow") == would


def test_again_moves_nothing(store: make.Made, tmp_path: Path) -> None:
    moved(store.results, tmp_path / "slow")
    markers = {path: (path / MARKER).read_bytes() for path in marked(store.results)}
    again = moved(store.results, tmp_path / "slow")
    assert (again.records, again.files, again.bytes) == (0, 0, 0)
    assert {path: (path / MARKER).read_bytes() for path in marked(store.results)} == markers


@pytest.mark.parametrize("step", ["copy", "read", "marker", "first removal", "second removal"])
def test_a_kill_in_between_loses_nothing_and_the_next_call_goes_on(
    store: make.Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = bulky(store.results)
    calls = {"unlink": 0}
    whole_unlink = Path.unlink

    def killed(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        if path.name in BULKY:
            calls["unlink"] += 1
            if calls["unlink"] == (1 if step == "first removal" else 2):
                raise KeyboardInterrupt
        whole_unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        if step == "copy":
            patch.setattr("shutil.copyfile", killed)
        elif step == "read":
            patch.setattr(Folder, "sha256", killed)
        elif step == "marker":
            patch.setattr(archiving, "atomic_write", killed)
        else:
            patch.setattr(Path, "unlink", unlinked)
        with pytest.raises(KeyboardInterrupt):
            moved(store.results, tmp_path / "slow")
    assert verify(store.results).findings == ()
    assert before == {**bulky(tmp_path / "slow"), **bulky(store.results)}
    moved(store.results, tmp_path / "slow")
    assert before == {**bulky(tmp_path / "slow"), **bulky(store.results)}
    assert not bulky(tmp_path / "slow").keys() & bulky(store.results).keys()
    assert verify(store.results).findings == ()
    assert not list((tmp_path / "slow").rglob("*.part"))


def test_a_changed_file_is_named_and_stays(store: make.Made, tmp_path: Path, capsys: Capture) -> None:
    expected = moved(store.results, dry_run=True)
    path = next(one for one in record_folders(store.results, RecordKind.ATTEMPT) if one not in named(store.results))
    (path / "engine.log").write_bytes(b"another log\n")
    done = tunebook(capsys, "store", "archive", "--older", "1h", "--to", tmp_path / "slow", "--results", store.results)
    assert done[0] == 5
    assert f"  refused: {path.name}/engine.log: changed after it was sealed (sha256 differs)\n" in done[1]
    assert "store-damaged" in done[2]
    assert (path / "engine.log").read_bytes() == b"another log\n"
    assert len(marked(store.results)) == expected.records - 1


def test_verify_checks_the_archive_and_names_what_is_wrong(store: make.Made, tmp_path: Path) -> None:
    moved(store.results, tmp_path / "slow")
    gone, changed, *_ = sorted((tmp_path / "slow").rglob("requests.parquet"))
    gone.unlink()
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    seen = verify(store.results)
    assert seen.damaged
    assert [(finding.kind, finding.what) for finding in seen.findings] == [
        ("archive", f"{path.parent.name}/requests.parquet: {what} in the archive {tmp_path / 'slow'}")
        for path, what in ((gone, "missing"), (changed, "changed after it was sealed (sha256 differs)"))
    ]


def test_an_archive_out_of_reach_is_told_and_is_no_damage(store: make.Made, tmp_path: Path, capsys: Capture) -> None:
    done = moved(store.results, tmp_path / "slow")
    (tmp_path / "slow" / SIGN).unlink()  # an empty mount point has none either
    status, out, _ = tunebook(capsys, "store", "verify", "--results", store.results)
    assert status == 0
    assert out.startswith(
        f"unreached: {done.files} archived files were not checked: no archive is at {tmp_path}/slow of this machine\n"
    )
    assert out.endswith(f" tables; 0 of {done.files} archived files checked\n")


def test_a_marker_covers_no_facts_and_no_other_file(store: make.Made, tmp_path: Path) -> None:
    """Somebody removed the facts, or telemetry, and wrote a marker."""
    moved(store.results, tmp_path / "slow")
    path = marked(store.results)[0]
    said = json.loads((path / MARKER).read_text())
    (path / MARKER).write_text(json.dumps(said | {"files": {"attempt.json": 1}}))
    assert any("attempt.json never leaves a record" in problem for problem in verify_record(path))
    (path / MARKER).write_text("{}")
    assert any(f"{path.name}/{MARKER}: can not be read" in problem for problem in verify_record(path))


def test_the_store_is_rebuilt_without_the_archive(store: make.Made, tmp_path: Path) -> None:
    make.write_gpus(tmp_path / "gpus")
    for results in (store.results, tmp_path / "gpus"):
        with live(results) as connection:
            before = content_hashes(connection)
        moved(results, tmp_path / "slow")
        shutil.rmtree(tmp_path / "slow", ignore_errors=True)
        rebuild(results)
        with live(results) as connection:
            after = content_hashes(connection)
        assert {k: v for k, v in after.items() if k != "record"} == {k: v for k, v in before.items() if k != "record"}


def test_request_rows_are_read_in_the_archive(store: make.Made, tmp_path: Path, capsys: Capture) -> None:
    query = "SELECT count(*) AS n, sum(output_tokens) AS s FROM requests('{}')"
    ids = [path.name.removeprefix("attempt-") for path in record_folders(store.results, RecordKind.ATTEMPT)]

    def rows(attempt_id: str) -> str:
        status, out, err = tunebook(
            capsys, "sql", query.format(attempt_id), "--format", "csv", "--results", store.results
        )
        return out if status == 0 else f"{status} {err}"

    before = [rows(one) for one in ids]
    assert before[0].splitlines()[0] == "n,s"
    moved(store.results, tmp_path / "slow")
    assert [rows(one) for one in ids] == before
    away = marked(store.results)[0]
    (tmp_path / "slow").rename(tmp_path / "elsewhere")
    attempt_id = away.name.removeprefix("attempt-")
    told = rows(attempt_id)
    assert told.startswith(f"4 error[not-ready]: the request rows of attempt {attempt_id} are in {tmp_path}/slow, ")
    assert f"copy records/{away.name}/requests.parquet of it to {away}/requests.parquet" in told
    shutil.copy(tmp_path / "elsewhere" / "records" / away.name / "requests.parquet", away / "requests.parquet")
    assert rows(attempt_id) == before[ids.index(attempt_id)]
    assert not [one for one in verify(store.results).findings if one.kind != "unreached"]


def test_other_files_beside_the_archived_rows_stay_out_of_reach(
    store: make.Made, tmp_path: Path, capsys: Capture
) -> None:
    moved(store.results, tmp_path / "slow")
    away = marked(store.results)[0]
    (tmp_path / "slow" / "private.csv").write_text("a\n1\n")
    status, _, err = tunebook(
        capsys, "sql", f"SELECT * FROM requests('{away.name.removeprefix('attempt-')}'), "
        f"read_csv('{tmp_path}/slow/private.csv')", "--results", store.results,
    )  # fmt: skip
    assert (status, "query-refused" in err) == (2, True)


def test_logs_are_read_in_the_archive_or_said_to_be_there(store: make.Made, tmp_path: Path, capsys: Capture) -> None:
    moved(store.results, dry_run=True)
    before = tunebook(capsys, "logs", store.run.run_id, "--results", store.results)
    moved(store.results, tmp_path / "slow")
    assert tunebook(capsys, "logs", store.run.run_id, "--results", store.results) == before
    (tmp_path / "slow").rename(tmp_path / "elsewhere")
    status, out, _ = tunebook(capsys, "logs", store.run.run_id, "--results", store.results)
    assert status == 0
    told = f"engine.log is in the archive {tmp_path / 'slow'}, which can not be read from here"
    assert out.count(told) == len(marked(store.results))


def test_merged_records_are_archived_still(store: make.Made, tmp_path: Path) -> None:
    done = moved(store.results, tmp_path / "slow")
    merge(tmp_path / "site", [str(store.results)])
    seen = verify(tmp_path / "site")
    assert (seen.findings, seen.archived, seen.checked) == ((), done.files, done.files)
    assert merge(tmp_path / "site", [str(store.results)]).new == 0


def test_two_results_folders_share_an_archive(store: make.Made, tmp_path: Path) -> None:
    merge(tmp_path / "other", [str(store.results)])
    moved(store.results, tmp_path / "slow")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "slow").rglob("*") if path.is_file()}
    moved(tmp_path / "other", tmp_path / "slow")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "slow").rglob("*") if path.is_file()} == before
    assert verify(tmp_path / "other").findings == ()


def test_to_an_object_store_and_checked_there(store: make.Made, bucket: Store, tmp_path: Path, capsys: Capture) -> None:
    before = bulky(store.results)
    words = ("store", "archive", "--older", "1d", "--to", "s3://lab/old/", "--results", store.results)
    status, out, _ = tunebook(capsys, *words)
    assert (status, " moved to s3://lab/old: " in out) == (0, True)
    for key, sha256 in before.items():
        if not (store.results / "records" / key).exists():
            assert hashlib.sha256(bucket.cat(f"/lab/old/records/{key}")).hexdigest() == sha256
    seen = verify(store.results, place_of)
    assert (seen.findings, seen.checked > 10, seen.checked) == ((), True, seen.archived)
    bucket.rm(f"/lab/old/{SIGN}")
    assert [one.kind for one in verify(store.results, place_of).findings] == ["unreached"]


def test_an_object_store_that_gives_back_other_bytes_keeps_ours(
    store: make.Made, bucket: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bulky(store.results)
    monkeypatch.setattr(Store, "put_file", lambda self, path, key, **more: self.pipe(key, b"cut"))
    with pytest.raises(NetworkError, match="the archive does not give back what it was given"):
        moved(store.results, "s3://lab/old")
    assert (bulky(store.results), marked(store.results)) == (before, [])


def test_one_at_a_time_and_never_of_published_results(store: make.Made, tmp_path: Path) -> None:
    with (
        locked(store.results / "archive.lock", lambda: False),
        pytest.raises(AlreadyRunning, match="another process archives"),
    ):
        moved(store.results)
    publish(store.results, tmp_path / "published", ())
    unpack(tmp_path / "published", tmp_path / "theirs")
    with pytest.raises(NotReady, match="has published results"):
        moved(tmp_path / "theirs")


def test_a_place_that_a_marker_names_is_where_a_record_goes_on(store: make.Made, tmp_path: Path) -> None:
    """Brought back by hand, then archived again with another --to."""
    moved(store.results, tmp_path / "slow")
    path = marked(store.results)[0]
    shutil.copy(tmp_path / "slow" / "records" / path.name / "engine.log", path / "engine.log")
    done = moved(store.results, tmp_path / "other")
    assert (done.files, (path / "engine.log").exists(), (tmp_path / "other").exists()) == (1, False, False)
    assert manifest_of(path)
    assert verify(store.results).findings == ()


def test_the_command_says_what_stays_and_refuses_an_age_without_unit(store: make.Made, capsys: Capture) -> None:
    status, _, err = tunebook(capsys, "store", "archive", "--older", "90", "--results", store.results)
    assert status == 2
    assert err.startswith("error[usage]: --older: '90' is not a duration: write a number with a unit, such as 500ms, ")
    status, out, _ = tunebook(capsys, "store", "archive", "--older", "1h", "--dry-run", "--results", store.results)
    assert status == 0
    first, stay = out.splitlines()
    would = moved(store.results, dry_run=True)
    assert first.startswith(f"{would.files} files of {would.records} attempts would move to {store.results}/archive: ")
    assert stay == f"  stay: {would.kept.total()} of the best and the default trials, which pages name"
    status, out, _ = tunebook(
        capsys, "store", "archive", "--older", "1h", "--dry-run", "--json", "--results", store.results
    )
    end = json.loads(out.splitlines()[-1])
    assert (end["event"], end["exit_code"], end["dry_run"], end["archive"]) == (
        "end", 0, True, str(store.results / "archive"),
    )  # fmt: skip
