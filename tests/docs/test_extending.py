"""The extending guide, done as it says: each printed file is put into a copy of the sources and used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import make

ROOT = Path(__file__).parents[2]
PRINTED = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def printed() -> dict[str, str]:
    """Path -> text of every file that the guide prints."""
    return dict(PRINTED.findall((ROOT / "site/guide/extending.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, with the printed files beside the others."""
    copy = tmp_path_factory.mktemp("extended")
    ignored = shutil.ignore_patterns("results", ".*")  # what is compiled comes along: five processes need it
    for name in ("runner", "report", "tests", "site"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("mkdocs.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    for path, text in printed().items():
        target = copy / path
        assert not target.exists(), f"{path} is no new file"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return copy


def python(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *words], cwd=checkout, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def tunebook(checkout: Path, *words: str) -> str:
    return python(checkout, "-c", "from runner.cli import main; main()", *words).stdout


def test_the_guide_prints_one_file_of_each_kind() -> None:
    folders = [str(Path(path).parent) for path in printed()]
    assert folders == [
        "runner/runtimes", "tests/contract/logs/toy", "tests/contract/logs/toy", "campaigns",
        "report/queries", "report/charts", "report/pages",
    ]  # fmt: skip


@pytest.mark.story
def test_the_contract_suites_find_and_accept_them(checkout: Path) -> None:
    suites = (
        "tests/contract/test_seams.py", "tests/contract/test_runtimes.py", "tests/contract/test_charts.py",
        "tests/contract/test_queries.py", "tests/contract/test_pages.py", "tests/report/test_charts.py",
        "tests/report/test_queries.py",
    )  # fmt: skip
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--accept", *suites, "-k", "toy or effort", "-rA")
    done = python(checkout, *words)
    assert "--port" in (checkout / "tests/golden/launch/toy.txt").read_text(encoding="utf-8")
    passed = re.findall(r"^PASSED (\S+)", done.stdout, re.MULTILINE)
    for suite in suites:
        assert any(one.startswith(suite) for one in passed), f"{suite} tried none of them"


@pytest.mark.story
def test_the_engine_is_measured(checkout: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    tunebook(checkout, "run", "--results", str(results), "campaigns/toy.yaml")
    query = "SELECT count(*) AS n FROM trials WHERE runtime = 'toy' AND status = 'succeeded'"
    answer = tunebook(checkout, "sql", "--results", str(results), "--format", "csv", query)
    assert answer.split() == ["n", "3"]


@pytest.mark.story
def test_the_page_is_in_the_site(checkout: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    make.write_store(results)
    tunebook(checkout, "build", "--results", str(results))
    page = (checkout / "public/results/effort.html").read_text(encoding="utf-8")
    assert 'data-spec="effort"' in page
    assert "<td>baseline</td>" in page
    specs = (checkout / "public/results/assets/specs.js").read_text(encoding="utf-8")
    assert '"effort"' in specs
