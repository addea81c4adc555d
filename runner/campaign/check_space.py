"""Expressions of a campaign: do they parse, are their names known, can any point of the space satisfy them?"""

from __future__ import annotations

import difflib
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from runner.campaign.build import build_entry, build_workload
from runner.campaign.document import Document, Path
from runner.campaign.schema import CampaignFile
from runner.campaign.validate import Reading
from runner.domain.campaign import Campaign, Entry, Goal, Hardware, Model, Objective
from runner.domain.parameters import Choice, Float, Int, Scalar, Space, Values
from runner.errors import Problem
from runner.space.constraints import evaluate, explain
from runner.space.expand import GRID_VALUES, enumerate_points, known_names, ordered, random_point, size
from runner.space.expressions import ExpressionError, names_in

MOST_POINTS = 4000
"""Points tried before a constraint counts as one that nothing satisfies: a sampler would not find one either."""


def check_expressions(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """Problems of every `when` and `where`; contradictions only when the numbers they need are known."""
    constants = _constants(file)
    for i, section in enumerate(file.runtimes):
        if not reading.sound_entry(i):
            continue
        entry = build_entry(section)
        found = list(_texts(entry, document, i, constants))
        yield from found
        if not found and reading.sound("workload", "hardware"):
            yield from _contradictions(entry, document, i, constants)


def _constants(file: CampaignFile) -> Mapping[str, Scalar]:
    """The names every expression may use, from the one place that defines them."""
    campaign = Campaign(
        name=file.name,
        model=Model(),
        entries=(),
        workload=build_workload(file.workload),
        objective=Objective("", Goal.MAXIMIZE),
        hardware=Hardware(gpus=file.hardware.gpus),
    )
    return campaign.space.constants


def _texts(entry: Entry, document: Document, i: int, constants: Mapping[str, Scalar]) -> Iterator[Problem]:
    space = entry.space
    known = {*space.parameters, *space.fixed, *constants}
    texts: list[tuple[str, Path]] = [(text, ("runtimes", i, "where", n)) for n, text in enumerate(space.where)]
    texts += [(p.when, ("runtimes", i, "space", name, "when")) for name, p in space.parameters.items() if p.when]
    sound = True
    for text, path in texts:
        where = document.at_value(*path)
        try:
            names = names_in(text)
        except ExpressionError as error:
            sound = False
            yield Problem("expression", f"{text!r}: {error}", where)
            continue
        for name in sorted(names - known):
            sound = False
            yield Problem(
                "unknown-name", f"{text!r}: nothing is called {name!r} here", where, _meant(name, known, entry)
            )
    if sound:
        try:
            ordered(space)
        except ExpressionError as error:
            yield Problem("expression", str(error), document.at_key("runtimes", i, "space"))


def _meant(name: str, known: set[str], entry: Entry) -> str:
    values = {v for p in entry.space.parameters.values() if isinstance(p, Choice) for v in p.values}
    if name in {*values, "on", "off", "auto"}:
        return f"quote a text: '{name}'"
    parts = name.split("-")
    for cut in range(1, len(parts)):
        left, right = "-".join(parts[:cut]), "-".join(parts[cut:])
        if left in known and (right in known or right.isdigit()):
            return f"a minus needs spaces around it: {left} - {right}"
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known names: {', '.join(sorted(known))}"


@dataclass(frozen=True, slots=True)
class _Tried:
    """Points of one entry with all names an expression may see; `every` when they are the whole space."""

    points: Sequence[Values]
    every: bool

    def none_of(self) -> str:
        return "no point of the space" if self.every else f"none of {len(self.points)} points drawn from the space"


def _contradictions(entry: Entry, document: Document, i: int, constants: Mapping[str, Scalar]) -> Iterator[Problem]:
    if not entry.space.where and not any(parameter.when for parameter in entry.space.parameters.values()):
        return
    try:
        tried = _try(entry, constants)
    except ExpressionError as error:
        yield Problem(
            "expression",
            f"a condition of {entry.name} can not be computed: {error}",
            document.at_key("runtimes", i, "space"),
        )
        return
    alone = list(_never_true(entry, document, i, tried))
    yield from alone
    if not alone and entry.space.where and not any(_passes(entry.space.where, names) for names in tried.points):
        what = f"{tried.none_of()} satisfies all of where together: {', '.join(entry.space.where)}"
        yield Problem("contradiction", what, document.at_key("runtimes", i, "where"))
    yield from _never_active(entry, document, i, tried)


def _never_true(entry: Entry, document: Document, i: int, tried: _Tried) -> Iterator[Problem]:
    for n, text in enumerate(entry.space.where):
        where = document.at_value("runtimes", i, "where", n)
        try:
            if any(evaluate(text, names) is not False for names in tried.points):
                for names in tried.points:
                    evaluate(text, names)  # what can not be computed anywhere is a mistake, and seen before the run
                continue
        except ExpressionError as error:
            hint = "guard it, such as: x == 0 or y / x > 1"
            yield Problem("expression", f"{text!r} can not be computed everywhere: {error}", where, hint)
            continue
        reason = explain(text, tried.points[0])
        yield Problem("contradiction", f"{tried.none_of()} satisfies {text!r}", where, f"for instance {reason}")


def _passes(texts: Sequence[str], names: Values) -> bool:
    return all(evaluate(text, names) is not False for text in texts)


def _never_active(entry: Entry, document: Document, i: int, tried: _Tried) -> Iterator[Problem]:
    for name, parameter in entry.space.parameters.items():
        if parameter.when and not any(name in names for names in tried.points):
            where = document.at_value("runtimes", i, "space", name, "when")
            yield Problem("contradiction", f"{name} is never searched: {tried.none_of()} has {parameter.when!r}", where)


def _try(entry: Entry, constants: Mapping[str, Scalar]) -> _Tried:
    space = Space((entry.space,), constants)
    whole = all(_listed(parameter) for parameter in entry.space.parameters.values())
    if size(space) <= MOST_POINTS and whole:
        points = [point.values for point in enumerate_points(space)]
    else:
        rng = random.Random(0)  # a fixed sample: a check says the same twice
        grid = itertools.islice(enumerate_points(space), MOST_POINTS // 4)
        points = [point.values for point in grid]
        points += [random_point(space, rng).values for _ in range(MOST_POINTS - len(points))]
        whole = False
    return _Tried([known_names(entry.space, values, constants) for values in points], whole)


def _listed(parameter: Choice | Int | Float) -> bool:
    """Whether the grid holds every value of the parameter."""
    match parameter:
        case Choice():
            return True
        case Int(low, high, _, step):
            return (high - low) // step < GRID_VALUES
        case Float(low, high):
            return low == high
