"""The short form of `make chaos`: six kills (twelve in the matrix), the same victims and delays each time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.__main__ import Series
from tests.chaos.campaigns import SHORT, with_second_entry
from tests.stories._world import attempts, tunebook, write_campaign

pytestmark = pytest.mark.story

SEED = 20


@pytest.mark.parametrize("kills", [6, pytest.param(12, marks=pytest.mark.matrix)])
def test_kills_lose_double_and_leave_nothing(kills: int, tmp_path: Path) -> None:
    series = Series(SHORT, kills, SEED, tmp_path)
    series.run()
    print("\n".join([f"seed {SEED}", *series.table("simulated"), *series.census.lines()]))
    assert series.hits.total() >= kills
    assert set(series.census.counts.values()) == {0}, series.census.lines()


def test_a_run_killed_before_its_verdicts_are_sealed_seals_them_when_resumed(tmp_path: Path, results: Path) -> None:
    campaign = with_second_entry(write_campaign(tmp_path, trials=2, top=1, loads="[1]"))
    tunebook("run", campaign, results=results)
    before = attempts(results)
    verdicts = sorted((results / "records").glob("comparison-*"))
    assert verdicts
    for path in (*verdicts, *(results / "records").glob("run_end-*")):  # as if it had been killed just before them
        shutil.rmtree(path)
    for path in results.glob("*.duckdb"):
        path.unlink()
    done = tunebook("run", campaign, results=results)
    assert "nothing to do" not in done.stdout
    assert attempts(results) == before
    assert len(list((results / "records").glob("comparison-*"))) == len(verdicts)
    assert "nothing to do" in tunebook("run", campaign, results=results).stdout
