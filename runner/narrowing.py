"""The space of one entry, narrowed by what its trials showed. Pure; called by runner.followup.

Two kinds of evidence: a hint names a parameter and a bound; or a value was tried at least FEWEST times, never got
anywhere without a hint that explains it, and another value of the same parameter did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.domain.campaign import Entry
from runner.domain.failure import Change
from runner.domain.parameters import Float, Int, Scalar
from runner.space.expressions import ExpressionError, names_in
from runner.stats.failing import Tried, spelled

FEWEST = 2

Note = tuple[tuple[str | int, ...], str]
"""Path inside the entry -> why it was changed."""


def narrow(section: dict[str, Any], entry: Entry, tried: Sequence[Tried], good: set[int]) -> list[Note]:
    """Change `section` (the entry as it was written) in place; say what and why. `good` are the numbers of trials
    that speak for their values."""
    one = _Narrowing(section, entry, tried, good)
    one.hints()
    one.values()
    one.settle()
    return one.notes


def apply(change: Change, flags: dict[str, Scalar]) -> None:
    """The change on the flags of one configuration. What is no flag (timeouts, SLOs) is left alone."""
    name = change.parameter
    if name.startswith(("timeouts.", "slo.", "env.")):
        return
    if change.remove:
        flags.pop(name, None)
    elif change.value is not None:
        flags[name] = change.value
    else:
        now = flags.get(name)
        bound = _number(change.at_most if change.at_most is not None else change.at_least or 0)
        inside = isinstance(now, int | float) and (now <= bound if change.at_most is not None else now >= bound)
        if not inside:
            flags[name] = bound


class _Narrowing:
    def __init__(self, section: dict[str, Any], entry: Entry, tried: Sequence[Tried], good: set[int]) -> None:
        self.section = section
        self.entry = entry
        self.tried = tried
        self.good = [trial for trial in tried if trial.number in good]
        self.notes: list[Note] = []
        self.space: dict[str, Any] = dict(section.get("space") or {})
        self.flags: dict[str, Scalar] = dict(section.get("flags") or {})
        self.where: list[str] = list(section.get("where") or [])

    # -- hints -------------------------------------------------------------------------------------------------------

    def hints(self) -> None:
        by_name: dict[str, list[tuple[Tried, Change]]] = {}
        for trial in self.tried:
            for change in trial.hint.changes if trial.hint else ():
                by_name.setdefault(change.parameter, []).append((trial, change))
        for name, asked in by_name.items():
            if name.startswith(("timeouts.", "slo.")):
                continue
            if name in self.space:
                self._searched(name, asked)
            elif not self.good:  # what is fixed for all can not be the fault where one got further with it
                self._fixed(name, asked)

    def _fixed(self, name: str, asked: Sequence[tuple[Tried, Change]]) -> None:
        for trial, change in asked:
            apply(change, self.flags)
            self._note(("flags", name) if name in self.flags else ("flags",), trial)

    def _searched(self, name: str, asked: Sequence[tuple[Tried, Change]]) -> None:
        trial, change = asked[0]
        if change.remove:
            del self.space[name]
            self._note(("space",), trial)
            return
        for trial, change in asked:
            if change.when and self._rule(name, change):
                self._note(("where",), trial)
        rest = [(trial, change) for trial, change in asked if not (change.when and self._rule(name, change))]
        values = [(trial, change) for trial, change in rest if change.value is not None]
        if values:
            trial, change = values[0]
            self._keep(name, [change.value])  # type: ignore[list-item]
            self._note(("space", name), trial)
        for side in ("at_most", "at_least"):
            bounds = [(trial, change) for trial, change in rest if getattr(change, side) is not None]
            if bounds:
                self._bound(name, side, bounds)

    def _rule(self, name: str, change: Change) -> bool:
        """Forbid the combination and nothing else: `not (WHEN) or PARAMETER == VALUE`. False when that says nothing:
        a name is not known here, or no value of the parameter would be left."""
        try:
            names = names_in(change.when)
        except ExpressionError:
            return False
        searched = [other for other in names if other in self.space and len(self._choices(other) or [1, 2]) > 1]
        if not searched or not names <= {*self.space, *self.flags}:
            return False
        if change.value is not None:
            wanted = f"{name} == {_literal(change.value)}"
            left = change.value in (self._choices(name) or [])
        else:
            bound, sign = (change.at_most, "<=") if change.at_most is not None else (change.at_least, ">=")
            wanted = f"{name} {sign} {_number(bound or 0)}"
            left = bool(self._within(name, change.at_least, change.at_most))
        if not left:
            return False
        rule = f"not ({change.when}) or {wanted}"
        if rule not in self.where:
            self.where.append(rule)
        return True

    def _bound(self, name: str, side: str, asked: Sequence[tuple[Tried, Change]]) -> None:
        """The loosest of the bounds: a stricter one came from other values of other parameters. Where nothing of the
        space is inside, the bounds themselves become the space."""
        numbers = sorted({_number(getattr(change, side)) for _, change in asked})
        loosest = numbers[-1] if side == "at_most" else numbers[0]
        for trial in self.good:
            value = trial.values.get(name)
            if not isinstance(value, int | float):
                continue
            if value > loosest if side == "at_most" else value < loosest:
                return  # it worked beyond the bound: the bound holds only in company
        low, high = (None, loosest) if side == "at_most" else (loosest, None)
        inside = self._within(name, low, high)
        before = self.space[name]
        if inside:
            self._set(name, inside)
        else:
            self._set(name, sorted({numbers[0], numbers[-1]}))
        if self.space[name] == before:
            return
        used = (loosest,) if inside else (numbers[0], numbers[-1])
        for bound in dict.fromkeys(used):
            trial = next(trial for trial, change in asked if _number(getattr(change, side)) == bound)
            self._note(("space", name), trial)

    # -- values ------------------------------------------------------------------------------------------------------

    def values(self) -> None:
        """Leave out what was tried and never got anywhere, where something else did."""
        if not self.good:
            return
        unexplained = [t for t in self.tried if t not in self.good and not (t.hint and t.hint.changes)]
        for name in list(self.space):
            good = [t.values[name] for t in self.good if name in t.values]
            bad = [t.values[name] for t in unexplained if name in t.values]
            if not good:
                continue
            if self._choices(name) is not None:
                self._drop(name, good, bad)
            else:
                self._cut(name, [float(v) for v in good], [float(v) for v in bad])

    def _drop(self, name: str, good: Sequence[Scalar], bad: Sequence[Scalar]) -> None:
        before = self._choices(name) or []
        lost = [value for value in before if value not in good and _count(bad, value) >= FEWEST]
        if not lost:
            return
        self._keep(name, [value for value in before if value not in lost])
        told = ", ".join(f"{spelled(value)} ({_count(bad, value)} trials)" for value in lost)
        self.notes.append((("space", name), f"dropped what only failed: {told}"))

    def _cut(self, name: str, good: Sequence[float], bad: Sequence[float]) -> None:
        """Ends of a range at which everything failed: what lies before the first failure beyond the good is kept."""
        parameter = self.entry.space.parameters[name]
        assert isinstance(parameter, Int | Float)
        above = sorted(value for value in bad if value > max(good))
        below = sorted(value for value in bad if value < min(good))
        low, high = float(parameter.low), float(parameter.high)
        step = parameter.step if isinstance(parameter, Int) else 0
        told = []
        if len(above) >= FEWEST:
            high = min(high, max(max(good), above[0] - step))
            told.append(f"{len(above)} trials from {above[0]:g} on")
        if len(below) >= FEWEST:
            low = max(low, min(min(good), below[-1] + step))
            told.append(f"{len(below)} trials up to {below[-1]:g}")
        if (low, high) != (parameter.low, parameter.high):
            self._set(name, [_number(low), _number(high)])
            was = f"was {parameter.low:g} to {parameter.high:g}"
            self.notes.append((("space", name), f"{was}: {' and '.join(told)} only failed"))

    # -- the forms of a parameter in the file ------------------------------------------------------------------------

    def _choices(self, name: str) -> list[Scalar] | None:
        """The listed values as they now stand; None for a range."""
        raw = self.space[name]
        if isinstance(raw, list):
            return list(raw)
        if "choice" in raw:
            return list(raw["choice"])
        if "flag" in raw:
            return [True, False] if raw["flag"] is True else list(raw["flag"])
        return None

    def _range(self, name: str) -> tuple[float, float] | None:
        raw = self.space[name]
        ends = raw.get("int") or raw.get("float") if isinstance(raw, dict) else None
        return (ends[0], ends[1]) if ends else None

    def _within(self, name: str, low: float | None, high: float | None) -> list[Any]:
        """What is left of the parameter between the bounds: its values, or the two ends of its range."""
        least, most = -float("inf") if low is None else low, float("inf") if high is None else high
        choices = self._choices(name)
        if choices is not None:
            return [v for v in choices if isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most]
        ends = self._range(name)
        assert ends is not None
        left = [_number(max(ends[0], least)), _number(min(ends[1], most))]
        return left if left[0] <= left[1] else []

    def _set(self, name: str, left: Sequence[Any]) -> None:
        """The ends of a range, or the values of a choice, whichever the parameter is; equal ends are one value."""
        raw = self.space[name]
        ends = self._range(name)
        if ends is None:
            self._keep(name, left)
        elif len(left) == 2 and left[0] < left[1] and ends[0] <= left[0] and left[1] <= ends[1]:
            self.space[name] = {**raw, ("int" if "int" in raw else "float"): list(left)}
        else:
            when = {"when": raw["when"]} if raw.get("when") else {}
            self.space[name] = {"choice": sorted(set(left)), **when}

    def _keep(self, name: str, values: Sequence[Scalar]) -> None:
        raw = self.space[name]
        if isinstance(raw, list):
            self.space[name] = list(values)
        elif "flag" in raw:
            self.space[name] = {**raw, "flag": list(values)}
        else:
            self.space[name] = {**raw, "choice": list(values)}

    # -- the end -----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Write back. A parameter with one value left is fixed, so that the entry's default has it too."""
        for name in list(self.space):
            values = self._choices(name)
            raw = self.space[name]
            conditional = isinstance(raw, dict) and raw.get("when")
            if values is None or len(values) != 1 or conditional or name.startswith("env."):
                continue
            del self.space[name]
            self.flags[name] = values[0]
            known = [text for path, text in self.notes if path == ("space", name)]
            self.notes = [note for note in self.notes if note[0] != ("space", name)]
            self.notes += [(("flags", name), text) for text in known or ["one value left: fixed"]]
        for key, value in (("flags", self.flags), ("space", self.space), ("where", self.where)):
            if value and (self.space or key != "where"):
                self.section[key] = value
            else:
                self.section.pop(key, None)
        if "space" not in self.section:
            self.notes = [note for note in self.notes if note[0][0] not in ("space", "where")]

    def _note(self, path: tuple[str | int, ...], trial: Tried) -> None:
        assert trial.hint is not None
        self.notes.append((path, f"trial {trial.number}: {trial.hint.text}"))


def _count(values: Sequence[Scalar], wanted: Scalar) -> int:
    return sum(1 for value in values if value == wanted and isinstance(value, bool) is isinstance(wanted, bool))


def _number(value: float) -> int | float:
    """A whole number without a point."""
    return int(value) if float(value).is_integer() else float(value)


def _literal(value: Scalar) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return spelled(value)
