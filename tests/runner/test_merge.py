"""Several machines in one results folder: nothing twice, nothing lost, nothing that was changed, whatever the order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.cli._main import run_command_line
from runner.domain.campaign import Goal, Objective
from runner.domain.records import RecordKind
from runner.errors import AlreadyRunning, NotReady, StoreDamaged, StoreError, StoreLocked, StoreNewer, UsageError
from runner.lineage_lock import owned_lineage
from runner.merge import merge
from runner.store import _merged, merging, schema, superseded
from runner.store._live import open_live, store_lock
from runner.store.history import history
from runner.store.ingest import ingest
from runner.store.publish import publish, unpack
from runner.store.rebuild import content_hashes, rebuild
from runner.store.record import adopt, record_folders, seal, seal_rules, verify_record, write_manifest
from runner.store.snapshot import snapshot
from runner.store.verify import verify
from tests import make
from tests.runner.store.test_ingest import HOLD, another_process
from tests.runner.store.test_migration import made_by

Capture = pytest.CaptureFixture[str]
ABOUT_MERGES = ("merge", "merged", "record")


@dataclass
class Hosts:
    """Two machines with a campaign each, and the results folder that takes them in."""

    a: make.Made
    b: make.Made
    results: Path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[make.Made, make.Made]:
    """Only read them."""
    folder = tmp_path_factory.mktemp("hosts")
    a = make.write_store(folder / "a" / "results")
    return a, make.write_all_failed(folder / "b" / "results")


@pytest.fixture
def hosts(measured: tuple[make.Made, make.Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    monkeypatch.setenv("TUNEBOOK_LOCK_WAIT", "0.2")
    a, b = measured
    for name, made in (("a", a), ("b", b)):
        shutil.copytree(made.results, tmp_path / name)
    return Hosts(replace(a, results=tmp_path / "a"), replace(b, results=tmp_path / "b"), tmp_path / "results")


def names(results: Path) -> list[str]:
    return [path.name for path in record_folders(results) if not path.name.startswith("merge-")]


def ask(results: Path, query: str) -> list[tuple[Any, ...]]:
    with store_lock(results), open_live(results) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return rows


def measurements(results: Path) -> dict[str, Any]:
    """What is in every table, but for what says when and from where it was merged."""
    with store_lock(results), open_live(results) as connection:
        found: dict[str, Any] = {k: v for k, v in content_hashes(connection).items() if k not in ABOUT_MERGES}
    found["record"] = ask(results, "SELECT kind, record_id, sha256, path FROM store.record "
                                   "WHERE kind <> 'merge' ORDER BY ALL")  # fmt: skip
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tunebook(capsys: Capture, *words: object) -> tuple[int, str, str]:
    status = run_command_line([str(word) for word in words])
    return status, *capsys.readouterr()


def test_the_records_of_two_hosts_are_one_store(hosts: Hosts, capsys: Capture) -> None:
    both = (str(hosts.a.results), str(hosts.b.results))
    status, out, _ = tunebook(capsys, "store", "merge", *both, "--results", hosts.results)
    assert status == 0
    assert out.splitlines()[0].startswith(f"{both[0]}: 33 new (25 attempt, ")
    assert out.splitlines()[-1] == f"{33 + len(names(hosts.b.results))} new records"
    assert names(hosts.results) == sorted(names(hosts.a.results) + names(hosts.b.results))
    assert (hosts.results / "snapshot.duckdb").exists()
    assert verify(hosts.results).findings == ()
    scores = "SELECT attempt_id, rules_id, value, severity FROM store.score ORDER BY ALL"
    assert ask(hosts.results, scores) == sorted(ask(hosts.a.results, scores) + ask(hosts.b.results, scores))


def test_again_takes_nothing_and_says_so(hosts: Hosts, capsys: Capture) -> None:
    merge(hosts.results, [str(hosts.a.results)])
    before = tree(hosts.results / "records")
    for path in (hosts.a.results, hosts.a.results / "records", hosts.a.results / "snapshot.duckdb"):
        status, out, _ = tunebook(capsys, "store", "merge", path, "--results", hosts.results)
        assert (status, out) == (0, f"{path}: 0 new, 33 known\n0 new records\n")
    assert tree(hosts.results / "records") == before


@pytest.mark.parametrize("form", ["", "store.duckdb", "snapshot.duckdb"])
def test_the_order_does_not_matter(hosts: Hosts, form: str, tmp_path: Path) -> None:
    sources = [str(host.results / form) for host in (hosts.a, hosts.b)]
    merge(hosts.results, sources)
    merge(tmp_path / "other", sources[::-1])
    assert measurements(hosts.results) == measurements(tmp_path / "other")
    rebuild(tmp_path / "other")
    assert measurements(hosts.results) == measurements(tmp_path / "other")


def test_each_into_the_other_is_the_same(hosts: Hosts) -> None:
    """And the merge itself goes along: in the end both folders have the same records."""
    a, b = hosts.a.results, hosts.b.results
    merge(a, [str(b)])
    merge(b, [str(a)])
    assert measurements(a) == measurements(b)
    assert merge(a, [str(b)]).sources[0].new == {"merge": 1}
    assert merge(b, [str(a)]).new == merge(a, [str(b)]).new == 0
    assert names(a) == names(b)
    assert ask(a, "FROM store.merge ORDER BY ALL") == ask(b, "FROM store.merge ORDER BY ALL")


def test_it_is_told_what_came_from_where(hosts: Hosts) -> None:
    done = merge(hosts.results, [str(hosts.a.results), str(hosts.b.results / "snapshot.duckdb")])
    rows = ask(hosts.results, "SELECT merge_id, source, form, host, sha256 IS NULL FROM store.merge ORDER BY source")
    assert rows == [
        (done.sources[0].merge_id, str(hosts.a.results), "records", os.uname().nodename, True),
        (done.sources[1].merge_id, str(hosts.b.results / "snapshot.duckdb"), "file", os.uname().nodename, False),
    ]
    counts = "SELECT source, count(*) FROM store.merged JOIN store.merge USING (merge_id) GROUP BY 1 ORDER BY 1"
    assert [row[1] for row in ask(hosts.results, counts)] == [33, len(names(hosts.b.results))]
    before = ask(hosts.results, "FROM store.merged ORDER BY ALL")
    rebuild(hosts.results)
    assert ask(hosts.results, "FROM store.merged ORDER BY ALL") == before


def test_a_changed_record_is_refused_by_name_and_all_others_are_taken(hosts: Hosts, capsys: Capture) -> None:
    bad = next(path for path in record_folders(hosts.a.results, RecordKind.ATTEMPT))
    text = (bad / "attempt.json").read_text()
    (bad / "attempt.json").write_text(text.replace('"seconds": 1', '"seconds": 2', 1))
    status, out, err = tunebook(capsys, "store", "merge", hosts.a.results, "--results", hosts.results)
    assert status == 5
    assert f"  refused: {bad.name}/attempt.json: changed after it was sealed (sha256 differs)\n" in out
    assert err.startswith("error[store-damaged]: 1 record was refused; all others were taken\n  hint: ")
    assert names(hosts.results) == [name for name in names(hosts.a.results) if name != bad.name]
    assert verify(hosts.results).findings == ()


@pytest.mark.parametrize("form", ["", "snapshot.duckdb"])
def test_another_record_under_the_same_id_is_refused_and_ours_stays(hosts: Hosts, form: str) -> None:
    """Somebody changed a fact and made the manifest fit."""
    merge(hosts.results, [str(hosts.a.results)])
    before = measurements(hosts.results)
    bad = next(path for path in record_folders(hosts.a.results, RecordKind.ATTEMPT))
    text = (bad / "attempt.json").read_text()
    (bad / "attempt.json").write_text(text.replace('"seconds": 1', '"seconds": 2', 1))
    (bad / "MANIFEST.sha256").unlink()
    write_manifest(bad)
    assert verify_record(bad) == []
    rebuild(hosts.a.results)
    extra = make.seal_one(hosts.a.results, make.attempt(hosts.a.campaign, number=12, values={"threads": 3}, n=200))
    ingest(hosts.a.results)
    snapshot(hosts.a.results)
    [done] = merge(hosts.results, [str(hosts.a.results / form)]).sources
    assert len(done.refused) == 1
    assert done.refused[0].startswith(f"{bad.name}: another record of this id stands here")
    assert done.new == {"attempt": 1}
    after = measurements(hosts.results)
    new = [row for row in after["record"] if row not in before["record"]]
    assert [f"{row[0]}-{row[1]}" for row in new] == [extra.name]
    assert [row for row in after["record"] if row not in new] == before["record"]
    seconds = f"SELECT seconds FROM store.attempt WHERE attempt_id = '{bad.name.partition('-')[2]}'"
    assert ask(hosts.results, seconds) == [(json.loads(text)["seconds"],)]


def test_a_record_under_another_name_is_refused(hosts: Hosts) -> None:
    path = record_folders(hosts.a.results, RecordKind.ATTEMPT)[0]
    path.rename(path.with_name(f"attempt-{make.an_id(999)}"))
    [done] = merge(hosts.results, [str(hosts.a.results)]).sources
    assert done.refused == (f"attempt-{make.an_id(999)}: holds the facts of {path.name.removeprefix('attempt-')}",)
    assert done.records == 32


def test_a_link_out_of_a_record_is_refused(hosts: Hosts, tmp_path: Path) -> None:
    path = record_folders(hosts.a.results, RecordKind.ATTEMPT)[0]
    shutil.move(path / "engine.log", tmp_path / "secret")
    (path / "engine.log").symlink_to(tmp_path / "secret")
    [done] = merge(hosts.results, [str(path)]).sources
    assert done.refused == (f"{path.name}/engine.log: neither sealed nor a file",)


def test_a_store_file_without_its_records_is_whole_and_survives_a_rebuild(hosts: Hosts, capsys: Capture) -> None:
    file = hosts.a.results / "store.duckdb"
    merge(hosts.results, [str(file)])
    reference = measurements(hosts.a.results)
    assert measurements(hosts.results) == reference
    assert verify(hosts.results).findings == ()
    assert names(hosts.results) == []
    rebuild(hosts.results)
    assert measurements(hosts.results) == reference
    [folder] = record_folders(hosts.results, RecordKind.MERGE)
    assert (folder / "store.duckdb").read_bytes() == file.read_bytes()
    shutil.rmtree(folder)
    assert {finding.kind for finding in verify(hosts.results).findings} == {"missing_record"}
    with pytest.raises(StoreError, match="34 records of the store are gone"):
        rebuild(hosts.results)


def grown(results: Path, campaign: Any, number: int) -> None:
    make.seal_one(results, make.attempt(campaign, number=number, values={"threads": 3}, n=200 + number))
    ingest(results)
    snapshot(results)


def test_of_a_file_that_grows_the_last_copy_is_kept(hosts: Hosts) -> None:
    """And what came when and from where stays, with the hash of each."""
    source = hosts.a.results / "snapshot.duckdb"
    shas = []
    for number in (12, 13, 14):
        grown(hosts.a.results, hosts.a.campaign, number)
        [done] = merge(hosts.results, [str(source)]).sources
        shas.append(done.sha256)
    folders = record_folders(hosts.results, RecordKind.MERGE)
    assert [(path / "store.duckdb").exists() for path in folders] == [False, False, True]
    assert verify(hosts.results).findings == ()
    before = measurements(hosts.results)
    assert before == measurements(hosts.a.results)
    provenance = ask(hosts.results, "SELECT m.sha256, count(*) FROM store.merge m JOIN store.merged USING (merge_id) "
                                    "GROUP BY merge_id, m.sha256 ORDER BY merge_id")  # fmt: skip
    assert provenance == [(shas[0], 34), (shas[1], 1), (shas[2], 1)]
    rebuild(hosts.results)
    assert measurements(hosts.results) == before
    assert verify(hosts.results).findings == ()
    assert merge(hosts.results, [str(source)]).new == 0
    shutil.rmtree(folders[-1])
    findings = verify(hosts.results).findings
    told = [finding.what for finding in findings if finding.kind == "record"]
    assert told == [
        f"{folders[0].name}: its rows were to be in {folders[1].name}/store.duckdb, which is gone",
        f"{folders[1].name}: its rows were to be in {folders[2].name}/store.duckdb, which is gone",
    ]
    with pytest.raises(StoreError, match="records of the store are gone"):
        rebuild(hosts.results)


def test_a_file_that_lacks_a_record_of_another_stands_in_for_nothing(hosts: Hosts, tmp_path: Path) -> None:
    """Two copies of one machine that went on apart."""
    shutil.copytree(hosts.a.results, tmp_path / "apart")
    grown(hosts.a.results, hosts.a.campaign, 12)
    grown(tmp_path / "apart", hosts.a.campaign, 13)
    merge(hosts.results, [str(hosts.a.results / "snapshot.duckdb"), str(tmp_path / "apart" / "snapshot.duckdb")])
    folders = record_folders(hosts.results, RecordKind.MERGE)
    assert [(path / "store.duckdb").exists() for path in folders] == [True, True]
    before = measurements(hosts.results)
    rebuild(hosts.results)
    assert measurements(hosts.results) == before


def test_a_kill_between_saying_so_and_removing_leaves_both(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    source = hosts.a.results / "snapshot.duckdb"
    merge(hosts.results, [str(source)])
    grown(hosts.a.results, hosts.a.campaign, 12)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, missing_ok=False: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            superseded.supersede(
                record_folders(hosts.results, RecordKind.MERGE)[0], hosts.results / "merge-x", hosts.results
            )
    assert verify(hosts.results).findings == ()
    merge(hosts.results, [str(source)])
    folders = record_folders(hosts.results, RecordKind.MERGE)
    assert [(path / "store.duckdb").exists() for path in folders] == [False, True]
    assert verify(hosts.results).findings == ()
    rebuild(hosts.results)
    assert measurements(hosts.results) == measurements(hosts.a.results)


def test_records_that_come_after_their_rows_can_be_judged_and_resumed(hosts: Hosts) -> None:
    merge(hosts.results, [str(hosts.a.results / "snapshot.duckdb")])
    other = make.campaign(objective=Objective("request_throughput", Goal.MAXIMIZE))
    assert other.search_key == hosts.a.campaign.search_key
    seal_rules(hosts.results, make.rules(other))
    ingest(hosts.results)
    [finding] = verify(hosts.results).findings
    assert (finding.kind, finding.what.split(" ", 1)[0]) == ("pending", "25")
    assert history(hosts.results, hosts.a.campaign.search_key) == []
    [done] = merge(hosts.results, [str(hosts.a.results)]).sources
    assert (done.records, done.refused) == (33, ())
    assert verify(hosts.results).findings == ()
    assert len(history(hosts.results, hosts.a.campaign.search_key)) == 25


def test_every_table_is_merged() -> None:
    with duckdb.connect() as connection:
        schema.create(connection)
        tables = set(schema.tables(connection))
    assert tables == {*_merged.OF_RECORD, *_merged.SHARED, *_merged.JUDGED, "record", "schema_migration"}


@pytest.mark.parametrize("version", [1, 5, schema.SCHEMA_VERSION - 1])
def test_a_store_of_an_older_tunebook_is_merged(hosts: Hosts, version: int) -> None:
    rows = made_by(version, hosts.a)
    merge(hosts.results, [str(hosts.a.results / "store.duckdb")])
    for table, before in rows.items():
        assert ask(hosts.results, f"SELECT count(*) FROM store.{table}")[0][0] >= len(before), table
    assert verify(hosts.results).findings == ()
    content = measurements(hosts.results)
    rebuild(hosts.results)
    assert measurements(hosts.results) == content
    assert sorted(path.name for path in hosts.results.glob(".*")) == []


def bump(path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS live")
        connection.execute("INSERT INTO live.store.schema_migration VALUES (99, '', now()::TIMESTAMP, '9', '9')")


def test_what_can_not_be_read_stops_everything_before_anything_is_taken(
    hosts: Hosts, tmp_path: Path, capsys: Capture
) -> None:
    newer = tmp_path / "newer.duckdb"
    shutil.copyfile(hosts.a.results / "store.duckdb", newer)
    bump(newer)
    text = tmp_path / "text.duckdb"
    text.write_text("no database\n")
    other = tmp_path / "other.duckdb"
    with duckdb.connect(other) as connection:
        connection.execute("CREATE TABLE t (a INT)")
    published = tmp_path / "published"
    publish(hosts.a.results, published)
    unpacked = tmp_path / "unpacked"
    unpack(published, unpacked)
    (tmp_path / "empty").mkdir()
    for path, error, words in (
        (newer, StoreNewer, "has schema version 99"),
        (text, StoreDamaged, "is no store that can be merged"),
        (other, StoreDamaged, "it has no schema `store`"),
        (published, NotReady, "has published results"),
        (unpacked, NotReady, "has published results"),
        (tmp_path / "empty", UsageError, "holds no records and no store"),
        (tmp_path / "nowhere", UsageError, "is not there"),
        (hosts.results, UsageError, "is the results folder itself"),
    ):
        hosts.results.mkdir(exist_ok=True)
        with pytest.raises(error, match=words) as caught:
            merge(hosts.results, [str(hosts.b.results), str(path)])
        assert str(path) in caught.value.what
        assert caught.value.hint
    assert record_folders(hosts.results) == []
    before = tree(unpacked / "records")
    with pytest.raises(NotReady, match="has published results"):
        merge(unpacked, [str(hosts.b.results)])
    assert tree(unpacked / "records") == before


def test_views_of_a_strange_file_are_not_run(hosts: Hosts, tmp_path: Path) -> None:
    """A view in the place of a table could read any file of this machine."""
    strange = tmp_path / "strange.duckdb"
    shutil.copyfile(hosts.a.results / "snapshot.duckdb", strange)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{strange}' AS s")
        connection.execute("DROP TABLE s.store.host")
        connection.execute("CREATE VIEW s.store.host AS SELECT content FROM read_text('/etc/hostname')")
    with pytest.raises(StoreDamaged, match=r"it has no table store\.host"):
        merge(hosts.results, [str(strange)])


def test_a_file_that_somebody_writes_is_refused(hosts: Hosts) -> None:
    live = hosts.a.results / "store.duckdb"
    with (
        another_process(HOLD.replace("read_only=True", "read_only=False"), live),
        pytest.raises(StoreLocked, match=r"another program holds store\.duckdb") as caught,
    ):
        merge(hosts.results, [str(live)])
    assert "snapshot.duckdb" in str(caught.value.hint)
    live.with_name("store.duckdb.wal").write_bytes(b"")
    with pytest.raises(StoreError, match="write-ahead log"):
        merge(hosts.results, [str(live)])


def test_what_is_at_work_is_left_alone_and_told(hosts: Hosts, capsys: Capture) -> None:
    running = hosts.a.results / "running"
    running.mkdir(exist_ok=True)
    (running / f"{make.an_id(5)}.json").write_text("{}")
    (hosts.a.results / "records" / f".tmp-attempt-{make.an_id(6)}").mkdir()
    status, out, _ = tunebook(capsys, "store", "merge", hosts.a.results, "--results", hosts.results)
    assert status == 0
    assert "  at work there, or left by a killed run: 2, not taken; merge again when they ended\n" in out
    assert names(hosts.results) == names(hosts.a.results)
    assert not list((hosts.results / "running").glob("*.json"))


@pytest.mark.parametrize("form", ["", "snapshot.duckdb"])
def test_a_lineage_that_runs_here_is_not_merged_into(hosts: Hosts, form: str, capsys: Capture) -> None:
    with owned_lineage(hosts.results, hosts.a.campaign.search_key, "smollm-cpu"):
        with pytest.raises(AlreadyRunning):
            merge(hosts.results, [str(hosts.b.results), str(hosts.a.results / form)])
        assert record_folders(hosts.results) == []
        assert merge(hosts.results, [str(hosts.b.results)]).new > 0


def test_a_dry_run_changes_nothing(hosts: Hosts, capsys: Capture) -> None:
    words = ("store", "merge", "--dry-run", hosts.a.results, hosts.a.results / "store.duckdb", "--results")
    status, out, _ = tunebook(capsys, *words, hosts.results)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith(f"{hosts.a.results}: 33 would be new (25 attempt, ")
    assert lines[1] == f"{hosts.a.results / 'store.duckdb'}: 0 would be new, 33 known"
    assert lines[2] == "33 new records: a dry run, nothing was taken"
    assert not hosts.results.exists()
    before = tree(hosts.b.results / "records")
    assert tunebook(capsys, *words, hosts.b.results)[0] == 0
    assert tree(hosts.b.results / "records") == before


def test_json_lines_tell_the_same(hosts: Hosts, capsys: Capture) -> None:
    (record_folders(hosts.a.results, RecordKind.ATTEMPT)[0] / "attempt.json").write_text("{}")
    status, out, _ = tunebook(capsys, "store", "merge", hosts.a.results, "--json", "--results", hosts.results)
    told = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in told] == ["merged", "error", "end"]
    assert (told[0]["form"], told[0]["new"]["attempt"], len(told[0]["refused"])) == ("records", 24, 1)
    assert (status, told[-1]["exit_code"], told[-1]["new"]) == (5, 5, 32)


def test_a_merge_that_was_ended_is_taken_up(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(99))

    def stumbles(results: Path, sealed: Path, sha256: str) -> None:
        if next(count) >= 7:
            raise OSError("the process ended")
        adopt(results, sealed, sha256)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "adopt", stumbles)
        patch.setattr(merging, "COPIES", 1)
        with pytest.raises(OSError, match="the process ended"):
            merge(hosts.results, [str(hosts.a.results)])
    assert len(names(hosts.results)) == 7
    assert all(verify_record(path) == [] for path in record_folders(hosts.results))
    [done] = merge(hosts.results, [str(hosts.a.results)]).sources
    assert (done.records, done.known) == (26, 7)
    assert measurements(hosts.results) == measurements(hosts.a.results)
    assert verify(hosts.results).findings == ()
    assert not list((hosts.results / "records").glob(".tmp-*"))


@pytest.mark.parametrize("form", ["", "store.duckdb"])
def test_a_merge_that_was_killed_is_taken_up(hosts: Hosts, form: str) -> None:
    """At the first record, in the middle, at the merge record, while the store takes them in: whenever it is."""
    words = [sys.executable, "-m", "runner", "store", "merge", "--results", str(hosts.results)]
    for most in (0, 1, 9, 20, 33, 34):
        with subprocess.Popen([*words, str(hosts.a.results / form)], stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and len(record_folders(hosts.results)) < most:
                time.sleep(0.001)
            process.kill()
        assert all(verify_record(path) == [] for path in record_folders(hosts.results))
    assert not merge(hosts.results, [str(hosts.a.results / form)]).refused
    assert measurements(hosts.results) == measurements(hosts.a.results)
    assert verify(hosts.results).findings == ()
    assert not list((hosts.results / "records").glob(".tmp-*"))
    assert sorted(path.name for path in hosts.results.glob(".*")) == []


def test_two_files_that_say_the_same_are_one_campaign_in_any_order(hosts: Hosts, tmp_path: Path) -> None:
    """The file of the second host has another comment, and lies elsewhere: the same version, the same lineage."""
    start = replace(hosts.a.run, run_id=make.an_id(77), campaign_path="ci/smollm.yaml", campaign_text="# ours\n")
    seal(tmp_path / "c", RecordKind.RUN_START, start.run_id, start)
    for target, sources in (("one", "ac"), ("two", "ca")):
        merge(tmp_path / target, [str(tmp_path / name) for name in sources])
        snapshot(tmp_path / target)
    assert measurements(tmp_path / "one") == measurements(tmp_path / "two")
    assert ask(tmp_path / "one", "SELECT path FROM campaigns") == [("campaigns/smollm-cpu.yaml",)]
    assert ask(tmp_path / "one", "SELECT count(*) FROM store.campaign") == [(2,)]


def test_several_merges_at_once_take_turns(hosts: Hosts) -> None:
    words = [sys.executable, "-m", "runner", "store", "merge", "--results", str(hosts.results)]
    env = {**os.environ, "TUNEBOOK_LOCK_WAIT": "60"}
    both = [
        subprocess.Popen([*words, str(host.results)], env=env, stdout=subprocess.PIPE, text=True)
        for host in (hosts.a, hosts.a)
    ]
    said = sorted(process.communicate()[0].splitlines()[-1] for process in both if process.stdout)
    assert [process.returncode for process in both] == [0, 0]
    assert said == ["0 new records", "33 new records"]
    assert verify(hosts.results).findings == ()


def test_a_lineage_that_two_machines_searched_is_told(hosts: Hosts, tmp_path: Path, capsys: Capture) -> None:
    """Each numbered its own proposals: number 2 is another configuration on either."""
    other = make.attempt(hosts.a.campaign, number=2, values={"threads": 1}, n=300)
    make.seal_one(tmp_path / "c", other)
    status, _, err = tunebook(capsys, "store", "merge", hosts.a.results, tmp_path / "c", "--results", hosts.results)
    assert status == 0
    assert err.startswith("warning: several machines searched smollm-cpu: a number of a trial stands for several ")
    _, _, err = tunebook(capsys, "store", "merge", hosts.b.results, "--results", tmp_path / "d")
    assert err == ""
