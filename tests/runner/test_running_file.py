"""What a running attempt says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import running_file
from runner.running_file import Progress, read_progress, scratch_folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = scratch_folder(tmp_path, "an-attempt")
    folder.mkdir(parents=True)
    return folder


def test_a_level_is_told_at_once_and_its_requests_now_and_then(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_file, "PROGRESS_EVERY", float("inf"))
    progress = Progress(scratch)
    assert read_progress(tmp_path, "an-attempt") is None
    progress.hear("level_started", {"position": 1, "load_kind": "concurrency", "load_value": 8.0})
    progress.hear("progress", {"position": 1, "done": 3})
    seen = read_progress(tmp_path, "an-attempt")
    assert seen is not None
    assert (seen["event"], seen["position"], seen.get("done")) == ("level_started", 1, None)
    monkeypatch.setattr(running_file, "PROGRESS_EVERY", 0.0)
    progress.hear("progress", {"position": 1, "done": 4})
    seen = read_progress(tmp_path, "an-attempt")
    assert seen is not None
    assert (seen["event"], seen["load_value"], seen["done"]) == ("progress", 8.0, 4)


def test_the_next_level_begins_with_no_requests(tmp_path: Path, scratch: Path) -> None:
    progress = Progress(scratch)
    progress.hear("level_started", {"position": 0})
    progress.hear("level_ended", {"position": 0, "done": 12})
    progress.hear("level_started", {"position": 1})
    seen = read_progress(tmp_path, "an-attempt")
    assert seen is not None
    assert (seen["position"], seen.get("done")) == (1, None)


def test_progress_that_can_not_be_written_fails_nothing(tmp_path: Path) -> None:
    Progress(tmp_path / "gone").hear("level_started", {"position": 0})
