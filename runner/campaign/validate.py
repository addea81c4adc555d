"""A document against the schema: every problem, and the best reading of the rest, so that the checks that need a
whole campaign can say what else is wrong in the same pass."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runner.campaign.document import Document, Path
from runner.campaign.fields import spelled
from runner.campaign.schema import FORMAT, CampaignFile
from runner.errors import Problem
from runner.util.visible import visible

_STAND_INS: dict[str, Any] = {
    "tunebook": FORMAT,
    "name": "unnamed",
    "model": {"path": "unknown"},
    "runtimes": [{"runtime": "unknown"}],
    "workload": {"scenarios": ["D(1,1)"], "load": {"concurrency": [1]}},
    "objective": {"metric": "output_throughput"},
}
"""What stands in for a broken section that has no default. Nothing is said about a stand-in."""

_KEYED = ("space", "slo", "flags", "env")
"""Sections whose keys the author chooses."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`broken` holds the paths of sections that were replaced: `("search",)`, `("runtimes", 1)`, `("slo", "ttft_p99")`.
    `file` is None only when nothing could be read at all. `data` is what it was read from, keys spelled right."""

    file: CampaignFile | None
    problems: tuple[Problem, ...]
    broken: frozenset[Path]
    data: Mapping[str, Any] = field(default_factory=dict)

    def sound(self, *sections: str) -> bool:
        return not any((section,) in self.broken for section in sections)

    def untouched(self, section: str) -> bool:
        """Neither the section nor a part of it was replaced."""
        return all(path[0] != section for path in self.broken)

    def sound_entry(self, index: int) -> bool:
        return self.sound("runtimes") and ("runtimes", index) not in self.broken


def validate(document: Document) -> Reading:
    """Read `document.data` by the schema. Positions of a misspelled key are copied to the key it stands for."""
    if not isinstance(document.data, dict):
        problems = list(document.problems)
        if not problems:
            what = f"a campaign is a mapping of keys, not {spelled(document.data)}"
            problems.append(Problem("wrong-type", what, document.at_value()))
        return Reading(None, tuple(problems), frozenset())
    return _Repair(document).read()


class _Repair:
    """Validate, mend what failed, validate again, until it passes. Each round mends at least one place."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = copy.deepcopy(document.data)
        self._problems: dict[tuple[Path, str], Problem] = {}
        self._broken: set[Path] = set()

    def read(self) -> Reading:
        file: CampaignFile | None = None
        for _ in range(12):
            try:
                file = CampaignFile.model_validate(self._data)
                break
            except ValidationError as error:
                self._mend(error.errors(include_url=False))
        first = self._document.problems
        places = {problem.where for problem in first}
        new = [problem for problem in self._problems.values() if problem.where not in places]
        return Reading(file, (*first, *new), frozenset(self._broken), self._data)

    def _mend(self, errors: list[ErrorDetails]) -> None:
        unknown = [error for error in errors if error["type"] == "extra_forbidden"]
        if unknown:  # first the keys: what stands under a misspelled one is then checked as what it was meant to be
            for error in unknown:
                self._unknown_key(_document_path(self._data, error["loc"]))
            return
        for error in errors:
            path = _document_path(self._data, error["loc"])
            key = (path, str(error["loc"][-1]) if error["type"] == "missing" else "")
            self._problems.setdefault(key, _problem(error, path, self._document))
            self._broken.add(_section(path or tuple(error["loc"][:1])))
        for section in self._broken:
            self._replace(section)

    def _unknown_key(self, path: Path) -> None:
        *parent, key = path
        container = _at(self._data, tuple(parent))
        if not isinstance(container, dict) or key not in container:
            return
        known = _known_keys(tuple(parent), CampaignFile)
        near = _near_keys(str(key), known, container)
        self._problems[(path, "")] = _unknown(path, near, known, self._document)
        value = container.pop(key)
        if near:
            container[near[0]] = value
            self._alias(path, (*parent, near[0]))

    def _alias(self, old: Path, new: Path) -> None:
        for places in (self._document.keys, self._document.values):
            for path, place in list(places.items()):
                if path[: len(old)] == old:
                    places[(*new, *path[len(old) :])] = place

    def _replace(self, section: Path) -> None:
        name = str(section[0])
        if len(section) == 2 and isinstance(section[1], int):
            self._data[name][section[1]] = {"runtime": "unknown", "name": f"unknown-{section[1]}"}
        elif len(section) == 2:
            self._data[name].pop(section[1], None)
        elif name in _STAND_INS:
            self._data[name] = copy.deepcopy(_STAND_INS[name])
        else:
            self._data.pop(name, None)


def complaints(model: type[BaseModel], document: Document) -> list[Problem]:
    """Every problem of a file that is no campaign, by its own schema. Nothing is mended."""
    if not isinstance(document.data, dict):
        what = f"must be a mapping of keys, not {spelled(document.data)}"
        return document.problems or [Problem("wrong-type", what, document.at_value())]
    errors: list[ErrorDetails] = []
    try:
        model.model_validate(document.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    found = []
    for one in errors:
        path = _document_path(document.data, one["loc"])
        if one["type"] == "extra_forbidden":
            known = _known_keys(path[:-1], model)
            near = _near_keys(str(path[-1]), known, _at(document.data, path[:-1]))
            found.append(_unknown(path, near, known, document))
        else:
            found.append(_problem(one, path, document))
    said = {problem.where for problem in document.problems}
    return [*document.problems, *(problem for problem in found if problem.where not in said)]


def _near_keys(key: str, known: list[str], container: Mapping[str, Any]) -> list[str]:
    return difflib.get_close_matches(key, [name for name in known if name not in container], n=1, cutoff=0.6)


def _unknown(path: Path, near: list[str], known: list[str], document: Document) -> Problem:
    place = f" in {label(path[:-1])}" if len(path) > 1 else ""
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return Problem("unknown-key", f"unknown key {path[-1]!r}{place}", document.at_key(*path), hint)


def _problem(error: ErrorDetails, path: Path, document: Document) -> Problem:
    if error["type"] == "missing":
        what = f"{label(path) or 'the campaign'} lacks the key {error['loc'][-1]!r}"
        return Problem("missing-key", what, document.at_key(*path))
    slug, text, hint = _wording(error)
    return Problem(slug, f"{label(path)}: {text}" if path else text, document.at_value(*path), hint)


_TYPES = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _wording(error: ErrorDetails) -> tuple[str, str, str | None]:
    """(slug, what, hint) of an error: ours as it is, pydantic's in our words."""
    kind, context = error["type"], error.get("ctx", {})
    if "what" in context:
        return kind, str(context["what"]), context.get("hint")
    if kind in _TYPES:
        if error["input"] is None:
            return "wrong-type", f"is empty, and must be {_TYPES[kind]}", "fill it in, or remove the key"
        return "wrong-type", f"must be {_TYPES[kind]}, not {spelled(error['input'])}", None
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        return "wrong-value", f"must be {word} {context[name]}, not {error['input']}", None
    if kind == "literal_error":
        return "wrong-value", f"{spelled(error['input'])} is not one of {context['expected']}", None
    if kind == "too_short":
        return "wrong-value", "must not be empty", None
    if kind == "string_pattern_mismatch":
        return "wrong-value", f"{spelled(error['input'])} does not match {context['pattern']}", None
    return "wrong-value", error["msg"], None


def label(path: Path) -> str:
    """`runtimes[0].space.threads`; somebody's own name in it may hold anything."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return visible(text)


def _section(path: Path) -> Path:
    """What is replaced when something in it is broken: one entry, one SLO, else the top-level key."""
    return path[:2] if len(path) > 1 and path[0] in ("runtimes", "slo") else path[:1]


def _document_path(data: Any, location: tuple[str | int, ...]) -> Path:
    """Pydantic's location without the parts that only name a branch of the schema."""
    path: list[str | int] = []
    node = data
    for part in location:
        if _holds(node, part):
            node = node[part]
            path.append(part)
    return tuple(path)


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _known_keys(path: Path, root: type[BaseModel]) -> list[str]:
    """The keys that the schema knows in the mapping at `path`."""
    model: type[BaseModel] | None = root
    parts = iter(path)
    for part in parts:
        if isinstance(part, int) or model is None:
            continue
        model = _model_in(_field(model, part))
        if part in _KEYED:
            next(parts, None)
    if model is None:
        return []
    return [one.alias or name for name, one in model.model_fields.items()]


def _field(model: type[BaseModel], key: str) -> Any:
    for name, known in model.model_fields.items():
        if key in (name, known.alias):
            return known.annotation
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if model := _model_in(part):
            return model
    return None
