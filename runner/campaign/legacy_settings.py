"""What is searched: `parameters`, `quant_config` and `parallel_config` of an old task become `flags`, `space`,
`quantization` and `parallel` of an entry. Each value is shown to the engine's own tables first."""

from __future__ import annotations

import math
import re
from typing import Any

from runner.campaign.fields import same, spelled
from runner.campaign.legacy_file import MOST_VALUES, Part, named_values, one_or_list
from runner.domain.campaign import Entry
from runner.domain.parameters import Scalar
from runner.runtimes import abstract_of, runtimes
from runner.space.abstract import FIELDS, PARALLEL, QUANTIZATION, gpus_needed, lacking

MOST_GPUS = 64
_RENAMED = re.compile(r"calls it ([\w-]+)$")
_FOLDED = {"__quant__": QUANTIZATION, "__parallel__": PARALLEL}
"""How old tasks wrote a shared setting among the flags."""


class Settings:
    """Fills `entry` (the mapping that a campaign has) and says what it left out."""

    def __init__(self, entry: dict[str, Any], runtime: str) -> None:
        self.entry, self.runtime = entry, runtime
        self.searched: dict[str, list[Any]] = {}
        self._options: dict[str, Any] = {key: entry[key] for key in ("image", "version") if key in entry}

    def parameters(self, part: Part) -> None:
        """Every flag of `parameters`, fixed where one value is left."""
        for key in part.data:
            name = key.lstrip("-")
            group = next((group for prefix, group in _FOLDED.items() if key.startswith(prefix)), None)
            if group:
                self._shared(part, key, f"{group}{key.split('__')[-1]}")
            elif isinstance(value := part.get(key), dict) and value.get("type") in ("continuous", "integer"):
                self._range(part, key, name, value)
            else:
                self._values(part, key, name, value)

    def shared(self, part: Part, group: str) -> None:
        """`quant_config` or `parallel_config`."""
        names = [key for key in ("presets", "preset") if part.data.get(key)]
        for key in part.data:
            if key in ("preset", "presets"):
                self._presets(part, key, group)
            elif names and not isinstance(part.data[key], bool | int | float | str | list):
                part.drop("no value of a setting", key)
            else:
                self._shared(part, key, f"{group}{key}")

    @property
    def any_searched(self) -> bool:
        shared = (*self.entry.get("quantization", {}).values(), *self.entry.get("parallel", {}).values())
        return "space" in self.entry or any(isinstance(one, list) for one in shared)

    def gpus(self) -> tuple[int, bool]:
        """The most that one configuration needs, and whether others need fewer."""
        table = abstract_of(self.runtime)
        degrees = []
        for field in table.gpus:
            said = next((one for value, one in table.said.get(field, {}).items() if value == 2 and one.flags), None)
            flag = next(iter(said.flags), "") if said else ""
            values = self.searched.get(flag) or self.searched.get(field) or [1]
            degrees.append([int(value) for value in values if isinstance(value, int)] or [1])
        presets = self.searched.get(f"{PARALLEL}presets", [])
        needs = [gpus_needed(table.presets[f"{PARALLEL}{name}"], table) for name in presets]
        most = max([math.prod(map(max, degrees)), *needs])
        least = min([math.prod(map(min, degrees)), *needs])
        return most, least < most

    def _values(self, part: Part, key: str, name: str, value: Any) -> None:
        path = part.at(key)
        if isinstance(value, dict):
            value = value.get("values", value.get("choices"))
        given = value if isinstance(value, list) else [] if value is None else [value]
        if len(given) > MOST_VALUES:
            part.notes.wrong(path, f"{len(given)} values are more than anybody searches")
        elif not given:
            part.notes.say("dropped", path, "no values: such a parameter was skipped")
        if not 0 < len(given) <= MOST_VALUES:
            return
        values: list[Scalar] = []
        for one in given:
            if not isinstance(one, bool | int | float | str) or (isinstance(one, float) and not math.isfinite(one)):
                part.notes.say("dropped", path, f"{spelled(one)} is no value of a flag")
            elif not any(same(one, other) for other in values):
                values.append(one)
        name, kept = self._accepted(part, key, name, values)
        if not kept:
            return
        if any(one is False for one in kept):
            why = "false meant that the flag is left out; here it is what the engine's table says: --no-..., or nothing"
            part.notes.say("changed", path, why)
        self._set(name, kept)

    def _set(self, name: str, kept: list[Scalar]) -> None:
        self.searched[name] = list(kept)
        if len(kept) == 1:
            self.entry.setdefault("flags", {})[name] = kept[0]
        else:
            self.entry.setdefault("space", {})[name] = list(kept)

    def _range(self, part: Part, key: str, name: str, given: dict[str, Any]) -> None:
        low, high = given.get("low"), given.get("high")
        whole = given["type"] == "integer"
        numbers = [one for one in (low, high) if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] > numbers[1]:
            part.notes.say("dropped", part.at(key), "a range needs low and high, low first")
            return
        ends = [int(one) for one in numbers] if whole else [float(one) for one in numbers]
        name, kept = self._accepted(part, key, name, [*dict.fromkeys(ends)])
        if len(kept) < len({*ends}):
            if kept:
                part.notes.say("dropped", part.at(key), "a range of which one end can not be")
            return
        written: dict[str, Any] = {"int" if whole else "float": ends}
        if given.get("log") is True and ends[0] > 0:
            written["log"] = True
        self.searched[name] = [*ends]
        self.entry.setdefault("space", {})[name] = written

    def _accepted(self, part: Part, key: str, name: str, values: list[Scalar]) -> tuple[str, list[Scalar]]:
        """The flag's name here, and those of the values that the engine's table takes."""
        path = part.at(key)
        kept, reasons = self._asked(name, values)
        hints = {hint for _, hint in reasons.values() if hint}
        renamed = next((match[1] for hint in hints if (match := _RENAMED.search(hint))), None)
        if not kept and renamed and renamed not in part.data:
            kept, again = self._asked(renamed, values)
            if kept:
                part.notes.say("changed", path, f"written {renamed}, as the engine's documents do")
                name, reasons = renamed, again
        for index, (reason, hint) in reasons.items():
            what = f"the value {named_values([values[index]])}: " if kept or len(values) == 1 else ""
            part.notes.say("dropped", path, f"{what}{reason}" + (f" ({hint})" if hint else ""))
            if not what:
                break  # the same is wrong with all of them
        if kept and self.entry.get("allow_unknown_flags") is not True and not self._known(name, kept):
            self.entry["allow_unknown_flags"] = True
            why = f"the table of {self.runtime} has no {name}: flags that it does not have are passed on unchecked"
            part.notes.say("added", part.at(key), why, "allow_unknown_flags")
        return name, kept

    def _asked(self, name: str, values: list[Scalar]) -> tuple[list[Scalar], dict[int, tuple[str, str | None]]]:
        """The values that can be, and of the others, by their index, what the engine's table says and what to do."""
        kept: list[Scalar] = []
        refused: dict[int, tuple[str, str | None]] = {}
        if not name or any(c.isspace() or ord(c) < 32 for c in name) or name.startswith("env."):
            no_name: tuple[str, str | None] = ("no name of a flag", None)
            return [], dict.fromkeys(range(len(values)), no_name)
        for index, value in enumerate(values):
            if isinstance(value, str) and (not value or any(ord(c) < 32 for c in value)):
                refused[index] = ("an empty text, or one with control characters", None)
            elif said := self._problems(name, value, allow=True):
                refused[index] = said[0]
            else:
                kept.append(value)
        return kept, refused

    def _known(self, name: str, values: list[Scalar]) -> bool:
        return not any(self._problems(name, value, allow=False) for value in values)

    def _problems(self, name: str, value: Scalar, allow: bool) -> list[tuple[str, str | None]]:
        options: dict[str, Any] = {**self._options, "allow_unknown_flags": allow}
        entry = Entry(self.runtime, self.runtime, flags={name: value}, options=options)
        prefix = f"{self.runtime}: "
        return [(one.what.removeprefix(prefix), one.hint) for one in runtimes.get(self.runtime).check(entry)]

    def _shared(self, part: Part, key: str, name: str) -> None:
        """A field of `quantization` or `parallel`."""
        group, _, field = name.partition(".")
        path, table = part.at(key), abstract_of(self.runtime)
        if name not in FIELDS:
            part.notes.say("dropped", path, f"{group} has no field {field}")
            return
        flags = {flag for said in table.said.get(name, {}).values() for flag in said.flags}
        if given := sorted(flags & self.searched.keys()):
            part.notes.say("dropped", path, f"the flag {given[0]} of parameters goes before it, as it did")
            return
        kept: list[Scalar] = []
        for value in part.listed(key):
            one = int(value) if isinstance(value, float) and value.is_integer() else value
            if not any(same(one, known) for known in FIELDS[name] if isinstance(one, bool | int | float | str)):
                part.notes.say("dropped", path, f"{field} has no value {spelled(one)}")
            elif reason := lacking(name, one, table):
                part.notes.say("dropped", path, reason[1])
            elif not any(same(one, other) for other in kept):
                kept.append(one)
        if kept:
            self.searched[name] = list(kept)
            self.entry.setdefault(group, {})[field] = one_or_list(kept)

    def _presets(self, part: Part, key: str, group: str) -> None:
        table, kept = abstract_of(self.runtime), list[str]()
        for name in part.listed(key):
            if not isinstance(name, str) or f"{group}{name}" not in table.presets:
                known = sorted(one.removeprefix(group) for one in table.presets if one.startswith(group))
                why = f"{self.runtime} has no preset {spelled(name)} (known: {', '.join(known)})"
                part.notes.say("dropped", part.at(key), why)
            elif name not in kept:
                kept.append(name)
        if kept:
            self.searched[f"{group}presets"] = list(kept)
            self.entry.setdefault(group.rstrip("."), {})["presets"] = one_or_list(kept)
            part.notes.say("changed", part.at(key), "presets become the engine's flags; they used to do nothing")
