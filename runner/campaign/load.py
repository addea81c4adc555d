"""STORY load(): read the file, check it against the schema, check what it means, make the campaign.

Either a Campaign or a CampaignError that holds all problems of the file at once, each with its place.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from runner.campaign.build import build
from runner.campaign.checks import check
from runner.campaign.document import read
from runner.campaign.identity import from_resolved, resolved, search_key, with_identity
from runner.campaign.neighbours import unique_names
from runner.campaign.secrets import in_text, masked
from runner.campaign.validate import validate
from runner.domain.campaign import Campaign
from runner.errors import CampaignError, OtherHardware, Problem, Where
from runner.util.project import project_folder

__all__ = ["from_resolved", "load", "load_all", "read_text", "resolved", "search_key"]

SUFFIXES = (".yaml", ".yml")
LARGEST = 200_000
"""Bytes of a campaign file. People write it: a thousand lines stay far below, and a megabyte takes seconds to read."""

LONGEST = 600
"""Characters of one message: a value of a thousand characters is shown by its two ends."""


def load(path: Path) -> Campaign:
    """The campaign of one file. Raises CampaignError with every problem, in the order of the file."""
    return parse(read_text(path), path)


def parse(text: str, path: Path) -> Campaign:
    """The campaign of a text that stood in `path`. Raises CampaignError."""
    document = read(text, str(path))
    reading = validate(document)
    problems = list(reading.problems)
    if reading.file is not None:
        problems += check(reading.file, document, reading)
    said = {problem.where.line for problem in problems if problem.slug == "secret" and problem.where}
    problems += [one for one in in_text(text, str(path)) if one.where and one.where.line not in said]
    if problems or reading.file is None:
        foreign = bool(problems) and all(problem.slug == OtherHardware.slug for problem in problems)
        raise (OtherHardware if foreign else CampaignError)(_in_order([masked(problem) for problem in problems]))
    return with_identity(build(reading.file, _project_path(path)))


def read_text(path: Path) -> str:
    """The file as it was written. Raises CampaignError when it can not be read as text."""
    where = Where(str(path))
    try:
        if path.stat().st_size > LARGEST:
            problem = Problem("campaign-yaml", f"a campaign file has at most {LARGEST} bytes", where)
        else:
            return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = Problem("campaign-missing", "no such file", where, _near_file(path))
    except UnicodeDecodeError as error:
        problem = Problem("campaign-yaml", f"not UTF-8 text: byte {error.start}", where, "save it as UTF-8")
    except OSError as error:
        problem = Problem("campaign-missing", f"can not be read: {error.strerror}", where)
    raise CampaignError([problem])


def load_all(paths: Iterable[Path], *, beside: bool = False) -> list[tuple[Path, Campaign | CampaignError]]:
    """Every campaign of these files and folders (a folder: its *.yaml and *.yml, sorted), each file once.

    A broken file does not hide the others. Two files with one campaign name are both in error; with `beside` the other
    campaign files of their folders and of the project count too.
    """
    loaded: list[tuple[Path, Campaign | CampaignError]] = []
    seen: set[Path] = set()
    for path in paths:
        files = _files(path)
        if not files:
            problem = Problem("campaign-missing", "no campaign file (*.yaml, *.yml) in this folder", Where(str(path)))
            loaded.append((path, CampaignError([problem])))
        for file in files:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                loaded.append((file, _load_or_error(file)))
    others = neighbours_of(path for path, _ in loaded) if beside else []
    return unique_names(loaded, _texts([*(path for path, _ in loaded), *others]))


def neighbours_of(files: Iterable[Path]) -> list[Path]:
    """The other files that lie in the folders of these, and in campaigns/ of their projects."""
    given = {file.resolve() for file in files}
    folders = {folder for file in given for folder in (file.parent, project_folder(file.parent) / "campaigns")}
    found = [file for folder in sorted(folders) if folder.is_dir() for file in _files(folder)]
    return [_from_here(file) for file in dict.fromkeys(found) if file.resolve() not in given]


def _from_here(file: Path) -> Path:
    """As a person in the working folder writes it."""
    try:
        return file.relative_to(Path.cwd())
    except ValueError:
        return file


def _texts(files: Iterable[Path]) -> dict[Path, str]:
    texts: dict[Path, str] = {}
    for file in files:
        try:
            texts[file] = read_text(file)
        except CampaignError:
            continue  # said already, or nobody asked
    return texts


def _load_or_error(path: Path) -> Campaign | CampaignError:
    try:
        return load(path)
    except CampaignError as error:
        return error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _near_file(path: Path) -> str | None:
    if not path.parent.is_dir():
        return None
    names = [file.name for file in path.parent.iterdir() if file.suffix in SUFFIXES]
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean {path.parent / near[0]}?" if near else None


def _project_path(path: Path) -> str:
    """Relative to the project folder where it lies inside, else the file name: never a path of this machine."""
    real = path.resolve()
    try:
        return real.relative_to(project_folder(real.parent)).as_posix()
    except ValueError:
        return real.name


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    def place(problem: Problem) -> tuple[int, int]:
        where = problem.where
        return (where.line or 0, where.column or 0) if where else (0, 0)

    return sorted(dict.fromkeys(map(_readable, problems)), key=place)


def _readable(problem: Problem) -> Problem:
    """The message cut to a length that a person reads."""
    if len(problem.what) <= LONGEST:
        return problem
    head, tail = problem.what[: LONGEST * 2 // 3], problem.what[-LONGEST // 3 :]
    return replace(problem, what=f"{head} ... {tail}")
