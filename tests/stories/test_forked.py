"""A command that is forked says and does what one does that is started; and it takes nothing over from another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runner.store._live import store_lock
from tests import make
from tests.stories import _forked
from tests.stories._world import ROOT, environment, tunebook, write_campaign

WORDS: dict[str, list[str]] = {
    "version": ["--version"],
    "wrong": ["rnu"],
    "check": ["check", "campaigns/"],
    "plan": ["plan", "story.yaml"],
    "broken": ["check", "broken.yaml"],
    "json": ["run", "broken.yaml", "--json"],
    "status": ["status", "--results", "elsewhere"],
}


@pytest.mark.parametrize("name", WORDS)
def test_it_says_what_a_started_one_says(name: str, tmp_path: Path, results: Path) -> None:
    write_campaign(tmp_path)
    (tmp_path / "broken.yaml").write_text("tunebook: 1\nnme: x\n", encoding="utf-8")
    (tmp_path / "campaigns").symlink_to(ROOT / "campaigns")
    env = environment(results)
    started = subprocess.run(
        [sys.executable, "-m", "runner", *WORDS[name]], env=env, capture_output=True, text=True, check=False,
        cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    forked = _forked.run(WORDS[name], env, tmp_path, 60)
    assert started.stdout + started.stderr
    assert without_times(forked) == without_times(started)


def without_times(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, re.sub(r'"ts": "[^"]+"', "", done.stdout), done.stderr


def test_each_has_its_own_environment_and_folder(tmp_path: Path) -> None:
    """What the first was told is not known to the second, and nothing of it is left in this process."""
    before = dict(os.environ), Path.cwd()
    statuses = []
    for name in ("one", "other", "one"):
        folder = tmp_path / name
        if not folder.exists():
            make.write_store(folder / "results", attempts=[make.attempt()])
            (folder / "tunebook.toml").touch()
        if name == "one":
            (folder / ".env").write_text("TUNEBOOK_RESULTS=nowhere\n", encoding="utf-8")
        env = {name: value for name, value in environment(folder).items() if name != "TUNEBOOK_RESULTS"}
        statuses.append(_forked.run(["sql", "FROM trials"], env, folder, 60).returncode)
    assert statuses == [5, 0, 5], "only the first names a folder without a store"
    assert (dict(os.environ), Path.cwd()) == before


def test_a_command_that_takes_too_long_is_ended_and_the_next_one_runs(results: Path) -> None:
    make.write_store(results, attempts=[make.attempt()], ingested=False)
    with store_lock(results), pytest.raises(subprocess.TimeoutExpired):
        _forked.run(["store", "ingest"], environment(results, TUNEBOOK_LOCK_WAIT="600"), ROOT, 1)
    assert "error[usage]" in tunebook("rnu", results=results, status=2).stderr
