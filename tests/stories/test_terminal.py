"""An engine's words never steer the terminal of whoever watches: not in progress, not in the summary, not in SQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.make.hostile import attack
from tests.stories._world import ROOT, environment

pytestmark = pytest.mark.story

STEERING = ("\x1b]0;title", "\x1b[2J", "\x9b31m", "\x07", "\x08", "\u202e", "\u2066", "\x00", "\x7f")

ENGINE = """
import sys
words = {words!r}
print("E " + words + "x" * 1_000_000, flush=True)
print("fatal: " + words)
sys.exit(1)
"""

CAMPAIGN = """\
tunebook: 1
name: steering
model: {{id: some/model}}
runtimes:
  - runtime: command
    command: ["{python}", "{engine}", "{{port}}"]
    signatures: {{"fatal:": crash}}
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1]}}
  each_level: {{duration: 5s, requests: 4}}
objective: {{metric: output_throughput}}
search: {{trials: 1}}
timeouts: {{load: 60s, ready: 10s, level: 60s, no_progress: 30s, stop: 1s}}
"""


def on_a_terminal(*words: str | Path, results: Path) -> str:
    """What a command sends to a terminal, on both streams."""
    main, side = os.openpty()
    env = environment(results, TERM="xterm-256color")
    env.pop("NO_COLOR")
    child = subprocess.Popen([sys.executable, "-m", "runner", *map(str, words)], env=env, cwd=ROOT,
                             stdin=subprocess.DEVNULL, stdout=side, stderr=side)  # fmt: skip
    os.close(side)
    data = b""
    try:
        while piece := os.read(main, 65536):
            data += piece
    except OSError:  # Linux says EIO when the last writer is gone
        pass
    finally:
        os.close(main)
        child.wait(60)
    return data.decode("utf-8", errors="replace")


def test_nothing_steers_the_terminal(tmp_path: Path, results: Path) -> None:
    engine = tmp_path / "engine.py"
    engine.write_text(ENGINE.format(words=attack(7).replace("\n", " ")))  # what steers leads
    path = tmp_path / "steering.yaml"
    path.write_text(CAMPAIGN.format(python=sys.executable, engine=engine))
    run = on_a_terminal("run", path, results=results)
    shown = {"run": run}
    for form in ("table", "csv", "json"):
        shown[form] = on_a_terminal("sql", "SELECT evidence FROM failures", "--format", form, results=results)
    for what, text in shown.items():
        assert "31mred" in text, f"{what} shows it: {text[-3000:]}"
        assert [mark for mark in STEERING if mark in text] == [], what
        assert len(text) < 100_000, what
