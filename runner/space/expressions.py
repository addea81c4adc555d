"""The little language of `when:` and `where:`: text to a tree. Nothing here evaluates; nothing anywhere calls eval.

    or       := and ("or" and)*
    and      := not ("and" not)*
    not      := "not" not | compare
    compare  := sum (("<" | "<=" | ">" | ">=" | "==" | "!=" | "in" | "not in") sum)*
    sum      := term (("+" | "-") term)*
    term     := unary (("*" | "/" | "//" | "%") unary)*
    unary    := "-" unary | atom
    atom     := number | 'text' | true | false | name | "(" or ")" | "[" or ("," or)* "]"

A name may hold dashes and dots (`ctx-size`, `env.OMP_NUM_THREADS`), so a minus between names needs spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from runner.domain.parameters import Scalar

MOST_CHARACTERS = 1000
DEEPEST = 40
"""Nesting an author can still read; keeps the recursive parser and evaluator far from Python's own limit."""


class ExpressionError(ValueError):
    """The text is no expression, or it can not be computed for the given values. One sentence, for people."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: Scalar


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Node


@dataclass(frozen=True, slots=True)
class Not:
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """`first op node op node ...`, chained as in mathematics: `1 < a < 5`."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Logic:
    operator: str  # and | or
    operands: tuple[Node, ...]


Node: TypeAlias = Literal | Name | ListOf | Negative | Not | Arithmetic | Compare | Logic

_Rule: TypeAlias = Callable[[], Node]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number | text | name | word | op | end
    text: str
    column: int


_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<text>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<name>[A-Za-z_](?:[\w.-]*\w)?)"
    r"|(?P<op><=|>=|==|!=|//|[-+*/%<>()\[\],]))",
    re.ASCII,
)


@lru_cache(maxsize=2048)
def parse(text: str) -> Node:
    """The tree of an expression. Raises ExpressionError and nothing else, whatever the text."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"an expression has at most {MOST_CHARACTERS} characters, not {len(text)}")
    return _Parser(text).whole()


@lru_cache(maxsize=2048)
def names_in(text: str) -> frozenset[str]:
    """Every name the expression mentions. Raises ExpressionError."""
    return frozenset(_names(parse(text)))


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    for child in children(node):
        yield from _names(child)


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case ListOf(items):
            return items
        case Negative(operand) | Not(operand):
            return (operand,)
        case Arithmetic(_, left, right):
            return (left, right)
        case Compare(first, rest):
            return (first, *(right for _, right in rest))
        case Logic(_, operands):
            return operands
    return ()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].lstrip()
            column = len(text) - len(rest) + 1
            advice = ": write == to compare" if rest.startswith("=") else ""
            raise ExpressionError(f"{rest[:12]!r} at column {column} is not understood{advice}")
        group = str(match.lastgroup)
        word = match[group]
        kind = "word" if group == "name" and word in _WORDS else group
        yield _Token(kind, word, match.start(group) + 1)
        position = match.end()
    yield _Token("end", "", end + 1)


class _Parser:
    """Recursive descent, one method per line of the grammar above."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._peek().kind == "end":
            raise ExpressionError("the expression is empty")
        node = self._or()
        if self._peek().kind != "end":
            raise self._unexpected()
        return node

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _accept(self, *texts: str) -> str | None:
        token = self._peek()
        if token.kind in ("op", "word") and token.text in texts:
            self._next += 1
            return token.text
        return None

    def _unexpected(self, wanted: str = "") -> ExpressionError:
        token = self._peek()
        seen = f"{token.text!r} at column {token.column}" if token.text else "the end"
        return ExpressionError(f"unexpected {seen}{wanted and f', expected {wanted}'}")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"nested more than {DEEPEST} levels deep")

    def _or(self) -> Node:
        return self._logic("or", self._and)

    def _and(self) -> Node:
        return self._logic("and", self._not)

    def _logic(self, operator: str, below: _Rule) -> Node:
        operands = [below()]
        while self._accept(operator):
            operands.append(below())
        return operands[0] if len(operands) == 1 else Logic(operator, tuple(operands))

    def _not(self) -> Node:
        if not self._accept("not"):
            return self._compare()
        self._deeper()
        node = Not(self._not())
        self._depth -= 1
        return node

    def _compare(self) -> Node:
        first = self._sum()
        rest: list[tuple[str, Node]] = []
        while operator := self._comparison():
            rest.append((operator, self._sum()))
        return Compare(first, tuple(rest)) if rest else first

    def _comparison(self) -> str | None:
        if operator := self._accept(*_COMPARISONS, "in"):
            return operator
        if self._accept("not"):
            if not self._accept("in"):
                raise self._unexpected("'in'")
            return "not in"
        return None

    def _sum(self) -> Node:
        return self._left_to_right(("+", "-"), self._term)

    def _term(self) -> Node:
        return self._left_to_right(("*", "/", "//", "%"), self._unary)

    def _left_to_right(self, operators: tuple[str, ...], below: _Rule) -> Node:
        node = below()
        length = 0
        while operator := self._accept(*operators):
            node = Arithmetic(operator, node, below())
            length += 1  # a long chain is a deep tree
            if length > DEEPEST:
                raise ExpressionError(f"more than {DEEPEST} operators in a row")
        return node

    def _unary(self) -> Node:
        if not self._accept("-"):
            return self._atom()
        self._deeper()
        node = Negative(self._unary())
        self._depth -= 1
        return node

    def _atom(self) -> Node:
        token = self._peek()
        if token.kind in ("number", "text", "name"):
            self._next += 1
            return _leaf(token)
        if word := self._accept("true", "false"):
            return Literal(word == "true")
        if self._accept("("):
            return self._inside(self._or, ")")
        if self._accept("["):
            return self._inside(self._items, "]")
        raise self._unexpected("a name, a number or 'text'")

    def _inside(self, rule: _Rule, closing: str) -> Node:
        self._deeper()
        node = rule()
        if not self._accept(closing):
            raise self._unexpected(repr(closing))
        self._depth -= 1
        return node

    def _items(self) -> Node:
        items = [self._or()]
        while self._accept(","):
            items.append(self._or())
        return ListOf(tuple(items))


def _leaf(token: _Token) -> Node:
    if token.kind == "name":
        return Name(token.text)
    if token.kind == "text":
        return Literal(token.text[1:-1])
    if token.text.isdigit():
        if len(token.text) > 18:
            raise ExpressionError(f"{token.text} is too large")
        return Literal(int(token.text))
    value = float(token.text)
    if value in (float("inf"), float("-inf")):
        raise ExpressionError(f"{token.text} is too large")
    return Literal(value)
