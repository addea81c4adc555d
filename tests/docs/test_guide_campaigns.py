"""Every campaign that a guide prints is one: it is checked and planned, and no point of it is refused out of hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.campaign.load import parse
from runner.plan import plan
from runner.runtimes import runtimes

GUIDES = Path(__file__).parents[2] / "site" / "guide"
BLOCK = re.compile(r"```yaml[^\n]*\n(.*?)```", re.DOTALL)


def printed(start: str) -> list[tuple[str, str]]:
    """(page and number, block). What the extending guide prints needs the runtime that it prints: see
    test_extending.py."""
    return [
        (f"{path.stem}-{number}", block)
        for path in sorted(GUIDES.glob("*.md"))
        for number, block in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")))
        if block.startswith(start) and path.stem != "extending"
    ]


def needs_file(text: str) -> bool:
    """Of entries that are printed without their campaign: they belong to one that names a model's file."""
    return any(runtimes.get(name).needs_file for name in re.findall(r"runtime: (\w+)", text))


WHOLE = printed("tunebook: 1\n")
PARTS = [(name, text) for name, text in printed("runtimes:\n") if not needs_file(text)]
AROUND = """\
tunebook: 1
name: around
model: {id: org/model}
hardware: {gpus: 1}
deploy: %s
workload:
  scenarios: ["D(256,64)"]
  load: {concurrency: [1, 8]}
objective: {metric: output_throughput, at: c=8}
"""


def test_the_guides_print_campaigns() -> None:
    assert len(WHOLE) >= 2
    assert PARTS


@pytest.mark.parametrize("text", [text for _, text in WHOLE], ids=[name for name, _ in WHOLE])
def test_a_campaign_of_a_guide_can_be_planned(text: str, tmp_path: Path) -> None:
    campaign = parse(text, tmp_path / "printed.yaml")
    made = plan(campaign)
    assert [one for one in made.rejected if one.configuration.is_default] == []
    assert made.configurations


@pytest.mark.parametrize("text", [text for _, text in PARTS], ids=[name for name, _ in PARTS])
def test_entries_of_a_guide_have_no_problem(text: str, tmp_path: Path) -> None:
    where = "docker" if "image:" in text else "local"
    assert plan(parse(AROUND % where + text, tmp_path / "printed.yaml")).configurations
