"""STORY extend(): an entry with `extends` becomes one without: its presets opened, combined, and its own settings over
them. Everything that comes after reads the entry as if its author had written all of it, but that the place of a
setting is the place in the preset's file.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runner.campaign.build import canonical
from runner.campaign.combine import COMBINE, Unmergeable, Values, equal
from runner.campaign.document import Document, Path, read
from runner.campaign.preset_files import PresetText, Shelf, shipped
from runner.campaign.preset_schema import PresetFile
from runner.campaign.preset_settings import (
    ENTRY,
    Made,
    Name,
    Setting,
    both_ways,
    constrain,
    named,
    names_of,
    own_settings,
    spelled_name,
    unconstrain,
    written_out,
)
from runner.campaign.secrets import in_text
from runner.campaign.validate import Reading, complaints
from runner.domain.campaign import Extended, Given
from runner.errors import CampaignError, Problem, UnknownMember, Where
from runner.runtimes import runtimes
from runner.util.visible import visible

DEEPEST = 8
"""Presets that extend presets that extend presets: nobody follows more."""

MOST = 60
"""Presets opened for one entry, each time counted: they multiply where each extends several."""


@dataclass(frozen=True, slots=True)
class Composed:
    """`document` is the campaign without `extends`; `broken` are entries whose presets could not be had: what they
    mean is not known, and nothing more is said about them."""

    document: Document
    extended: tuple[Extended, ...]
    problems: tuple[Problem, ...]
    broken: frozenset[Path]


def extend(reading: Reading, document: Document, shelf: Shelf, shown: str) -> Composed | None:
    """The document with every entry written out; None when no entry extends anything. `shown` is the campaign file's
    name in records."""
    if reading.file is None or not any(section.extends for section in reading.file.runtimes):
        return None
    made = Document(document.file, copy.deepcopy(dict(reading.data)), dict(document.keys), dict(document.values))
    extended: list[Extended] = []
    problems: list[Problem] = []
    broken: set[Path] = set()
    for i, section in enumerate(reading.file.runtimes):
        if not section.extends or not reading.sound_entry(i):
            continue
        entry = reading.data["runtimes"][i]
        opener = _Opener(shelf, canonical(runtimes, section.runtime), shown)
        whole = opener.compose(entry, document, ("runtimes", i))
        problems += opener.problems
        if opener.problems:
            broken.add(("runtimes", i))
        made.data["runtimes"][i] = written_out(whole, entry, made, ("runtimes", i))
        presets = tuple(dict.fromkeys(whole.presets))
        extended.append(Extended(section.name or opener.runtime, presets, whole.conflicts()))
    return Composed(made, tuple(extended), tuple(dict.fromkeys(problems)), frozenset(broken))


def is_preset(document: Document) -> bool:
    """Whether a file that stands where a campaign must is a preset: it has keys of one, and none that only a campaign
    has."""
    keys = set(document.data) if isinstance(document.data, dict) else set()
    own = {"flags", "space", "quantization", "parallel", "where", "env", "recommended_for", "extends"}
    return bool(keys & own) and keys <= set(PresetFile.model_fields)


class _Opener:
    """Opens the presets of one entry, and of those."""

    def __init__(self, shelf: Shelf, runtime: str, shown: str) -> None:
        self.runtime = runtime
        self.problems: list[Problem] = []
        self._count = 0
        self._shelf = shelf
        self._shown = shown

    def compose(
        self, data: Mapping[str, Any], document: Document, at: Path, above: tuple[PresetText, ...] = ()
    ) -> Made:
        """`data` (an entry, or the last of the presets `above`), which stands at `at`, with all that it extends."""
        own = own_settings(data, document, at, *((above[-1].name, above[-1].shown) if above else (ENTRY, self._shown)))
        for key in both_ways(data):
            what, where = f"{key!r} is both fixed and searched", document.at_key(*at, "space", key)
            self.problems.append(Problem("wrong-value", what, where, "keep one of the two"))
        left_out = {named(name): n for n, name in enumerate(names_of(data.get("without")))}
        made = Made()
        for n, name in enumerate(names_of(data.get("extends"))):
            where = document.at_value(*at, "extends", n)
            if (one := self._opened(name, where, above)) is not None:
                self._add(made, one, str(data.get("merge") or "last_wins"), {*own.settings, *left_out}, where)
        self._leave_out(made, left_out, document, at)
        unconstrain(made, {spelled_name(name) for name in left_out.keys() - own.settings.keys()})
        how = "last_wins" if above else "entry"
        made.settings |= {name: one.over(made.settings.get(name), how) for name, one in own.settings.items()}
        made.alone |= {key: one.over(made.alone.get(key), how) for key, one in own.alone.items()}
        constrain(made, own.where)
        return made

    def _opened(self, name: str, where: Where, above: tuple[PresetText, ...]) -> Made | None:
        """A preset with all that it extends; None when it can not be had, and why is in `problems`."""
        asking = above[-1] if above else None
        chain = [one.file for one in above]
        try:
            found = None if self._shelf.bad(name) else self._shelf.find(name, asking)
        except CampaignError as error:
            self.problems += error.problems()
            return None
        if found is None:
            self.problems.append(self._shelf.unknown(name, where))
            return None
        self._count += 1
        what = ""
        if found.file in chain:
            circle = " -> ".join((*chain[chain.index(found.file) :], found.file))
            what = f"preset {name!r} leads back to itself: {circle}"
        elif len(chain) >= DEEPEST or self._count > MOST:
            what = f"preset {name!r} is one too many"
        if what:
            hint = f"presets may extend presets, not in a circle, at most {DEEPEST} deep and {MOST} for an entry"
            self.problems.append(Problem("preset-circle", what, where, hint))
            return None
        return self._sound(found, where, above)

    def _sound(self, found: PresetText, where: Where, above: tuple[PresetText, ...]) -> Made | None:
        document = read(found.text, found.file)
        wrong = [*complaints(PresetFile, document), *in_text(found.text, found.file)]
        wrong += self._misfit(found, document, where)
        if wrong:
            self.problems += wrong
            return None
        before = len(self.problems)
        made = self.compose(document.data, document, (), (*above, found))
        about = document.data.get("description", "")
        made.presets.append(Given(found.name, found.shown, " ".join(str(about).split())))
        return made if len(self.problems) == before else None

    def _misfit(self, found: PresetText, document: Document, where: Where) -> list[Problem]:
        """The preset has another name than its file, or is for another engine than the entry."""
        data = document.data if isinstance(document.data, dict) else {}
        wrong = []
        stem = found.shown.rpartition("/")[2].rpartition(".")[0]
        if isinstance(name := data.get("name"), str) and name != stem:
            what = f"the preset calls itself {name!r}, and its file is called {stem!r}"
            wrong.append(
                Problem("wrong-value", what, document.at_value("name"), "give both one name, or leave name out")
            )
        if not isinstance(wanted := data.get("runtime"), str):
            return wrong
        try:
            wanted = runtimes.get(wanted).name
        except UnknownMember as error:
            return [*wrong, Problem(error.slug, error.what, document.at_value("runtime"), error.hint)]
        if wanted != self.runtime and self.runtime in runtimes:  # of a misspelled runtime another check speaks
            fitting = [one for one in shipped() if one.startswith(f"presets/{self.runtime.replace('_', '-')}-")]
            hint = f"for {self.runtime} there are {', '.join(fitting)}" if fitting else "write the flags out"
            what = f"preset {found.name} is for {wanted}, and this entry's runtime is {self.runtime}"
            wrong.append(Problem("preset-runtime", what, where, hint))
        return wrong

    def _add(self, made: Made, one: Made, merge: str, decided: set[Name], where: Where) -> None:
        """Lay one more preset over what there is. What is `decided` below it needs no agreement."""
        made.presets += one.presets
        made.left_out |= one.left_out
        for name, setting in one.settings.items():
            before = made.settings.get(name)
            if before is None or merge == "last_wins" or name in decided or equal(before.values, setting.values):
                made.settings[name] = setting.over(before, "last_wins")
            else:
                self._combine(made, name, before, setting, merge, where)
        made.alone |= {key: setting.over(made.alone.get(key), "last_wins") for key, setting in one.alone.items()}
        constrain(made, one.where)

    def _combine(self, made: Made, name: Name, before: Setting, setting: Setting, merge: str, where: Where) -> None:
        both = setting.over(before, merge)
        try:
            values: Values = COMBINE[merge](before.values, setting.values)
        except Unmergeable as error:
            told = " and ".join(f"{one.value} of {one.source} ({one.place})" for one in both.given)
            what = f"{merge} of {spelled_name(name)}: {told}: {error}"
            hint = f"write {spelled_name(name)} in the entry itself, which goes before presets, or use merge: last_wins"
            self.problems.append(Problem("preset-conflict", visible(what), where, visible(hint)))
            return
        made.settings[name] = replace(both, values=values, written=values.as_written())

    def _leave_out(self, made: Made, left_out: Mapping[Name, int], document: Document, at: Path) -> None:
        for name, n in left_out.items():
            if (setting := made.settings.pop(name, None)) is not None:
                made.left_out[name] = setting
                continue
            known = [spelled_name(one) for one in made.settings]
            near = difflib.get_close_matches(spelled_name(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"they set: {', '.join(sorted(known)) or 'nothing'}"
            what = f"without: none of the presets sets {spelled_name(name)!r}"
            if not self.problems:  # else it may stand in the one that could not be read
                self.problems.append(Problem("wrong-value", what, document.at_value(*at, "without", n), visible(hint)))
