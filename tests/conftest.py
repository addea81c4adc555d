"""What every test shares: golden files, a results folder of its own, no real home."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write golden files instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME. A missing file fails: only `--accept` writes one."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--accept"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}: look at the text, then run pytest --accept\n{text}"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A results folder of the test's own, also for commands that are not told one."""
    folder = tmp_path / "results"
    monkeypatch.setenv("TUNEBOOK_RESULTS", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
