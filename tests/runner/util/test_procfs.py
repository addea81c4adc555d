from __future__ import annotations

import fcntl
import os
import subprocess
import time
from pathlib import Path

import pytest

from runner.util import procfs


@pytest.mark.parametrize("lock", [fcntl.flock, fcntl.lockf])
def test_who_holds_a_lock_is_told_without_opening_the_file(tmp_path: Path, lock: object) -> None:
    path, other = tmp_path / "held", tmp_path / "free"
    other.touch()
    with path.open("w") as file:
        assert procfs.lock_holders(path) == []
        lock(file, fcntl.LOCK_EX)  # type: ignore[operator]
        assert procfs.lock_holders(path) == [os.getpid()]
        assert procfs.lock_holders(other) == []
    assert procfs.lock_holders(path) == []
    assert procfs.lock_holders(tmp_path / "absent") == []


def test_a_value_of_an_environment_is_the_one_of_the_start() -> None:
    child = subprocess.Popen(["sleep", "600"], env={**os.environ, "A_VALUE": "x=y", "AN_EMPTY": ""})
    limit = time.monotonic() + 60
    try:
        while procfs.environment_value(child.pid, "A_VALUE") is None:  # for a moment after exec there is none yet
            assert time.monotonic() < limit
        assert procfs.environment_value(child.pid, "A_VALUE") == "x=y"
        assert procfs.environment_value(child.pid, "AN_EMPTY") == ""
        assert procfs.environment_value(child.pid, "A_VAL") is None
        assert procfs.command_name(child.pid) == "sleep"
    finally:
        child.kill()
        child.wait()
    assert procfs.environment_value(child.pid, "A_VALUE") is None
    assert procfs.command_name(child.pid) == "?"
