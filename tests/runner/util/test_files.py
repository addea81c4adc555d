from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.errors import NoSpace, Unwritable
from runner.util.files import atomic_write, new_folder, remove_abandoned


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


KILLED = """
import os, signal, sys
from pathlib import Path
from runner.util import files
path = Path(sys.argv[1])
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
making = files.new_folder(path)
files.atomic_write(path, "half") if sys.argv[2] == "file" else making.__enter__() and os.fsync(0)
"""


def killed(path: Path, what: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), what], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed(tmp_path / "a", "file")
    assert [path.name.startswith(".a.") for path in tmp_path.iterdir()] == [True]
    atomic_write(tmp_path / "a", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_in_the_making_is_left_alone_until_its_maker_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with new_folder(path):
        (path / "half").touch()
        assert not remove_abandoned(path)
        assert (path / "half").exists()
        path.rename(tmp_path / "made")
    assert [one.name for one in tmp_path.rglob("*")] == ["made", "half"]
    killed(path, "folder")
    assert path.is_dir()
    assert remove_abandoned(path)
    assert not path.exists()
    assert not remove_abandoned(path), "there is none"
