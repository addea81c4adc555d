"""A table of an engine's flags, and the two things done with it: find problems, spell a command line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from runner.domain.campaign import Entry
from runner.domain.parameters import Choice, Float, Int, Parameter, Scalar
from runner.errors import Problem
from runner.space.abstract import is_abstract

_VERSION = re.compile(r"v?(\d+(?:\.\d+)+)|b(\d+)(?![\w.])")
"""A release, or the number of a build."""
_MOST_LISTED = 40
"""Flags in a hint; of more nobody reads the list."""


@dataclass(frozen=True, slots=True)
class Flag:
    """`type` is int, float, bool, choice or text. A bool is spelled `--name` and `--no-name`, with `spelling` "switch"
    `--name` or nothing, with "value" `--name true`, with "on-off" `--name on`. `since` and `until` are the first
    versions of the engine that have it, and that have it no more; empty where all that we know have it."""

    name: str
    type: str
    about: str = ""
    choices: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    default: Scalar | None = None
    since: str = ""
    until: str = ""
    spelling: str = "both"

    def absence(self, version: str) -> str | None:
        """Why an engine of this version has it not; None when it has."""
        if self.since and _release(version) < _release(self.since):
            return f"it came with {self.since}, this is {version}"
        if self.until and _release(version) >= _release(self.until):
            return f"it went with {self.until}, this is {version}"
        return None

    def complaint(self, value: Scalar) -> str | None:
        """What is wrong with `value`, or None."""
        match self.type:
            case "bool":
                return None if isinstance(value, bool) else f"{value!r} is neither true nor false"
            case "choice":
                if any(value == choice and type(value) is type(choice) for choice in self.choices):
                    return None
                known = [str(choice) for choice in self.choices]
                near = difflib.get_close_matches(str(value), known, n=1)
                did = f"; did you mean {near[0]!r}?" if near else ""
                return f"{value!r} is not one of {', '.join(known)}{did}"
            case "text":
                return None if isinstance(value, str) else f"{value!r} is no text"
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole or (self.type == "float" and isinstance(value, float))):
            return f"{value!r} is no {'whole number' if self.type == 'int' else 'number'}"
        assert not isinstance(value, str)
        if self.minimum is not None and value < self.minimum:
            return f"{value} is below the smallest value, {self.minimum:g}"
        if self.maximum is not None and value > self.maximum:
            return f"{value} is above the largest value, {self.maximum:g}"
        return None


def load(path: Path) -> dict[str, Flag]:
    """Read a `flags.toml`: one section per flag."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Flag(
            name=name,
            type=row["type"],
            about=row["about"],
            choices=tuple(row.get("choices", ())),
            minimum=row.get("minimum"),
            maximum=row.get("maximum"),
            default=row.get("default"),
            since=row.get("since", ""),
            until=row.get("until", ""),
            spelling=row.get("spelling", "both"),
        )
        for name, row in rows.items()
    }


def version_of(entry: Entry) -> str | None:
    """The engine's version as the entry tells it: its option `version`, else the tag of its image where that is one."""
    told = str(entry.options.get("version") or "")
    tag = str(entry.options.get("image") or "").rpartition("/")[2].partition("@")[0].partition(":")[2]
    found = _VERSION.match(told or tag)
    return (found[1] or found[0]) if found else None


def problems(
    entry: Entry,
    table: Mapping[str, Flag],
    reserved: Iterable[str] = (),
    unsupported: Mapping[str, str] = MappingProxyType({}),
    version: str | None = None,
) -> list[Problem]:
    """What is wrong with the fixed flags and the space of an entry. `reserved` are flags that we set ourselves,
    `unsupported` those that another engine has and this one can not have: flag -> reason. `version`: where the entry
    tells it in another way than `version_of` knows. A flag that nobody knows passes where the entry says
    `allow_unknown_flags`."""
    found = []
    named: dict[str, list[Scalar]] = {n: [value] for n, value in entry.flags.items() if not is_abstract(n)}
    for name, parameter in entry.space.parameters.items():
        if not name.startswith("env.") and not is_abstract(name):
            named.setdefault(name, []).extend(_ends(parameter))
    taken, version = set(reserved), version or version_of(entry)
    for name, values in named.items():
        what = f"{entry.name}: flag {name!r}"
        if name in taken:
            hint = "leave it out: it follows from the model and the place"
            found.append(Problem("reserved-flag", f"{what} is set by tunebook", hint=hint))
        elif name in unsupported:
            found.append(Problem("unknown-flag", f"{what} is not supported by this engine", hint=unsupported[name]))
        elif name not in table:
            if entry.options.get("allow_unknown_flags") is not True:
                found.append(Problem("unknown-flag", f"{entry.name}: no flag {name!r}", hint=_near(name, table)))
        elif version is not None and (absence := table[name].absence(version)):
            found.append(Problem("unknown-flag", f"{what} is not there: {absence}", hint="use another version"))
        else:
            complaints = (table[name].complaint(value) for value in values)
            found.extend(
                Problem("flag-value", f"{what}: {text}", hint=table[name].about)
                for text in dict.fromkeys(complaints)
                if text is not None
            )
    return found


def unknown_options(entry: Entry, known: Sequence[str]) -> list[Problem]:
    """Settings of the entry that the runtime does not know: silence would look like obedience."""
    found = []
    for name in entry.options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            found.append(Problem("unknown-option", f"{entry.name}: no option {name!r}", hint=hint))
    return found


def _ends(parameter: Parameter) -> list[Scalar]:
    match parameter:
        case Choice():
            return list(parameter.values)
        case Int() | Float():
            return [parameter.low, parameter.high]


def _near(name: str, table: Mapping[str, Flag]) -> str:
    bare = name.replace("_", "-").lstrip("-")
    positive = bare.removeprefix("no-")
    if bare in table:
        return f"write {bare!r}"
    if positive in table and table[positive].type == "bool":
        return f"write `{positive}: false`"
    near = difflib.get_close_matches(bare, table, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    if len(table) > _MOST_LISTED:
        return f"none of {len(table)} known flags is like it; `allow_unknown_flags: true` of the entry lets it pass"
    return f"known flags: {', '.join(sorted(table))}"


def spoken(
    flags: Mapping[str, Scalar], table: Mapping[str, Flag], set_by_us: Mapping[str, Scalar] = MappingProxyType({})
) -> dict[str, Scalar]:
    """The flags that change the command line. `set_by_us`: what it has where the campaign says nothing of it; of a
    switch among them false says something."""

    def changes(name: str, value: Scalar) -> bool:
        if name in set_by_us:
            return value != set_by_us[name]
        return value is not False or name not in table or table[name].spelling != "switch"

    return {name: value for name, value in flags.items() if changes(name, value)}


def spell(flags: Mapping[str, Scalar], table: Mapping[str, Flag] = MappingProxyType({})) -> tuple[str, ...]:
    """`--name value`, sorted by name; a bool as its flag in `table` says, else as `--name` or `--no-name`. Only
    strings."""
    words: list[str] = []
    for name, value in sorted(flags.items()):
        spelling = table[name].spelling if name in table else "both"
        if not isinstance(value, bool):
            words += [f"--{name}", str(value)]
        elif spelling == "value":
            words += [f"--{name}", str(value).lower()]
        elif spelling == "on-off":
            words += [f"--{name}", "on" if value else "off"]
        elif value:
            words.append(f"--{name}")
        elif spelling == "both":
            words.append(f"--no-{name}")
    return tuple(words)


def _release(version: str) -> tuple[int, ...]:
    """`v0.33.0rc1` is (0, 33): what compares as the versions do."""
    found = _VERSION.match(version)
    numbers = [int(number) for number in (found[1] or found[2]).split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
