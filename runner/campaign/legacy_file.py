"""The task file of an older autotuner, read with care: every key is asked for, dropped with a reason, or reported as
unknown. Its words for people are the notes."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runner.campaign.document import Document, Path, read
from runner.campaign.fields import spelled
from runner.campaign.validate import label
from runner.errors import CampaignError, Problem, Where
from runner.util.visible import visible

MARKS = ("model", "base_runtime", "parameters", "optimization", "benchmark")
"""Keys of a task file: it has the first two, and one of the others."""

HINT = "`tunebook import campaign` reads task files of inference-autotuner (JSON with task_name, model, base_runtime)"
_LONGEST = 300
MOST_VALUES = 1000
"""Of one list."""

Kind = Literal["dropped", "changed", "added"]


@dataclass(frozen=True, slots=True)
class Note:
    """What became of a key: `dropped` (its meaning is not in the campaign), `changed` (it means something a little
    else now), `added` (the campaign needs it and the task did not say it). `why` is one line."""

    kind: Kind
    key: str
    why: str
    line: int | None = None

    @property
    def text(self) -> str:
        return f"{self.kind} {self.key}: {self.why}"


@dataclass(slots=True)
class Notes:
    """All that is to be said about one file, in the order of its keys."""

    places: Document
    notes: list[Note] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def say(self, kind: Kind, path: Path, why: str, name: str = "") -> None:
        """`name` is what the note is about, where that is no key of the file."""
        line = self.places.at_key(*path).line if path else None
        self.notes.append(Note(kind, name or plain(label(path)), plain(why), line))

    def wrong(self, path: Path, what: str, hint: str | None = None) -> None:
        """What is refused: the file is not translated."""
        self.problems.append(Problem("legacy-task", plain(f"{label(path)}: {what}"), self.places.at_value(*path), hint))


class Part:
    """A mapping of the task. What nobody asks for is dropped by `rest`, which says so."""

    def __init__(self, data: dict[str, Any], path: Path, notes: Notes) -> None:
        self.data, self.path, self.notes = data, path, notes
        self._seen: set[str] = set()

    def at(self, *path: str | int) -> Path:
        return (*self.path, *path)

    def get(self, key: str) -> Any:
        """The value as it stands; None where it is not there, or null."""
        self._seen.add(key)
        return self.data.get(key)

    def listed(self, key: str) -> list[Any]:
        """A list, or one value as such; empty where it is not there."""
        value = self.get(key)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if len(values) > MOST_VALUES:
            self.notes.wrong(self.at(key), f"{len(values)} values are more than anybody searches")
            return []
        return values

    def part(self, key: str) -> Part:
        """A mapping; an empty one where it is not there."""
        value = self.get(key)
        if not isinstance(value, dict | None):
            self.notes.wrong(self.at(key), f"must be a mapping, not {spelled(value)}")
        return Part(value if isinstance(value, dict) else {}, self.at(key), self.notes)

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if isinstance(value, str | None):
            return value
        self.notes.wrong(self.at(key), f"must be text, not {spelled(value)}")
        return None

    def number(self, key: str, least: float = 0, whole: bool = False) -> float | None:
        """A finite number, at least `least`. One that is written as text is taken, and said."""
        value = written = self.get(key)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                pass
            else:
                self.notes.say("changed", self.at(key), f"the text {written!r} is taken as a number")
        if value is None:
            return None
        kind = "a whole number" if whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.notes.wrong(self.at(key), f"must be {kind}, not {spelled(value)}")
        elif value < least or abs(value) > 1e9 or (whole and value != int(value)):
            self.notes.wrong(self.at(key), f"must be {kind} from {least:g} on, not {value:g}")
        else:
            return int(value) if whole else value
        return None

    def flag(self, key: str) -> bool:
        value = self.get(key)
        if isinstance(value, bool | None):
            return bool(value)
        self.notes.wrong(self.at(key), f"must be true or false, not {spelled(value)}")
        return False

    def drop(self, why: str, *keys: str) -> None:
        for key in keys:
            self._seen.add(key)
            if self.data.get(key) not in (None, {}, [], ""):
                self.notes.say("dropped", self.at(key), why)

    def drop_rest(self, why: str) -> None:
        """What nobody asked for, and why that is."""
        self.drop(why, *(key for key in self.data if key not in self._seen))

    def rest(self) -> None:
        """Call it last: every key that nobody asked for."""
        for key in self.data:
            if key not in self._seen:
                near = difflib.get_close_matches(key, self._seen, n=1)
                meant = f"; {near[0]!r} would be one" if near else ""
                self.notes.say("dropped", self.at(key), f"not a key that such files have{meant}")


def task_of(text: str, file: str) -> tuple[Part, Notes]:
    """The whole task, or CampaignError where it is none."""
    places = read(text, file)
    twice: list[str] = []
    try:
        data = json.loads(text, parse_constant=_no_constant, object_pairs_hook=lambda pairs: _once(pairs, twice))
    except (ValueError, RecursionError) as error:
        told, place = str(error), places.at_value()
        if isinstance(error, json.JSONDecodeError):
            told, place = error.msg, Where(file, error.lineno, error.colno)
        what = f"not readable as JSON: {plain(told)}"
        is_campaign = isinstance(places.data, dict) and "tunebook" in places.data
        hint = "this is a campaign already: `tunebook check` reads it" if is_campaign else HINT
        raise CampaignError([Problem("legacy-task", what, place, hint)]) from None
    if not isinstance(data, dict) or "model" not in data or not any(mark in data for mark in MARKS[1:]):
        seen = f"its keys are {', '.join(list(data)[:6])}" if isinstance(data, dict) and data else spelled(data)
        what = f"this is no task file: {plain(seen)}"
        raise CampaignError([Problem("legacy-task", what, places.at_value(), HINT)])
    notes = Notes(places)
    for key in twice:
        notes.say("dropped", (), "it stands twice in one mapping, and the last one counts", plain(key))
    return Part(data, (), notes), notes


def one_or_list(values: Sequence[Any]) -> Any:
    """A campaign searches a list and fixes a value."""
    return values[0] if len(values) == 1 else list(values)


def named_values(values: Iterable[Any]) -> str:
    return ", ".join(json.dumps(value, ensure_ascii=False) for value in values)


def plain(text: str) -> str:
    """Somebody's words in one line of a comment or a message."""
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def _once(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [key for key, _ in pairs]
        twice.extend(key for key in made if names.count(key) > 1)
    return made


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")
