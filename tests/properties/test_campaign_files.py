"""The campaign loader on files that nobody would write: a campaign, or an error that says where. Never a traceback."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from runner.campaign.load import from_resolved, load, resolved
from runner.cli.check import describe
from runner.domain.campaign import Campaign
from runner.errors import CampaignError, Problem
from tests.properties.mangled import GOOD, VALUES, files, trees

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


PLACES: list[tuple[str | int, ...]] = [
    ("name",), ("description",), ("every",), ("model", "path"), ("deploy", "kind"), ("runtimes", 0, "flags", "a"),
    ("runtimes", 0, "env", "A"), ("runtimes", 0, "space", "a"), ("runtimes", 0, "space", "b", "int", 1),
    ("runtimes", 0, "where", 0), ("workload", "load", "concurrency", 0), ("workload", "each_level", "duration"),
    ("workload", "scenarios", 0), ("objective", "at"), ("objective", "metric"), ("slo", "ttft_p99", "max"),
    ("slo", "ttft_p99", "weight"), ("search", "seed"), ("budget", "wall"),
]  # fmt: skip
"""One place for each kind of value."""
SMALL = """\
{tunebook: 1, name: small, model: {path: m.gguf}, deploy: {kind: local},
 runtimes: [{runtime: simulated, flags: {}, env: {}, space: {b: {int: [1, 4]}}, where: [b > 0]}],
 workload: {scenarios: ["D(8,4)"], load: {concurrency: [1]}, each_level: {}}, objective: {metric: output_throughput},
 slo: {ttft_p99: {max: 1s}}, search: {}, budget: {}}
"""


def with_value(place: tuple[str | int, ...], value: Any) -> bytes:
    tree = at = yaml.safe_load(SMALL)
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = value
    return str(yaml.safe_dump(tree)).encode("utf-8", errors="surrogatepass")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize("value", ["9" * 400 + "s", "\ud800", "\x00", float("nan"), 10**30, "x" * 2000], ids=ascii)
def test_a_value_that_no_table_can_hold(tmp_path: Path, place: tuple[str | int, ...], value: Any) -> None:
    outcome = loaded_or_refused(tmp_path, with_value(place, value))
    assert isinstance(outcome, CampaignError) or value == "x" * 2000


@pytest.mark.matrix
@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_every_odd_value_at_every_kind_of_place(tmp_path: Path, place: tuple[str | int, ...]) -> None:
    for value in VALUES:
        loaded_or_refused(tmp_path, with_value(place, value))


@pytest.mark.matrix
@settings(relaxed, max_examples=2000)
@given(files())
def test_two_thousand_files(tmp_path: Path, raw: bytes) -> None:
    loaded_or_refused(tmp_path, raw)


def test_the_files_they_come_from_are_read(tmp_path: Path) -> None:
    """Else the mutations would only show that nonsense is refused."""
    for text in GOOD:
        assert isinstance(loaded_or_refused(tmp_path, text.encode()), Campaign)
