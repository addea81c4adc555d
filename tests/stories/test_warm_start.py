"""A second campaign begins with what the first one found, and keeps to it whatever is measured meanwhile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.stories._world import proposals, tunebook, write_campaign


def test_a_cut_search_goes_on_with_the_warm_starts_that_it_began_with(tmp_path: Path, results: Path) -> None:
    first = threaded(tmp_path, name="first", trials=5)
    second = threaded(tmp_path, name="second", trials=7, flags=", chunk-size: 256")
    text = second.read_text(encoding="utf-8").replace("startup: 2", "startup: 2, warm_start: 2")
    second.write_text(text, encoding="utf-8")
    third = threaded(tmp_path, name="third", trials=6, flags=", chunk-size: 1024")

    tunebook("run", first, results=results)
    whole = tmp_path / "whole"
    shutil.copytree(results, whole)
    foreseen = json.loads(tunebook("plan", second, "--json", results=results).stdout.splitlines()[0])["warm_start"]
    told = tunebook("run", second, results=whole).stderr
    assert foreseen, "something beats the default"
    assert f"warm start: {foreseen[0]['text']}: simulated" in told
    assert f"as {foreseen[0]['text']}" in told

    tunebook("run", second, "--max-trials", "2", results=results)
    tunebook("run", third, results=results)  # it may have found better ones
    tunebook("run", second, results=results)
    assert the_proposals(results, "second") == the_proposals(whole, "second")
    assert [number for number, _ in the_proposals(results, "second")] == list(range(7))


def threaded(folder: Path, **changes: Any) -> Path:
    """A campaign in which eight threads clearly beat the default of two, whatever else the machine does: the engine is
    slow enough for its own time to be most of a request's."""
    path = write_campaign(folder, **changes)
    text = path.read_text(encoding="utf-8").replace("time-scale: 0.02", "time-scale: 0.2")
    path.write_text(text.replace("      block-size:", "      threads: [2, 8]\n      block-size:"), encoding="utf-8")
    return path


def the_proposals(results: Path, name: str) -> list[tuple[int, str]]:
    starts = [json.loads(path.read_text()) for path in (results / "records").glob("run_start-*/run_start.json")]
    keys = {start["search_key"] for start in starts if start["name"] == name}
    return proposals(results, keys)
