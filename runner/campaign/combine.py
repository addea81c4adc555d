"""What becomes of a setting that several presets give: union, intersection, or the last one. Pure.

A fixed value counts as a list of one. 1 and true are two values, 1 and 1.0 are one. A preset without a word about a
setting has nothing against it, so an intersection keeps what only one of them says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from runner.campaign.fields import same
from runner.domain.parameters import Scalar

Merge: TypeAlias = Literal["last_wins", "union", "intersection"]
Value: TypeAlias = Scalar | None
"""None: an environment variable that is passed through."""


class Unmergeable(ValueError):
    """Two values that can not become one; the text says why."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one setting: those of a list, or a range (`ends`). `fixed`: not searched."""

    listed: tuple[Value, ...] = ()
    ends: tuple[float, float] | None = None
    whole: bool = True
    log: bool = False
    step: int = 1
    when: str | None = None
    fixed: bool = False

    def as_written(self) -> Any:
        """As a campaign file has it: a value, a list, or a mapping."""
        if self.fixed:
            return self.listed[0]
        if self.ends is None:
            return {"choice": list(self.listed), "when": self.when} if self.when else list(self.listed)
        written: dict[str, Any] = {"int" if self.whole else "float": list(self.ends)}
        if self.log:
            written["log"] = True
        if self.step != 1:
            written["step"] = self.step
        return written | ({"when": self.when} if self.when else {})


def fixed(value: Value) -> Values:
    return Values((value,), fixed=True)


def searched(written: Any) -> Values:
    """Of a parameter as the file has it. What it looks like was checked before."""
    if isinstance(written, list):
        return Values(tuple(written))
    when = written.get("when")
    if (switch := written.get("flag")) is not None:
        return Values((True, False) if switch is True else tuple(switch), when=when)
    if (listed := written.get("choice")) is not None:
        return Values(tuple(listed), when=when)
    kind = "int" if written.get("int") is not None else "float"
    low, high = written[kind]
    step = written.get("step") or 1
    return Values(ends=(low, high), whole=kind == "int", log=written.get("log", False), step=step, when=when)


def equal(one: Values, other: Values) -> bool:
    """Whether both mean the same; the order of a list means nothing."""
    if (one.ends, one.fixed, one.when) != (other.ends, other.fixed, other.when) or len(one.listed) != len(other.listed):
        return False
    shape = (one.whole, one.log, one.step) == (other.whole, other.log, other.step) or one.ends is None
    return shape and all(_among(value, other.listed) for value in one.listed)


def alike(a: Value, b: Value) -> bool:
    return a is b if a is None or b is None else same(a, b)


def united(one: Values, other: Values) -> Values:
    """Every value of both, those of the first in front. Raises Unmergeable."""
    _comparable(one, other)
    if one.ends is None and other.ends is None:
        more = tuple(value for value in other.listed if not _among(value, one.listed))
        if one.fixed and not more:
            return one if other.fixed else Values(one.listed, when=one.when)
        return Values(one.listed + more, when=one.when)
    if one.ends is None or other.ends is None:
        ranged, listed = (other, one) if one.ends is None else (one, other)
        if all(_inside(value, ranged) for value in listed.listed):
            return ranged
        raise Unmergeable("a list and a range that does not hold all of it can not be united")
    _same_scale(one, other)
    gap = 1 if one.whole and one.step == 1 else 0
    if max(one.ends[0], other.ends[0]) > min(one.ends[1], other.ends[1]) + gap:
        raise Unmergeable(f"{_range(one)} and {_range(other)} do not touch, and a range has no hole")
    ends = (min(one.ends[0], other.ends[0]), max(one.ends[1], other.ends[1]))
    return Values(ends=ends, whole=one.whole, log=one.log, step=one.step, when=one.when)


def common(one: Values, other: Values) -> Values:
    """The values that both have, in the order of the first; fixed where one of the two is. Raises Unmergeable when
    there are none."""
    _comparable(one, other)
    if one.ends is not None and other.ends is not None:
        _same_scale(one, other)
        ends = (max(one.ends[0], other.ends[0]), min(one.ends[1], other.ends[1]))
        if ends[0] > ends[1]:
            raise Unmergeable(f"{_range(one)} and {_range(other)} have nothing in common")
        return Values(ends=ends, whole=one.whole, log=one.log, step=one.step, when=one.when)
    if one.ends is None and other.ends is None:
        kept = tuple(value for value in one.listed if _among(value, other.listed))
    else:
        ranged, listed = (other, one) if one.ends is None else (one, other)
        kept = tuple(value for value in listed.listed if _inside(value, ranged))
    if not kept:
        raise Unmergeable("they have no value in common")
    return Values(kept, when=one.when, fixed=one.fixed or other.fixed)


def _among(value: Value, values: tuple[Value, ...]) -> bool:
    return any(alike(value, one) for one in values)


def _inside(value: Value, ranged: Values) -> bool:
    """Whether a range can propose the value."""
    assert ranged.ends is not None
    if value is None or isinstance(value, bool | str) or (ranged.whole and not isinstance(value, int)):
        return False
    low, high = ranged.ends
    return low <= value <= high and (not ranged.whole or ranged.log or (value - low) % ranged.step == 0)


def _comparable(one: Values, other: Values) -> None:
    if one.when != other.when:
        raise Unmergeable("they exist under different conditions (when)")
    if (None in one.listed) is not (None in other.listed):
        raise Unmergeable("one passes the variable through, the other sets it")


def _same_scale(one: Values, other: Values) -> None:
    assert one.ends is not None
    assert other.ends is not None
    if one.whole is not other.whole:
        raise Unmergeable("one is a range of whole numbers, the other of any")
    if one.log is not other.log:
        raise Unmergeable("only one of the two ranges is on a log scale")
    if one.step != other.step or (one.step > 1 and (one.ends[0] - other.ends[0]) % one.step):
        raise Unmergeable("the two ranges have other steps")


def _range(values: Values) -> str:
    assert values.ends is not None
    return f"[{values.ends[0]:g}, {values.ends[1]:g}]"


COMBINE: Mapping[str, Any] = {"union": united, "intersection": common}
"""The merge that makes one of two; `last_wins` takes the later as it is."""
