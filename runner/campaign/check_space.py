"""Expressions of a campaign: do they parse, are their names known, can any point of the space satisfy them?"""

from __future__ import annotations

import difflib
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
from runner.util.visible import visible

MOST_POINTS = 4000
"""Points tried before a constraint counts as one that nothing satisfies: a sampler would not find one either."""

ENOUGH_POINTS = 200
"""Points tried at least, to see what can not be computed."""


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
        hardware=Hardware(gpus=file.hardware.gpus, cpus=file.hardware.cpus),
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
    return f"did you mean {near[0]!r}?" if near else f"known names: {', '.join(map(visible, sorted(known)))}"


@dataclass(slots=True)
class _Trial:
    """What points of the space showed: constraints nothing satisfied, conditions that never held, what can not be
    computed. `every` says that all points of the space were tried."""

    unmet: set[int]
    together: bool  # one point satisfied all constraints at once
    inactive: set[str]
    broken: dict[int, str] = field(default_factory=dict)
    first: Values = field(default_factory=dict)
    count: int = 0
    every: bool = False

    @property
    def settled(self) -> bool:
        return self.count >= ENOUGH_POINTS and self.together and not (self.unmet or self.inactive)

    def none_of(self) -> str:
        return "no point of the space" if self.every else f"none of {self.count} points drawn from the space"


def _contradictions(entry: Entry, document: Document, i: int, constants: Mapping[str, Scalar]) -> Iterator[Problem]:
    space = entry.space
    if not space.where and not any(parameter.when for parameter in space.parameters.values()):
        return
    try:
        trial = _try(entry, constants)
    except ExpressionError as error:
        where = document.at_key("runtimes", i, "space")
        yield Problem("expression", f"a condition of {entry.name} can not be computed: {error}", where)
        return
    for n, text in enumerate(space.where):
        where = document.at_value("runtimes", i, "where", n)
        if n in trial.broken:
            hint = "guard it, such as: x == 0 or y / x > 1"
            yield Problem("expression", f"{text!r} can not be computed everywhere: {trial.broken[n]}", where, hint)
        elif n in trial.unmet:
            hint = f"for instance {explain(text, trial.first)}"
            yield Problem("contradiction", f"{trial.none_of()} satisfies {text!r}", where, hint)
    if not trial.together and not trial.unmet and not trial.broken:
        what = f"{trial.none_of()} satisfies all of where together: {', '.join(space.where)}"
        yield Problem("contradiction", what, document.at_key("runtimes", i, "where"))
    for name in sorted(trial.inactive):
        where = document.at_value("runtimes", i, "space", name, "when")
        what = f"{name} is never searched: {trial.none_of()} has {space.parameters[name].when!r}"
        yield Problem("contradiction", what, where)


def _try(entry: Entry, constants: Mapping[str, Scalar]) -> _Trial:
    """Try points until every constraint was met, or all points are spent. Raises ExpressionError for a `when`."""
    space = entry.space
    trial = _Trial(
        unmet=set(range(len(space.where))),
        together=not space.where,
        inactive={name for name, parameter in space.parameters.items() if parameter.when},
    )
    points, every = _points(Space((space,), constants))
    for values in points:
        names = known_names(space, values, constants)
        trial.first = trial.first or names
        trial.count += 1
        trial.inactive -= values.keys()
        trial.together |= _meets(space.where, names, trial)
        if trial.settled:
            return trial
    trial.every = every
    return trial


def _meets(texts: Sequence[str], names: Values, trial: _Trial) -> bool:
    """Whether this point satisfies all; what it satisfies alone is noted."""
    met = 0
    for n, text in enumerate(texts):
        try:
            if evaluate(text, names) is not False:
                trial.unmet.discard(n)
                met += 1
        except ExpressionError as error:
            trial.broken.setdefault(n, str(error))
    return met == len(texts)


def _points(space: Space) -> tuple[Iterator[Values], bool]:
    """The whole space where that is short, else a part of the grid (its ends) and random points, always the same."""
    parameters = space.entries[0].parameters.values()
    if all(_listed(parameter) for parameter in parameters) and size(space) <= MOST_POINTS:
        return (point.values for point in enumerate_points(space)), True
    rng = random.Random(0)
    grid = (point.values for point in itertools.islice(enumerate_points(space), MOST_POINTS // 4))
    drawn = (random_point(space, rng).values for _ in range(MOST_POINTS * 3 // 4))
    return itertools.chain(grid, drawn), False


def _listed(parameter: Choice | Int | Float) -> bool:
    """Whether the grid holds every value of the parameter."""
    match parameter:
        case Choice():
            return True
        case Int(low, high, _, step):
            return (high - low) // step < GRID_VALUES
        case Float(low, high):
            return low == high
