"""Documentation that lies fails here."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runner import errors
from runner.render.metrics_page import metrics_page

ROOT = Path(__file__).parents[2]


def error_slugs() -> set[str]:
    classes = (value for _, value in inspect.getmembers(errors, inspect.isclass))
    return {cls.slug for cls in classes if issubclass(cls, errors.TunebookError)}


def test_every_error_has_a_paragraph() -> None:
    page = (ROOT / "site/reference/errors.md").read_text(encoding="utf-8")
    anchors = set(re.findall(r"^## ([a-z-]+)$", page, flags=re.MULTILINE))
    assert error_slugs() - anchors == set()
    assert anchors - error_slugs() == set(), "a paragraph about an error that does not exist"


def test_every_error_states_its_exit_status() -> None:
    page = (ROOT / "site/reference/errors.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^## ([a-z-]+)\nExit status (\d+)\.", page, flags=re.MULTILINE))
    for _, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.TunebookError):
            assert stated[cls.slug] == str(cls.status), cls.__name__


def test_the_error_tree_of_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"(\w+)\s+(\d+)\s", errors.__doc__ + " "))
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.TunebookError):
            assert drawn.get(name) == str(cls.status), name


def test_commands_page_is_the_help(request: pytest.FixtureRequest) -> None:
    path = ROOT / "site/reference/commands.md"
    # In a process of its own: click keeps a command's help option as whoever asked first saw it.
    printed = [sys.executable, "-m", "runner.cli._reference"]
    text = subprocess.run(printed, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout
    if request.config.getoption("--accept"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run `make golden` and read the difference"


def test_metrics_page_is_the_table(request: pytest.FixtureRequest) -> None:
    path = ROOT / "site/reference/metrics.md"
    if request.config.getoption("--accept"):
        path.write_text(metrics_page(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == metrics_page(), "run `make golden` and read the difference"


def test_every_problem_of_a_campaign_file_has_an_anchor_here() -> None:
    """The slug of an error message is an anchor of the errors page, wherever the paragraph stands."""
    campaign_page = (ROOT / "site/reference/campaign-file.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^### ([a-z-]+)$", campaign_page.split("## What check says")[1], flags=re.MULTILINE))
    errors_page = (ROOT / "site/reference/errors.md").read_text(encoding="utf-8")
    assert explained == set(re.findall(r"^### ([a-z-]+)$", errors_page, flags=re.MULTILINE))


def test_make_targets_of_the_contract_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "test-all", "check", "fast"):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
