"""Where things lie: the project folder, the results folder, the cache."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import UsageError, Where

SETTINGS = "tunebook.toml"
MARKERS = (SETTINGS, "mkdocs.yml")
TABLES = ("tunebook", "site")
"""Of tunebook.toml: where things lie (below), and whose site it is (`report.identity`)."""


def project_folder(start: Path | None = None) -> Path:
    """The nearest parent of `start` (default: the working folder) with a marker file, else `start` itself."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if any((folder / marker).is_file() for marker in MARKERS):
            return folder
    return here


def settings(project: Path) -> dict[str, str]:
    """`[tunebook]` of tunebook.toml: `results`, `cache`. Empty without the file.

    Raises UsageError for a broken file, an unknown key or a value that is no text.
    """
    found = section(project, "tunebook", ("results", "cache"))
    wrong = [key for key, value in found.items() if not isinstance(value, str)]
    if wrong:
        what = f"{wrong[0]!r} in {SETTINGS} must be a path, written as text"
        raise UsageError(what, where=line_of(project, "tunebook", wrong[0]))
    return dict(found)


def section(project: Path, name: str, known: Sequence[str]) -> dict[str, Any]:
    """One table of tunebook.toml, whose keys are `known`. Empty without the file or the table.

    Raises UsageError with file and line for a broken file, a table that is none of ours and an unknown key.
    """
    path = project / SETTINGS
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{SETTINGS} is not valid TOML: {error}", where=Where(str(path))) from error
    for key, value in tables.items():
        if key not in TABLES or not isinstance(value, dict):
            hint = f"known tables: {', '.join(f'[{one}]' for one in TABLES)}{_near(key, TABLES)}"
            raise UsageError(f"unknown {key!r} in {SETTINGS}", hint=hint, where=line_of(project, "", key))
    found: dict[str, Any] = tables.get(name, {})
    for key in found:
        if key not in known:
            hint = f"known keys: {', '.join(known)}{_near(key, known)}"
            raise UsageError(f"unknown key {key!r} in {SETTINGS}", hint=hint, where=line_of(project, name, key))
    return found


def line_of(project: Path, table: str, key: str) -> Where:
    """The line of `key` in a table of tunebook.toml, or of the table called `key` where `table` is empty. As far as a
    look at the lines tells: the parser says nothing of it."""
    path = project / SETTINGS
    inside = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if head := re.match(r"\s*\[+\s*[\"']?([\w.-]+)", line):
            inside = head[1]
            if not table and inside.partition(".")[0] == key:
                return Where(str(path), number)
        elif inside == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return Where(str(path), number)
    return Where(str(path))


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def results_folder(option: Path | None, project: Path) -> Path:
    """option > TUNEBOOK_RESULTS > tunebook.toml > <project>/results. Absolute; not created here."""
    if option is not None:
        return option.expanduser().resolve()
    if text := os.environ.get("TUNEBOOK_RESULTS"):
        return Path(text).expanduser().resolve()
    if text := settings(project).get("results"):
        return (project / Path(text).expanduser()).resolve()
    return project / "results"


def cache_folder() -> Path:
    """TUNEBOOK_CACHE > tunebook.toml > ~/.cache/tunebook. Absolute; not created here."""
    if text := os.environ.get("TUNEBOOK_CACHE"):
        return Path(text).expanduser().resolve()
    if text := settings(project := project_folder()).get("cache"):
        return (project / Path(text).expanduser()).resolve()
    return Path.home() / ".cache" / "tunebook"
