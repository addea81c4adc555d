"""The table of what a download guarantees: each row has its tests, and each test of the library has its row."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
FILES = (
    "tests/runner/models/test_fetch_hub.py",
    "tests/runner/models/test_fetch_places.py",
    "tests/runner/models/test_hub_library.py",
    "tests/stories/test_model_fetch.py",
)


def existing() -> set[str]:
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in FILES]
    return {name for text in texts for name in re.findall(r"^def (test_\w+)\(", text, re.MULTILINE)}


def rows() -> list[tuple[str, str, str, list[str]]]:
    page = (ROOT / "site/guide/models.md").read_text(encoding="utf-8")
    return [(n, what, by, re.findall(r"`(test_\w+)`", named)) for n, what, by, named in ROW.findall(page)]


def test_every_row_has_tests_that_exist() -> None:
    found = rows()
    assert [number for number, *_ in found] == [str(number) for number in range(1, len(found) + 1)]
    assert len(found) >= 20
    for number, _, by, named in found:
        assert named, f"row {number} has no test"
        assert set(named) <= existing(), f"row {number}: {set(named) - existing()} is no test"
        assert re.match(r"(tunebook|library|both)\b", by), f"row {number}: {by}"
        assert any(name.startswith("test_library") for name in named), f"row {number}: what does the library do?"
        assert any(not name.startswith("test_library") for name in named), f"row {number}: who sees that it holds?"


def test_every_test_of_the_library_stands_in_the_table() -> None:
    named = {name for *_, row in rows() for name in row}
    of_library = {name for name in existing() if name.startswith("test_library")}
    assert of_library <= named
