"""An entry of a resolved campaign as a file has it: the way back, for files that are written from records."""

from __future__ import annotations

from typing import Any

from runner.campaign.build import OPTION_KEYS
from runner.campaign.combine import Values
from runner.domain.campaign import Campaign, Entry
from runner.domain.parameters import Choice, Float, Int, Parameter
from runner.space.abstract import PRESET, is_abstract
from runner.space.resolve import ENV


def without_presets(data: dict[str, Any], campaign: Campaign) -> dict[str, Any]:
    """`data` is the file of `campaign` as plain data. Its entries that extend presets are written out, as they were
    when the campaign was loaded: presets change, and what is made from a record must not change with them."""
    extended = {one.entry for one in campaign.extended}
    sections = [
        written_entry(entry) if entry.name in extended else section
        for section, entry in zip(data["runtimes"], campaign.entries, strict=True)
    ]
    return {**data, "runtimes": sections}


def written_entry(entry: Entry) -> dict[str, Any]:
    """The mapping that `build_entry` makes the same entry of."""
    made: dict[str, Any] = {"runtime": entry.runtime}
    if entry.name != entry.runtime:
        made["name"] = entry.name
    options = dict(entry.options)
    made |= {key: options.pop(key) for key in OPTION_KEYS if key in options}
    if options:
        made["options"] = options
    # The environment of an entry is text; its fixed values are as they were written.
    env = {name: entry.space.fixed.get(f"{ENV}{name}", value) for name, value in entry.env.items()}
    if env or entry.pass_env:
        made["env"] = {**env, **dict.fromkeys(entry.pass_env)}
    for name, value in entry.flags.items():
        _put(made, "flags", name, value)
    for name, parameter in entry.space.parameters.items():
        _put(made, "space", name, _parameter(parameter))
    if entry.space.where:
        made["where"] = list(entry.space.where)
    return made


def _put(made: dict[str, Any], section: str, name: str, value: Any) -> None:
    if is_abstract(name):
        section, _, name = name.partition(".")
        name = "presets" if name == PRESET else name
    made.setdefault(section, {})[name] = value


def _parameter(parameter: Parameter) -> Any:
    match parameter:
        case Choice(values, when):
            return Values(values, when=when).as_written()
        case Int(low, high, log, step, when):
            return Values(ends=(low, high), log=log, step=step, when=when).as_written()
        case Float(low, high, log, when):
            return Values(ends=(low, high), whole=False, log=log, when=when).as_written()
