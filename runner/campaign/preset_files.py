"""Where a preset lies: beside the campaign, in campaigns/ of its project, or among those that tunebook brings along."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath

from runner.campaign.files import SUFFIXES, read_text
from runner.errors import Problem, Where
from runner.util.project import project_folder
from runner.util.visible import visible

SHIPPED = "presets"
"""The folder of our own presets, below runner.templates, and the first part of their names."""

_LONGEST = 200
"""Characters of a name: file systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class PresetText:
    """A preset as it was found. `name` as `extends` says it; `file` for messages, `shown` for records: no path of this
    machine. `text` is the file as it was written; `folder` holds it, None for one of our own."""

    name: str
    file: str
    shown: str
    text: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """All places where the presets of one campaign file may lie, the nearest first."""

    folders: tuple[Path, ...]
    project: Path

    def find(self, name: str, asking: PresetText | None = None) -> PresetText | None:
        """The preset of that name: looked for beside the preset that is `asking`, which never finds itself, then in the
        folders, then among our own. Raises CampaignError when it can not be read."""
        beside = (asking.folder,) if asking and asking.folder else ()
        itself = asking.file if asking else ""
        for folder in (*beside, *self.folders):
            for path in (folder / f"{name}{suffix}" for suffix in _endings(name)):
                if path.is_file() and self._inside(path) and (file := _from_here(path)) != itself:
                    shown = path.resolve().relative_to(self.project).as_posix()
                    return PresetText(name, file, shown, read_text(path), path.parent)
        for found in (f"{name}{suffix}" for suffix in _endings(name)):
            if found in _shipped_files() and (file := f"tunebook:{found}") != itself:
                text = files("runner.templates").joinpath(found).read_text(encoding="utf-8")
                return PresetText(name, file, f"tunebook's own {found}", text)
        return None

    def names(self) -> list[str]:
        """Every preset that lies in a folder called presets, by the name for `extends`."""
        found = (
            f"{SHIPPED}/{path.stem}"
            for folder in self.folders
            if (folder / SHIPPED).is_dir()
            for path in (folder / SHIPPED).iterdir()
            if path.suffix in SUFFIXES and path.is_file()
        )
        return sorted({*found, *(name.rpartition(".")[0] for name in _shipped_files())})

    def unknown(self, name: str, where: Where) -> Problem:
        """What to say about a name that nothing is called."""
        if wrong := self.bad(name):
            return Problem("unknown-preset", f"{name!r} is no name of a preset: {wrong}", where, "such as presets/NAME")
        known = {one.rpartition("/")[2]: one for one in self.names()}
        near = difflib.get_close_matches(PurePosixPath(name).stem, known, n=1)
        every = visible(f"known: {', '.join(known.values())}")
        hint = f"did you mean {known[near[0]]}? ({every})" if near else every
        return Problem(
            "unknown-preset", f"no preset {name!r} here, nor in the project, nor of tunebook's own", where, hint
        )

    def bad(self, name: str) -> str:
        """Why no file may be called so; empty when one may."""
        path = PurePosixPath(name)
        if not name.strip() or name.endswith("/") or len(name) > _LONGEST:
            return "it names no file"
        if path.is_absolute() or name.startswith("~") or "\\" in name:
            return "it must lead from the campaign's folder or the project, so that it means the same on every machine"
        outside = any(not self._inside(folder / name) for folder in self.folders[:1])
        return "it leads out of the project" if outside else ""

    def _inside(self, path: Path) -> bool:
        """A file of another place is never read, not even through a link: messages quote what they read."""
        return path.resolve().is_relative_to(self.project)


def shelf_of(campaign: Path) -> Shelf:
    """The places for a campaign file, whether the file exists or not."""
    folder = campaign.resolve().parent
    project = project_folder(folder)
    return Shelf(tuple(dict.fromkeys((folder, project / "campaigns"))), project)


def shipped() -> list[str]:
    """The names of tunebook's own presets."""
    return sorted(name.rpartition(".")[0] for name in _shipped_files())


def _shipped_files() -> set[str]:
    folder = files("runner.templates").joinpath(SHIPPED)
    return {f"{SHIPPED}/{one.name}" for one in folder.iterdir() if one.name.endswith(SUFFIXES)}


def _endings(name: str) -> Sequence[str]:
    return ("",) if name.endswith(SUFFIXES) else SUFFIXES


def _from_here(path: Path) -> str:
    """As a person in the working folder writes it."""
    real = path.resolve()
    return str(real.relative_to(Path.cwd()) if real.is_relative_to(Path.cwd()) else real)
