"""What every test shares: golden files, a results folder of its own, no real home."""

from __future__ import annotations

import compileall
import difflib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.terminal import TerminalReporter

from tests import golden_tree as tree
from tests._machine import lacks, missing
from tests._order import dealt, waits

if TYPE_CHECKING:
    from tests.docker_engine import DockerEngine

GOLDEN = Path(__file__).parent / "golden"

# Engines on two cores with other tests beside them: threads that spin while they wait take what the others need.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write golden files instead of comparing with them")


TIERS = ("matrix", "heavy", "docker", "ray", "kube", "story", "browser", "engine", "genai_bench")
"""Markers from the heaviest down: a test counts for the first that it has."""


def pytest_configure(config: pytest.Config) -> None:
    """Compile the sources once, before the workers start. With PYTHONDONTWRITEBYTECODE each of thousands of processes
    would do so again, a tenth of all time; without it, one whose files may not grow leaves half of one."""
    if not hasattr(config, "workerinput"):
        for package in ("runner", "report"):
            compileall.compile_dir(GOLDEN.parents[1] / package, quiet=2)


@pytest.hookimpl(trylast=True)  # when -m and -k have taken theirs
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones first, where there are workers; else last those that need what `make test` installs beside them."""
    if hasattr(config, "workerinput"):
        items[:] = dealt(items, config.workerinput["workercount"])
    else:
        items.sort(key=waits)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in TIERS:
        if item.get_closest_marker(marker) and (what := lacks(marker)):
            if marker == "kube" and "kube" in item.config.option.markexpr:  # asked for by name: no skip would do
                pytest.fail(f"missing on this machine: {what}", pytrace=False)
            missing(what)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Minutes by tier, so that a tier that grows is seen. Summed over parallel workers."""
    seconds: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                tier = next((marker for marker in TIERS if marker in report.keywords), "unit")
                seconds[tier] = seconds.get(tier, 0.0) + report.duration
    terminalreporter.section("time by tier")
    for tier, spent in sorted(seconds.items(), key=lambda one: -one[1]):
        terminalreporter.write_line(f"{tier:8} {spent / 60:6.1f} min of tests")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME. A missing file fails: only `--accept` writes one."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--accept"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}: look at the text, then run pytest --accept\n{text}"
        if text != (before := path.read_text(encoding="utf-8")):
            changed = difflib.unified_diff(before.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm="")
            lines = "\n".join(line[:400] for line in changed)
            pytest.fail(f"{name} is not what it was; accept it with `make golden`\n{lines}", pytrace=False)

    return compare


@pytest.fixture
def golden_tree(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compare many texts (name -> text) with the folder tests/golden/FOLDER, and leave the differences browsable."""

    def compare(folder: str, made: Mapping[str, str], ignore: Sequence[str] = ()) -> None:
        if request.config.getoption("--accept"):
            tree.accept(GOLDEN / folder, made, ignore)
        if found := tree.compare(GOLDEN / folder, made, ignore):
            pytest.fail(found.story(), pytrace=False)

    return compare


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A real Docker Engine, of this worker's own."""
    from tests.docker_engine import engine

    with engine() as found:
        yield found


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A results folder of the test's own, also for commands that are not told one."""
    folder = tmp_path / "results"
    monkeypatch.setenv("TUNEBOOK_RESULTS", str(folder))
    monkeypatch.setenv("TUNEBOOK_LEASES", str(tmp_path / "leases"))  # the machine's own GPUs are none of ours
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
