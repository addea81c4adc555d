"""Where things lie: the project folder, the results folder, the cache."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from runner.errors import UsageError, Where

MARKERS = ("tunebook.toml", "mkdocs.yml")


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
    path = project / "tunebook.toml"
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"tunebook.toml is not valid TOML: {error}", where=Where(str(path))) from error
    section = table.get("tunebook", {})
    unknown = sorted(set(section) - {"results", "cache"})
    if unknown:
        raise UsageError(
            f"unknown key {unknown[0]!r} in tunebook.toml", hint="known keys: results, cache", where=Where(str(path))
        )
    wrong = [key for key, value in section.items() if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} in tunebook.toml must be a path, written as text", where=Where(str(path)))
    return dict(section)


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
