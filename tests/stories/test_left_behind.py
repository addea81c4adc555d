"""An engine that can not be ended when its attempt ends: what was measured stands, and `reap` finds what is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stories._world import assert_quiet, attempts, environment, tunebook, write_campaign

pytestmark = pytest.mark.story

RUN = """
import sys
from runner.deployers import local
from runner.errors import LeftBehind
ends = local.LocalEngine.stop
def left(self, grace):
    ends(self, grace)
    raise LeftBehind("container tb-x may be left: the Engine does not answer", hint="tunebook reap")
local.LocalEngine.stop = left
from runner.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(("faults", "outcome", "status"), [("", "measured", 0), (", fault: crash_load", "failed", 1)])
def test_what_was_measured_stands_and_its_running_file_stays(
    tmp_path: Path, faults: str, outcome: str, status: int
) -> None:
    results = tmp_path / "results"
    path = write_campaign(tmp_path, trials=1, flags=faults)
    command = [sys.executable, "-c", RUN, "run", str(path)]
    done = subprocess.run(command, env=environment(results), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    [made] = attempts(results)
    assert made["outcome"] == outcome, made["failure"]
    assert any("container tb-x may be left" in line for line in made["warnings"])
    left = results / "running" / f"{made['attempt_id']}.json"
    assert left.exists()
    tunebook("reap", results=results)
    assert not left.exists()
    assert attempts(results) == [made], "its record is not sealed again"
    assert_quiet(results)
