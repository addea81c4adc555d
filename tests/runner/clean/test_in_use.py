"""What a process holds is seen, whatever of it can not be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.clean import in_use
from runner.util import procfs


def test_a_file_that_closes_meanwhile_hides_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made /proc of one process: its maps can not be read, one descriptor leads nowhere."""
    folder = tmp_path / "7"
    (folder / "fd").mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"engine\0/data/a=b/m.gguf\0--model=/data/c.gguf\0")
    (folder / "fd/0").write_bytes(b"")
    (folder / "fd/3").symlink_to("/data/open.gguf")
    (folder / "cwd").symlink_to("/data/work")
    monkeypatch.setattr(procfs, "PROC", tmp_path)
    found = in_use._paths_of(7)
    assert found >= {"/data/a=b/m.gguf", "/data/c.gguf", "/data/open.gguf", "/data/work"}
