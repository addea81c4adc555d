"""The campaign that the README shows is one: checked, planned and run, as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stories._world import ROOT, assert_nothing_left, attempts, tunebook


def printed(page: str) -> str:
    """The first whole campaign of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    return next(block for block in blocks if "tunebook: 1\n" in block)


@pytest.mark.parametrize("page", ["README.md", "site/reference/campaign-file.md"])
def test_a_printed_campaign_is_accepted(page: str, tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "printed.yaml"
    campaign.write_text(printed(page), encoding="utf-8")
    assert tunebook("check", campaign, results=results).stdout.startswith(f"ok {campaign}: ")
    planned = tunebook("plan", campaign, results=results).stdout
    assert re.search(r"^  measuring  at most .* in all", planned, re.M)


@pytest.mark.story
@pytest.mark.engine
def test_the_readmes_campaign_runs(tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "my-laptop.yaml"
    campaign.write_text(printed("README.md"), encoding="utf-8")
    assert "  not here  " not in tunebook("plan", campaign, results=results).stdout
    tunebook("run", campaign, "--max-trials", "1", results=results)
    first = attempts(results)[0]
    assert (first["role"], first["outcome"], len(first["levels"])) == ("baseline", "measured", 2)
    assert_nothing_left(results)


@pytest.mark.story
@pytest.mark.engine
def test_what_new_writes_could_run_here(tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "fresh.yaml"
    tunebook("new", "fresh", "--output", campaign, results=results)
    planned = tunebook("plan", campaign, results=results).stdout
    assert "  at worst  " in planned
    assert "  not here  " not in planned
