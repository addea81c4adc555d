"""Does a point satisfy an expression, and if not, why: with the numbers in the reason.

Three-valued: a name that has no value at this point (a parameter left at the engine's default, or inactive) makes
what depends on it *unknown*. An unknown `where` passes, because we do not know the engine's default and must not
refuse what may work; an unknown `when` fails, because a parameter whose condition is not known to hold is not set.
`false and unknown` is false, `true or unknown` is true.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from runner.domain.parameters import Scalar, Values
from runner.space.expressions import (
    Arithmetic,
    Compare,
    ExpressionError,
    ListOf,
    Literal,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    parse,
)


class _Unknown(Enum):
    UNKNOWN = "unknown"


_UNKNOWN = _Unknown.UNKNOWN
_Known: TypeAlias = Scalar | tuple[Scalar, ...]
_Value: TypeAlias = _Known | _Unknown

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPPOSITE = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "in": "not in", "not in": "in",
}  # fmt: skip
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2}


def evaluate(text: str, names: Values) -> bool | None:
    """True or false; None when it depends on a name that `names` does not hold.

    Raises ExpressionError (and nothing else) for a text that is no expression or can not be computed.
    """
    value = _truth(parse(text), names)
    return None if isinstance(value, _Unknown) else value


def holds(text: str, names: Values) -> bool:
    """Whether a `when` is known to hold. Raises ExpressionError."""
    return evaluate(text, names) is True


def compute(text: str, names: Values) -> Scalar | None:
    """The value of an expression; None when it depends on a name that `names` does not hold. Raises ExpressionError."""
    value = _value(parse(text), names)
    if isinstance(value, tuple):
        raise ExpressionError(f"{show(value)} is a list, not a value")
    return None if isinstance(value, _Unknown) else value


def explain(text: str, names: Values) -> str | None:
    """Why a `where` says no: `ctx-size / parallel >= 160 is false: 1024 / 8 = 128 < 160`. None when it does not.

    What can not be computed (a division by zero, say) is a no with that reason. Raises ExpressionError only for a
    text that is no expression.
    """
    tree = parse(text)
    try:
        if _truth(tree, names) is not False:
            return None
        return f"{text} is false: {_because(tree, False, names)}"
    except ExpressionError as error:
        return f"{text} can not be computed: {error}"


def _truth(node: Node, names: Values) -> bool | _Unknown:
    value = _value(node, names)
    if isinstance(value, bool | _Unknown):
        return value
    raise ExpressionError(f"{_render(node)} is {show(value)}, neither true nor false")


def _value(node: Node, names: Values) -> _Value:
    match node:
        case Literal(value):
            return value
        case Name(name):
            return names.get(name, _UNKNOWN)
        case ListOf(items):
            return _list([_value(item, names) for item in items])
        case Negative(operand):
            inner = _value(operand, names)
            return inner if isinstance(inner, _Unknown) else -_number(inner)
        case Not(operand):
            truth = _truth(operand, names)
            return truth if isinstance(truth, _Unknown) else not truth
        case Arithmetic(symbol, left, right):
            return _arithmetic(symbol, _value(left, names), _value(right, names))
        case Compare():
            return _all(_links(node), names)
        case Logic(symbol, operands):
            return _logic(symbol, operands, names)


def _list(items: list[_Value]) -> _Value:
    """Unknown as a whole when one item is: whether a value is in it can then not be told."""
    known: list[Scalar] = []
    for item in items:
        if isinstance(item, _Unknown):
            return item
        if isinstance(item, tuple):
            raise ExpressionError("a list can not hold a list")
        known.append(item)
    return tuple(known)


def _logic(symbol: str, operands: tuple[Node, ...], names: Values) -> bool | _Unknown:
    decisive = symbol == "or"
    unknown = False
    for operand in operands:
        truth = _truth(operand, names)
        if truth is decisive:
            return decisive
        unknown = unknown or isinstance(truth, _Unknown)
    return _UNKNOWN if unknown else not decisive


def _links(node: Compare) -> list[tuple[Node, str, Node]]:
    lefts = [node.first, *(right for _, right in node.rest)]
    return [(left, symbol, right) for left, (symbol, right) in zip(lefts, node.rest, strict=False)]


def _all(links: list[tuple[Node, str, Node]], names: Values) -> bool | _Unknown:
    unknown = False
    for left, symbol, right in links:
        truth = _compare(symbol, _value(left, names), _value(right, names))
        if truth is False:
            return False
        unknown = unknown or isinstance(truth, _Unknown)
    return _UNKNOWN if unknown else True


def _compare(symbol: str, left: _Value, right: _Value) -> bool | _Unknown:
    if isinstance(left, _Unknown) or isinstance(right, _Unknown):
        return _UNKNOWN
    if symbol in ("in", "not in"):
        if not isinstance(right, tuple) or isinstance(left, tuple):
            raise ExpressionError(f"{symbol!r} wants a value on its left and a list in [ ] on its right")
        return any(_equal(left, item) for item in right) is (symbol == "in")
    if isinstance(left, tuple) or isinstance(right, tuple):
        raise ExpressionError("a list can only stand after 'in'")
    if symbol in ("==", "!="):
        return _equal(left, right) is (symbol == "==")
    return _ORDER[symbol](_number(left), _number(right))


def _equal(left: Scalar, right: Scalar) -> bool:
    """true is not 1: a switch and a count are never equal, whatever Python thinks."""
    return isinstance(left, bool) is isinstance(right, bool) and left == right


def _arithmetic(symbol: str, left: _Value, right: _Value) -> _Value:
    if isinstance(left, _Unknown) or isinstance(right, _Unknown):
        return _UNKNOWN
    a, b = _number(left), _number(right)
    try:
        value = _ARITHMETIC[symbol](a, b)
    except ZeroDivisionError:
        raise ExpressionError(f"{show(a)} {symbol} {show(b)} divides by zero") from None
    except OverflowError:
        raise ExpressionError(f"{show(a)} {symbol} {show(b)} is too large") from None
    if not math.isfinite(value):
        raise ExpressionError(f"{show(a)} {symbol} {show(b)} is too large")
    return value


def _number(value: _Known) -> int | float:
    if isinstance(value, bool | str | tuple):
        raise ExpressionError(f"{show(value)} is not a number")
    return value


def _because(node: Node, outcome: bool, names: Values) -> str:
    """What made `node` come out as `outcome`, with values in place of names."""
    match node:
        case Not(operand):
            return _because(operand, not outcome, names)
        case Logic(symbol, operands):
            decisive = (symbol == "or") is outcome
            told = [o for o in operands if _truth(o, names) is outcome]
            return " and ".join(_because(o, outcome, names) for o in (told[:1] if decisive else told))
        case Compare():
            links = [link for link in _links(node) if outcome or _all([link], names) is False]
            shown = links if outcome else links[:1]
            return " and ".join(_link(a, symbol if outcome else _OPPOSITE[symbol], b, names) for a, symbol, b in shown)
        case _:
            return f"{_render(node)} = {show(outcome)}"


def _link(left: Node, symbol: str, right: Node, names: Values) -> str:
    """`1024 / 8 = 128 < 160`; for a name against a fixed text or list its value says it all: `flash-attn = 'off'`."""
    if symbol not in _ORDER and isinstance(left, Name) and isinstance(right, Literal | ListOf):
        return f"{left.name} = {_side(left, names)}"
    return f"{_side(left, names)} {symbol} {_side(right, names)}"


def _side(node: Node, names: Values) -> str:
    """`1024 / 8 = 128`, or just the value where nothing was computed."""
    value = _value(node, names)
    result = show(value) if not isinstance(value, _Unknown) else "unknown"
    return f"{_render(node, names)} = {result}" if isinstance(node, Arithmetic) else result


def _render(node: Node, names: Values | None = None) -> str:
    """The expression as text again, with values for the names that have one."""
    match node:
        case Literal(value):
            return show(value)
        case Name(name):
            return show(names[name]) if names and name in names else name
        case ListOf(items):
            return "[" + ", ".join(_render(item, names) for item in items) + "]"
        case Negative(operand):
            return f"-{_render(operand, names)}"
        case Not(operand):
            inner = _render(operand, names)
            return f"not {inner}" if isinstance(operand, Name | Literal) else f"not ({inner})"
        case Arithmetic(symbol, left, right):
            return f"{_operand(left, symbol, names)} {symbol} {_operand(right, symbol, names, right=True)}"
        case Compare(first, rest):
            return " ".join([_render(first, names), *(f"{symbol} {_render(r, names)}" for symbol, r in rest)])
        case Logic(symbol, operands):
            return f" {symbol} ".join(_render(o, names) for o in operands)


def _operand(node: Node, parent: str, names: Values | None, *, right: bool = False) -> str:
    text = _render(node, names)
    if isinstance(node, Arithmetic):
        loose = _BINDING[node.operator] < _BINDING[parent] or (right and _BINDING[node.operator] == _BINDING[parent])
        return f"({text})" if loose else text
    return text


def show(value: Scalar | tuple[Scalar, ...]) -> str:
    """A value as an author writes it in a campaign or an expression."""
    if isinstance(value, tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(value)
