"""The settings of an entry or a preset: by their names, each with its place and with all that was said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runner.campaign.combine import Values, equal, fixed, searched
from runner.campaign.document import Document, Path
from runner.campaign.entry_schema import named_or_mapped
from runner.domain.campaign import Conflict, Given
from runner.render.yaml_text import flow
from runner.space.expressions import ExpressionError, names_in
from runner.space.resolve import ENV

Name = tuple[str, str]
"""("", flag), ("env", NAME), ("quantization", field) or ("parallel", field)."""

ENTRY = "the entry"
ALONE = ("image", "version", "allow_unknown_flags")
"""Settings of one value, which are neither united nor intersected: the last one counts."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it counts so far. `given` and `said` are all the words about it, those that lost too, in their
    order; `how` it was decided between them. `path` is where the value that counts stands in `document`."""

    values: Values
    written: Any
    given: tuple[Given, ...]
    said: tuple[Values, ...]
    document: Document
    path: Path
    how: str = ""

    def over(self, before: Setting | None, how: str) -> Setting:
        """This one, which counts, with what was said before."""
        if before is None:
            return self
        earlier = tuple(one for one in before.given if one not in self.given)
        return replace(self, given=earlier + self.given, said=before.said + self.said, how=how)

    @property
    def disputed(self) -> bool:
        return any(not equal(one, self.values) for one in self.said)


@dataclass(slots=True)
class Made:
    """What came out of some presets: settings, those left out, single values, constraints with their places."""

    settings: dict[Name, Setting] = field(default_factory=dict)
    left_out: dict[Name, Setting] = field(default_factory=dict)
    alone: dict[str, Setting] = field(default_factory=dict)
    where: list[Setting] = field(default_factory=list)
    presets: list[Given] = field(default_factory=list)

    def conflicts(self) -> tuple[Conflict, ...]:
        """What was said in more than one way, and what counts."""
        every = [*((spelled_name(name), one) for name, one in self.settings.items()), *self.alone.items()]
        found = [Conflict(name, one.given, one.how, flow(one.written)) for name, one in every if one.disputed]
        gone = [(name, one) for name, one in self.left_out.items() if name not in self.settings]
        return (*found, *(Conflict(spelled_name(name), one.given, "without", None) for name, one in gone))


def constrain(made: Made, where: list[Setting]) -> None:
    """Constraints add up: every one must hold."""
    known = {one.written for one in made.where}
    made.where += [one for one in where if one.written not in known]


def unconstrain(made: Made, gone: set[str]) -> None:
    """A constraint over what was left out says nothing any more: it goes too, and is told."""
    lost = [one for one in made.where if gone & _names_in(one.written)]
    made.where = [one for one in made.where if one not in lost]
    made.left_out |= {("where", one.written): one for one in lost}


def _names_in(text: str) -> frozenset[str]:
    try:
        return names_in(text)
    except ExpressionError:  # a check says so
        return frozenset()


def own_settings(data: Mapping[str, Any], document: Document, at: Path, source: str, shown: str) -> Made:
    """The settings that stand in a mapping itself. What they look like was checked before; of a setting that is both
    fixed and searched (`both_ways` tells) the searched one counts."""
    made = Made()

    def setting(values: Values, written: Any, *path: str | int) -> Setting:
        item = isinstance(path[-1], int)  # of a list: it has no key
        place = f"{shown}:{(document.at_value if item else document.at_key)(*at, *path).line}"
        given = Given(source, place, flow(written))
        return Setting(values, written, (given,), (values,), document, (*at, *path))

    for name, value in data.get("flags", {}).items():
        made.settings["", name] = setting(fixed(value), value, "flags", name)
    for name, value in named_or_mapped(data.get("env", {})).items():
        made.settings["env", name] = setting(fixed(value), value, "env", name)
    for name, value in (data.get("space") or {}).items():
        group, bare = ("env", name.removeprefix(ENV)) if name.startswith(ENV) else ("", name)
        made.settings[group, bare] = setting(searched(value), value, "space", name)
    for group in ("quantization", "parallel"):
        for name, value in (data.get(group) or {}).items():
            values = searched(value) if isinstance(value, list) else fixed(value)
            made.settings[group, name] = setting(values, value, group, name)
    for key in ALONE:
        if data.get(key) is not None:
            made.alone[key] = setting(fixed(data[key]), data[key], key)
    made.where = [setting(fixed(text), text, "where", n) for n, text in enumerate(data.get("where", []))]
    return made


def both_ways(data: Mapping[str, Any]) -> list[str]:
    """The keys of `space` that are fixed as well."""
    fixed_too = {*data.get("flags", {}), *(f"{ENV}{name}" for name in named_or_mapped(data.get("env", {})))}
    return [name for name in data.get("space") or {} if name in fixed_too]


def written_out(made: Made, entry: Mapping[str, Any], document: Document, at: Path) -> dict[str, Any]:
    """The entry as one that extends nothing; the places of its settings go into `document`."""
    kept = ("flags", "space", "env", "where", "quantization", "parallel", "extends", "merge", "without")
    written = {key: value for key, value in entry.items() if key not in kept}
    for (group, name), setting in made.settings.items():
        section, key = group, name
        if group in ("", "env"):
            section = "space" if not setting.values.fixed else group or "flags"
            key = f"{ENV}{name}" if group == "env" and section == "space" else name
        written.setdefault(section, {})[key] = setting.written
        document.graft((*at, section, key), setting.document, setting.path)
    for key, setting in made.alone.items():
        written[key] = setting.written
        document.graft((*at, key), setting.document, setting.path)
    if made.where:
        written["where"] = [one.written for one in made.where]
        for n, one in enumerate(made.where):
            document.graft((*at, "where", n), one.document, one.path)
    return written


def names_of(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def named(text: str) -> Name:
    """`env.X`, `parallel.tp`, or a flag."""
    group, dot, name = text.partition(".")
    return (group, name) if dot and group in ("env", "quantization", "parallel") else ("", text)


def spelled_name(name: Name) -> str:
    return f"where {name[1]}" if name[0] == "where" else ".".join(part for part in name if part)
