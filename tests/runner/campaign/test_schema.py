"""The published JSON Schema is the schema; it accepts our campaigns, and the reference page tells every key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.campaign.document import read
from runner.campaign.schema import json_schema

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "site" / "campaign.schema.json"
EXAMPLES = sorted([*(ROOT / "campaigns").glob("*.yaml"), Path(__file__).parent / "good.yaml"])
BAD = ROOT / "tests" / "golden" / "campaign-errors"


def test_published_schema_is_current() -> None:
    hint = "run: python -m runner.campaign.schema > site/campaign.schema.json"
    assert PUBLISHED.read_text() == json_schema(), hint


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(json_schema()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_schema_accepts_what_the_loader_accepts(path: Path) -> None:
    jsonschema.validate(read(path.read_text(), path.name).data, json.loads(json_schema()))


@pytest.mark.parametrize(
    "name", ["unknown-key", "wrong-unit", "wrong-type", "empty-choice", "two-kinds", "newer-format"]
)
def test_an_editor_sees_the_mistake_too(name: str) -> None:
    data = read((BAD / f"{name}.yaml").read_text(), name).data
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json.loads(json_schema()))


def keys(node: Any) -> set[str]:
    """Every property name the schema mentions."""
    if isinstance(node, list):
        return set().union(*map(keys, node))
    if not isinstance(node, dict):
        return set()
    found = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
    return found.union(*map(keys, node.values()))


def test_the_reference_page_tells_every_key() -> None:
    page = (ROOT / "site" / "reference" / "campaign-file.md").read_text()
    told = set(re.findall(r"`([a-z_0-9]+)`", page))
    every = keys(json.loads(json_schema()))
    assert len(every) > 60
    assert every - told == set()


def test_the_reference_page_explains_every_word_in_brackets() -> None:
    page = (ROOT / "site" / "reference" / "campaign-file.md").read_text()
    explained = set(re.findall(r"^### ([a-z-]+)$", page, re.MULTILINE))
    ours = re.compile(r"complaint\(\s*\"([a-z-]+)\"|Problem\(\s*\"([a-z-]+)\"|return \"([a-z]+-[a-z]+)\"")
    sources = [*(ROOT / "runner" / "campaign").glob("*.py"), *(ROOT / "runner" / "runtimes").rglob("*.py")]
    used = {slug for path in sources for groups in ours.findall(path.read_text()) for slug in groups if slug}
    used.discard("engine-missing")  # said by a run, not by a check: an error of its own
    assert len(used) >= 20
    assert used == explained


def test_the_example_of_the_reference_page_is_a_campaign(tmp_path: Path) -> None:
    from runner.campaign.load import parse

    page = (ROOT / "site" / "reference" / "campaign-file.md").read_text()
    blocks = re.findall(r"```yaml\n(tunebook: 1\n.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        parse(block, tmp_path / "example.yaml")
