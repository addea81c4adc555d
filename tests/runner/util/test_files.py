from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runner.errors import NoSpace, Unwritable
from runner.util.files import atomic_write


def test_writes_text_and_bytes(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", "grün\n")
    atomic_write(tmp_path / "a", b"\x00\x01")
    assert (tmp_path / "a").read_bytes() == b"\x00\x01"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, NoSpace), (errno.EROFS, Unwritable), (errno.EACCES, Unwritable), (errno.EIO, OSError)],
)
def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    path = tmp_path / "a"
    atomic_write(path, "old")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(expected):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_no_disk_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "nowhere" / "a", "x")
