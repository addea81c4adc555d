"""llama.cpp's own program, `llama-server`: in a container image, or on this machine.

Its flags are those of the table, but for what stands in its keys `binary`.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.domain.campaign import Entry
from runner.domain.parameters import Scalar
from runner.errors import Problem
from runner.render.served import program_in
from runner.runtimes import _flags

PROGRAM = "llama-server"
RESERVED = ("metrics",)
_TABLE = Path(__file__).with_name("flags.toml")
_OTHER: Mapping[str, dict[str, Any]] = {
    name: row["binary"] for name, row in tomllib.loads(_TABLE.read_text("utf-8")).items() if "binary" in row
}
FLAGS = {
    name: replace(flag, **{key: _OTHER[name][key] for key in ("spelling", "since") if key in _OTHER.get(name, {})})
    for name, flag in _flags.load(_TABLE).items()
}
_BUILD = re.compile(r"(?:^|-)(b\d{4,})$")


def program_of(entry: Entry) -> str | None:
    """The program of an entry, or None where it is the package with our launcher: its option `binary`, else what is
    known of its image."""
    told, image = entry.options.get("binary"), str(entry.options.get("image") or "")
    if told is not None:
        return str(told)
    there = program_in(image, PROGRAM)
    return there if there != PROGRAM else None


def portable(entry: Entry, program: str) -> str:
    """The program's name for others. In an image that is not known it lies where the entry says."""
    image = str(entry.options.get("image") or "")
    return program if image and program != program_in(image, PROGRAM) else PROGRAM


def build_of(entry: Entry) -> str | None:
    """The build, of the option `version` or the image's tag: `server-cuda-b10434` is b10434."""
    image = str(entry.options.get("image") or "")
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    found = _BUILD.search(str(entry.options.get("version") or tag))
    return found[1] if found else None


def check(entry: Entry, reserved: tuple[str, ...]) -> list[Problem]:
    found = _flags.problems(entry, FLAGS, (*reserved, *RESERVED), version=build_of(entry))
    told = entry.options.get("binary")
    if told is not None and not (isinstance(told, str) and told and (told.startswith("/") or "/" not in told)):
        what = f"{entry.name}: option 'binary' is neither a name nor an absolute path: {told!r}"
        found.append(Problem("option-value", what, hint=f"write {PROGRAM}, or the path of it"))
    if entry.options.get("python") is not None:
        what = f"{entry.name}: option 'python' has no meaning for the program {PROGRAM}"
        found.append(Problem("option-value", what, hint="leave it out, or leave `binary:` out"))
    return found


def needs(entry: Entry, program: str) -> list[Problem]:
    if shutil.which(program) is not None:
        return []
    what = f"{entry.name}: no program {program}"
    return [Problem("engine-missing", what, hint="correct `binary:` of the runtime: where llama-server is installed")]


def words(flags: Mapping[str, Scalar]) -> tuple[str, ...]:
    """Flags as the program spells them."""
    spelled: dict[str, Scalar] = {}
    for name, value in flags.items():
        other = _OTHER.get(name, {})
        said = other.get("values", {}).get(value, value) if isinstance(value, str) else value
        if said != "" or value == "":
            spelled[other.get("name", name)] = said
    return ("--metrics", *_flags.spell(spelled, {_OTHER.get(n, {}).get("name", n): f for n, f in FLAGS.items()}))


def spoken(flags: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Those that give a word of the command line: a switch that is off gives none."""
    return {name: value for name, value in flags.items() if words({name: value}) != words({})}
