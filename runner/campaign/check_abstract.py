"""`quantization:` and `parallel:` of an entry: known fields, values that the field has, an engine that can say them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from runner.campaign.build import abstract_settings, canonical
from runner.campaign.document import Document
from runner.campaign.entry_schema import EntrySection
from runner.campaign.fields import Scalar, spelled
from runner.errors import Problem
from runner.runtimes import abstract_of, runtimes
from runner.space.abstract import FIELDS, NONE, PRESET, Abstract, is_abstract, lacking, refusal


def check_abstract(section: EntrySection, document: Document, i: int) -> Iterator[Problem]:
    for key in (*section.flags, *(section.space or {})):
        if is_abstract(key):
            group, _, name = key.partition(".")
            where = document.at_key("runtimes", i, "space" if key in (section.space or {}) else "flags", key)
            yield Problem("wrong-value", f"{key!r} is no flag", where, f"write {group}: {{{name}: ...}}")
    settings = abstract_settings(section)
    if not settings or section.runtime not in runtimes:
        return
    table = abstract_of(canonical(runtimes, section.runtime))
    for name, given in settings.items():
        values = given if isinstance(given, list) else [given]
        group, _, key = name.partition(".")
        key = "presets" if key == PRESET else key
        yield from _setting(section.runtime, table, name, values, document, ("runtimes", i, group, key))


def _setting(
    runtime: str, table: Abstract, name: str, values: list[Scalar], document: Document, place: tuple[str | int, ...]
) -> Iterator[Problem]:
    group, _, key = name.partition(".")
    if table == NONE:
        hint = "write the engine's own flags, under flags: or space:"
        yield Problem("abstract-field", f"{runtime} has no {group} settings", document.at_key(*place), hint)
        return
    known: tuple[Scalar, ...]
    if key == PRESET:
        known = tuple(preset.partition(".")[2] for preset in table.presets if preset.startswith(f"{group}."))
    elif name in FIELDS:
        known = FIELDS[name]
    else:
        fields = [field.partition(".")[2] for field in FIELDS if field.startswith(f"{group}.")]
        near = difflib.get_close_matches(key, fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}, presets"
        yield Problem("abstract-field", f"{group}: no field {key!r}", document.at_key(*place), hint)
        return
    strange = [value for value in values if not any(value == one and type(value) is type(one) for one in known)]
    for value in strange:
        listed = ", ".join(map(spelled, known)) or "none"
        near = difflib.get_close_matches(str(value), [str(one) for one in known], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {listed}"
        what = f"{group}: {key} has no value {spelled(value)}"
        yield Problem("abstract-value", what, document.at_value(*place), hint)
    if strange:
        return
    refused = [refusal({name: value}, table) if key == PRESET else lacking(name, value, table) for value in values]
    if all(refused):
        reasons = "; ".join(dict.fromkeys(one[1] for one in refused if one))
        yield Problem("abstract-value", f"{runtime} can not have that: {reasons}", document.at_value(*place))
