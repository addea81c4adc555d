"""The campaign that the README shows is one: checked, planned and run, as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stories._world import ROOT, assert_nothing_left, attempts, tunebook

GUIDES = (page for page in ROOT.glob("site/*/*.md") if "```yaml\ntunebook: 1\n" in page.read_text(encoding="utf-8"))
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in GUIDES)]


def printed(page: str) -> list[str]:
    """The whole campaigns of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    return [block for block in blocks if "tunebook: 1\n" in block]


@pytest.mark.parametrize("page", PAGES)
def test_printed_campaigns_are_accepted(page: str, tmp_path: Path, results: Path) -> None:
    for number, text in enumerate(printed(page)):
        campaign = tmp_path / f"printed-{number}.yaml"
        campaign.write_text(text, encoding="utf-8")
        assert tunebook("check", campaign, results=results).stdout.startswith(f"ok {campaign}: ")
        planned = tunebook("plan", campaign, results=results).stdout
        assert re.search(r"^  measuring  at most .* in all", planned, re.M)


@pytest.mark.story
@pytest.mark.engine
def test_the_readmes_campaign_runs(tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "my-laptop.yaml"
    campaign.write_text(printed("README.md")[0], encoding="utf-8")
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
