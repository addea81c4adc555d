"""Records of drivers elsewhere: a copy of what is sealed here goes, the only one never does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.clean.find import find, take
from runner.clean.items import Item
from runner.flight.there import home
from runner.running_file import write_running
from runner.store.record import records_folder
from tests import make

KEY = "0123456789abcdef"


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two records of a driver elsewhere."""
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    folder = home(KEY)
    for number in (1, 2):
        make.seal_one(folder, make.attempt(number=number, values={"threads": number}, n=number))
    return folder


def records(folder: Path) -> list[Path]:
    return sorted(records_folder(folder).iterdir())


def brought_home(away: Path, results: Path, path: Path) -> None:
    shutil.copytree(path, records_folder(results) / path.name)


def ours(results: Path) -> list[Item]:
    return [item for item in find(["leftovers"], results) if "of a driver elsewhere" in item.what]


def test_a_record_that_is_here_goes_and_the_other_waits(away: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    first, second = records(away)
    brought_home(away, results, first)
    found = {item.path: item for item in ours(results)}
    assert set(found) == {first, second}
    assert found[first].used == ""
    assert found[second].used.startswith("its driver has not said that it has it")
    assert take(found[first], results).left == ()
    assert records(away) == [second]
    assert take(found[second], results).left == (found[second].used,), "asked once more, whatever was listed"
    assert records(away) == [second]


@pytest.mark.parametrize("damage", ["other facts", "cut copy"])
def test_a_copy_that_is_not_whole_here_keeps_the_one_that_travelled(away: Path, tmp_path: Path, damage: str) -> None:
    results = tmp_path / "results"
    first, second = records(away)
    brought_home(away, results, first)
    there = records_folder(results) / first.name
    if damage == "other facts":
        shutil.rmtree(there)
        shutil.copytree(second, there)
    else:
        (there / "requests.parquet").write_bytes(b"")
    assert all(item.used for item in ours(results))


def test_nothing_goes_while_an_attempt_runs_there(away: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for path in records(away):
        brought_home(away, results, path)
    write_running(away, make.an_id(77), {"run_id": make.an_id(78), "campaign": "chat", "phase": "load"})
    assert all("an attempt of chat runs" in item.used for item in ours(results))
    assert len(ours(results)) == 2


def test_an_empty_folder_goes_and_what_people_put_there_stays(away: Path, tmp_path: Path) -> None:
    for path in records(away):
        shutil.rmtree(path)
    (away.parent / "mine").mkdir()
    [item] = ours(tmp_path / "results")
    assert item.path == away
    (away / "notes.txt").write_text("mine", encoding="utf-8")
    assert take(item, tmp_path / "results").left == (f"{KEY} is not empty",)
    (away / "notes.txt").unlink()
    assert take(item, tmp_path / "results").left == ()
    assert sorted(path.name for path in away.parent.iterdir()) == ["mine"]
