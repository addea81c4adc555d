"""STORY load(): read the file, check it against the schema, open presets, check what it means, make the campaign.

Either a Campaign or a CampaignError that holds all problems of the file at once, each with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from runner.campaign.build import build
from runner.campaign.check_load import with_files
from runner.campaign.checks import check
from runner.campaign.document import read
from runner.campaign.files import SUFFIXES, project_path, read_text
from runner.campaign.identity import from_resolved, resolved, search_key, with_identity
from runner.campaign.neighbours import unique_names
from runner.campaign.preset_files import shelf_of
from runner.campaign.presets import extend, is_preset
from runner.campaign.secrets import in_text, masked
from runner.campaign.validate import validate
from runner.domain.campaign import Campaign
from runner.errors import CampaignError, OtherHardware, Problem, Where
from runner.util.project import project_folder

__all__ = ["from_resolved", "load", "load_all", "read_text", "resolved", "search_key"]

LONGEST = 600
"""Characters of one message: a value of a thousand characters is shown by its two ends."""


def load(path: Path) -> Campaign:
    """The campaign of one file. Raises CampaignError with every problem, in the order of the file."""
    return parse(read_text(path), path)


def parse(text: str, path: Path) -> Campaign:
    """The campaign of a text that stood in `path`. Raises CampaignError."""
    document = read(text, str(path))
    if is_preset(document):
        what = "this is a preset, and no campaign: nothing runs it by itself"
        raise CampaignError([Problem("preset-alone", what, Where(str(path)), "check the campaigns that extend it")])
    reading = validate(document)
    problems = list(reading.problems)
    composed = extend(reading, document, shelf_of(path), project_path(path))
    if composed is not None:
        document, again = composed.document, validate(composed.document)
        problems += (*composed.problems, *again.problems)
        reading = replace(again, broken=reading.broken | composed.broken | again.broken)
    if reading.file is not None:
        problems += check(reading.file, document, reading)
    said = {(one.where.file, one.where.line) for one in problems if one.slug == "secret" and one.where}
    problems += [one for one in in_text(text, str(path)) if one.where and (str(path), one.where.line) not in said]
    if problems or reading.file is None:
        foreign = bool(problems) and all(problem.slug == OtherHardware.slug for problem in problems)
        raise (OtherHardware if foreign else CampaignError)(_in_order([masked(problem) for problem in problems], path))
    campaign = with_files(build(reading.file, project_path(path)), path)
    return with_identity(replace(campaign, extended=composed.extended) if composed else campaign)


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


def _in_order(problems: Sequence[Problem], path: Path) -> list[Problem]:
    """As they stand in the campaign, then those of presets, file by file."""

    def place(problem: Problem) -> tuple[str, int, int]:
        where = problem.where
        if where is None:
            return "", 0, 0
        return "" if where.file == str(path) else where.file, where.line or 0, where.column or 0

    return sorted(dict.fromkeys(map(_readable, problems)), key=place)


def _readable(problem: Problem) -> Problem:
    """The message cut to a length that a person reads."""
    if len(problem.what) <= LONGEST:
        return problem
    head, tail = problem.what[: LONGEST * 2 // 3], problem.what[-LONGEST // 3 :]
    return replace(problem, what=f"{head} ... {tail}")
