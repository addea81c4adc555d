"""The campaign loader on files that nobody would write: a campaign, or an error that says where. Never a traceback."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from runner.campaign.load import from_resolved, load, resolved
from runner.cli.check import describe
from runner.domain.campaign import Campaign
from runner.errors import CampaignError, Problem
from tests.properties.mangled import GOOD, files, trees

relaxed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
WHOLE_FILE = (
    "the file is empty",
    "not UTF-8 text",
    "a campaign file has at most",
    "nested too deeply",
    "not readable",
    "the campaign lacks the key",
)
"""What is wrong with all of a file has no line of its own."""

fresh = itertools.count()


def loaded_or_refused(folder: Path, raw: bytes) -> Campaign | CampaignError:
    """Load the file, and look at what comes out. Whatever else is raised is what these tests are for."""
    path = folder / f"{next(fresh)}.yaml"
    path.write_bytes(raw)
    outcome = _load(path)
    path.unlink()
    if isinstance(outcome, Campaign):
        assert from_resolved(resolved(outcome)) == outcome
        assert describe(outcome)
    else:
        assert outcome.problems()
        for problem in outcome.problems():
            check_problem(problem, path)
    return outcome


def _load(path: Path) -> Campaign | CampaignError:
    try:
        return load(path)
    except CampaignError as refused:
        return refused


def check_problem(problem: Problem, path: Path) -> None:
    """It says where, and a terminal can show it: no control characters, no page of text."""
    assert problem.where is not None
    assert problem.where.file == str(path)
    if not problem.what.startswith(WHOLE_FILE):
        assert problem.where.line is not None, problem.what
    for line in problem.lines():
        assert line.isprintable(), ascii(line)
        assert len(line) < 1000, line[:200]


@settings(relaxed, max_examples=200)
@given(trees())
def test_a_file_that_says_something_else(tmp_path: Path, text: str) -> None:
    loaded_or_refused(tmp_path, text.encode("utf-8", errors="surrogatepass"))


@settings(relaxed, max_examples=100)
@given(files())
def test_a_file_that_is_written_otherwise(tmp_path: Path, raw: bytes) -> None:
    loaded_or_refused(tmp_path, raw)


@pytest.mark.matrix
@settings(relaxed, max_examples=2000)
@given(files())
def test_two_thousand_files(tmp_path: Path, raw: bytes) -> None:
    loaded_or_refused(tmp_path, raw)


def test_the_files_they_come_from_are_read(tmp_path: Path) -> None:
    """Else the mutations would only show that nonsense is refused."""
    for text in GOOD:
        assert isinstance(loaded_or_refused(tmp_path, text.encode()), Campaign)
