"""Between the list and the yes somebody may come to use a thing: it stays then, and that is told."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from runner.clean.find import find, take
from runner.clean.items import Item, Taken
from runner.cli import clean
from runner.lineage_lock import lock_path, owned_lineage
from runner.running_file import identity

KEY = "0123456789abcdef"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def flocked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def dead_lock(results: Path) -> Path:
    path = lock_path(results, KEY)
    path.parent.mkdir(parents=True)
    owner = {**identity(), "pid_started": 1, "campaign": "story", "search_key": KEY, "since": "2026-01-01T00:00:00Z"}
    path.write_text(json.dumps(owner), encoding="utf-8")
    return path


def test_a_lock_that_a_new_run_took_stays(cache: Path, results: Path) -> None:
    path = dead_lock(results)
    [item] = find(["leftovers"], results)
    with owned_lineage(results, KEY, "story"):
        assert take(item, results).left
        assert path.exists()


def test_a_lock_that_is_held_stays_whatever_is_written_in_it(cache: Path, results: Path) -> None:
    path = dead_lock(results)
    [item] = find(["leftovers"], results)
    with flocked(path):
        assert take(item, results).left
        assert path.exists()
    assert take(item, results) == Taken()
    assert not path.exists()


def test_a_download_that_is_gone_on_with_stays(cache: Path, results: Path) -> None:
    part = cache / "models/by-address" / KEY / "w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    [item] = find(["leftovers"], results)
    with flocked(part.with_name(".w.bin.lock")):
        assert take(item, results).left
        assert part.read_bytes() == b"half"
    assert take(item, results) == Taken()
    assert not part.exists()


def test_what_could_not_be_removed_is_told_as_left(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [
        Item("leftovers", "stays", tmp_path, 1000, 0.0, lambda: Taken(("one went",), ("it is busy",))),
        Item("leftovers", "goes", tmp_path, 2000, 0.0, Taken),
    ]
    assert not clean._take(items, results, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["what"], line["event"]) for line in lines] == [("stays", "left"), ("goes", "removed")]
    assert not clean._take(items, results, as_json=False)
    told = capsys.readouterr()
    assert "left: stays: it is busy" in told.err
    assert "2.0 kB are free again" in told.out


def test_the_exit_status_says_that_something_stays(cache: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dead_lock(results)
    with path.open("a") as file:

        def a_run_starts_then_yes(group: str, free: object) -> bool:
            fcntl.flock(file, fcntl.LOCK_EX)
            return True

        monkeypatch.setattr(clean, "_asked", a_run_starts_then_yes)
        done = CliRunner().invoke(clean.COMMAND, ["leftovers"])
    assert done.exit_code == 1, done.output
    assert "left: lock of story, whose run is dead: a process holds it" in done.stderr
    assert path.exists()
