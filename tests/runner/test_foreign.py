"""Result files of other tools: taken in once, as they were published, and apart from what is ours."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from runner.cli._main import run_command_line
from runner.domain.records import RecordKind
from runner.merge import merge
from runner.store.rebuild import content_hashes, rebuild
from runner.store.record import record_folders, verify_record
from runner.store.verify import verify
from tests import make
from tests.contract.test_imports import FILES
from tests.runner.store.conftest import Ask, ask, live

__all__ = ["ask"]
Capture = pytest.CaptureFixture[str]
PER_LOAD = (
    "SELECT format, tool_version, model, load_kind, load_value, ok, failed, lost FROM foreign_results ORDER BY ALL"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Named so that nothing can be told by a name."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    shutil.copy(FILES / "aiperf-0.13.0.json", folder / "a.json")
    (folder / "b.json").write_bytes(gzip.decompress((FILES / "guidellm-0.8.1.json.gz").read_bytes()))
    shutil.copy(FILES / "vllm-bench-main.json", folder / "c.json")
    shutil.copy(FILES / "llm-d-0.2.yaml", folder / "d.yaml")
    return folder


def tunebook(capsys: Capture, *words: object) -> tuple[int, str, str]:
    status = run_command_line([str(word) for word in words])
    return status, *capsys.readouterr()


def test_each_format_by_its_content(files: Path, results: Path, capsys: Capture, ask: Ask) -> None:
    status, out, _ = tunebook(capsys, "import", "results", files, "--results", results)
    assert status == 0
    assert out.splitlines()[0] == f"{files}/a.json: 82 numbers of 1 load, by aiperf 0.13.0"
    assert ask(results, PER_LOAD) == [
        ("aiperf", "0.13.0", "sim", "concurrency", 2.0, 12, None, None),
        ("guidellm", "0.8.1", "sim", "concurrency", 1.0, 4, 0, 0),
        ("guidellm", "0.8.1", "sim", "concurrency", 2.0, 4, 0, 0),
        ("llm-d", "0.7.0", "org/small-model", "rate", 4.5, 267, 2, 1),
        ("vllm-bench", None, "org/small-model", "concurrency", 8.0, 99, 1, None),
    ]
    assert ask(
        results, "SELECT value, unit, published_unit FROM foreign_metrics JOIN foreign_results "
        "USING (foreign_id, position) "
        "WHERE metric = 'ttft' AND stat = 'mean' AND format IN ('vllm-bench', 'llm-d')"
    ) == [(0.08125034512, "s", "ms")] * 2  # fmt: skip
    assert verify(results).findings == ()


def test_what_the_file_does_not_say_and_what_was_left_is_said(files: Path, results: Path, capsys: Capture) -> None:
    _, out, _ = tunebook(capsys, "import", "results", files / "a.json", files / "c.json", "--results", results)
    lines = out.splitlines()
    assert lines[1] == "  not in the file: time zone of start_time"
    assert lines[2].startswith("  not taken: time_to_second_token, ")
    assert lines[3] == f"{files}/c.json: 20 numbers of 1 load, by vllm bench serve (version not in the file)"
    assert lines[4] == "  not in the file: time zone of date"


def test_the_file_is_kept_as_it_was(files: Path, results: Path, capsys: Capture) -> None:
    tunebook(capsys, "import", "results", files / "c.json", "--results", results)
    [record] = record_folders(results, RecordKind.FOREIGN)
    assert (record / "source").read_bytes() == (files / "c.json").read_bytes()
    facts = json.loads((record / "foreign.json").read_text())
    assert facts["sha256"] == hashlib.sha256((files / "c.json").read_bytes()).hexdigest()
    assert verify_record(record) == []


def test_again_and_under_another_name_takes_nothing(files: Path, results: Path, capsys: Capture) -> None:
    tunebook(capsys, "import", "results", files, "--results", results)
    before = record_folders(results)
    shutil.copy(files / "c.json", files / "other.json")
    status, out, _ = tunebook(capsys, "import", "results", files / "c.json", files / "other.json", "--results", results)
    assert status == 0
    assert [line.partition(": ")[2][:14] for line in out.splitlines()] == ["known, importe"] * 2
    assert record_folders(results) == before


def test_two_machines_that_imported_one_file_count_it_once(
    files: Path, tmp_path: Path, capsys: Capture, ask: Ask
) -> None:
    for name in ("one", "two"):
        tunebook(capsys, "import", "results", files / "c.json", "--results", tmp_path / name)
    assert merge(tmp_path / "one", [str(tmp_path / "two")]).sources[0].refused == ()
    tunebook(capsys, "store", "snapshot", "--results", tmp_path / "one")
    assert len(record_folders(tmp_path / "one", RecordKind.FOREIGN)) == 2
    assert ask(tmp_path / "one", "SELECT count(*) FROM foreign_results") == [(1,)]
    assert ask(tmp_path / "one", "SELECT count(*) FROM foreign_metrics") == [(20,)]


def test_it_is_rebuilt_and_merged_as_a_file(files: Path, results: Path, tmp_path: Path, capsys: Capture) -> None:
    tunebook(capsys, "import", "results", files, "--results", results)
    with live(results) as connection:
        before = content_hashes(connection)
    rebuild(results)
    with live(results) as connection:
        assert content_hashes(connection) == before
    merge(tmp_path / "site", [str(results / "snapshot.duckdb")])
    with live(tmp_path / "site") as connection:
        after = content_hashes(connection)
    for table in ("foreign_result", "foreign_level", "foreign_metric"):
        assert after[table] == before[table] != (0, 0)


def test_nothing_of_ours_changes(files: Path, tmp_path: Path, capsys: Capture) -> None:
    """No trial, no attempt, no score, no metric of ours comes from a file of another tool."""
    made = make.write_store(tmp_path / "results")
    with live(made.results) as connection:
        before = content_hashes(connection)
    assert tunebook(capsys, "import", "results", files, "--results", made.results)[0] == 0
    with live(made.results) as connection:
        after = content_hashes(connection)
    changed = {table for table in after if after[table] != before[table]}
    assert changed == {"foreign_result", "foreign_level", "foreign_metric", "record"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is neither JSON nor YAML"),
        ("[1, 2]", "is a list, no result file is"),
        ("a: [", "is neither JSON nor YAML"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1}\n{"a": 2}\n', "is neither JSON nor YAML"),
        ('{"a": 1}', "looks like a result file of no tool that we know"),
        ('{"version": "0.1", "run": {}, "results": {}}', "version: 0.1 is not 0.2, which is what we read"),
        ('{"aiperf_version": "9", "schema_version": "2.0"}', "schema_version: 2.0 is not 1.x"),
        ('{"metadata": {"guidellm_version": "1", "version": 2}, "benchmarks": []}', "benchmarks: there is none in it"),
        (
            '{"completed": 1, "duration": 1, "request_throughput": 1, "output_throughput": 1}',
            "no statistic of a latency",
        ),
        ("\x00", "is neither JSON nor YAML"),
        ('{"key": "hf_abcdefghijklmnopqrstuvwxyz012345"}', "holds what looks like a secret"),
    ],
)
def test_a_broken_file_is_one_message_and_the_others_are_taken(
    files: Path, results: Path, capsys: Capture, text: str, why: str
) -> None:
    bad = files / "bad.json"
    bad.write_text(text)
    status, out, err = tunebook(capsys, "import", "results", bad, files / "c.json", "--results", results)
    assert status == 2
    assert err.count("error[") == 1
    assert err.startswith(f"error[result-file]: {bad}: ")
    assert why in err
    assert f"{files}/c.json: 20 numbers" in out
    assert len(record_folders(results, RecordKind.FOREIGN)) == 1


def test_what_is_not_there_is_named(files: Path, results: Path, tmp_path: Path, capsys: Capture) -> None:
    status, _, err = tunebook(capsys, "import", "results", tmp_path / "absent.json", "--results", results)
    assert (status, err.startswith(f"error[result-file]: {tmp_path}/absent.json: can not be read")) == (2, True)
    (tmp_path / "empty").mkdir()
    status, _, err = tunebook(capsys, "import", "results", tmp_path / "empty", "--results", results)
    assert (status, "no .json and no .yaml file is in this folder" in err) == (2, True)


def test_json_lines_tell_everything(files: Path, results: Path, capsys: Capture) -> None:
    _, out, _ = tunebook(capsys, "import", "results", files / "a.json", "--json", "--results", results)
    told, end = map(json.loads, out.splitlines())
    assert (told["event"], told["new"], told["format"], told["numbers"]) == ("imported", True, "aiperf", 82)
    assert "time_to_second_token" in told["unread"]
    assert end == {"event": "end", "exit_code": 0}
