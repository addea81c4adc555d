"""YAML text to plain data, remembering where every key and value stood.

The words are those of YAML 1.2's core schema: only `true` and `false` are booleans, so a choice `[on, off, auto]` stays
text (YAML 1.1, PyYAML's own reading, makes True and False of it). Dates and `1:30` stay text too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from runner.errors import Problem, Where

Path: TypeAlias = tuple[str | int, ...]

DEEPEST = 40
MOST_VALUES = 50_000
"""Bounds on what aliases can blow up to; a campaign of a thousand lines stays far below."""

_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str"))
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)

_HALF = re.compile("[\ud800-\udfff]")
"""What an escape such as "\\ud83d" makes: one half of a pair, which no file, hash or database can hold."""


class _Loader(yaml.SafeLoader):
    """Tokens and nodes of PyYAML, every plain scalar left as text: `_scalar` gives it its type."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name

    def fetch_flow_collection_start(self, token_class: Any) -> None:
        """PyYAML looks at all open brackets again for every token: 500 of them take seconds."""
        if self.flow_level >= DEEPEST:
            raise _TooMuch
        super().fetch_flow_collection_start(token_class)


@dataclass(slots=True)
class Document:
    """`data` as plain Python; `keys` and `values` give the place of a path, of another file for a preset's."""

    file: str
    data: Any = None
    keys: dict[Path, Where] = field(default_factory=dict)
    values: dict[Path, Where] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at_key(self, *path: str | int) -> Where:
        """Where the key of `path` stands; of its nearest known parent when the file does not have it."""
        return self._where(self.keys, path)

    def at_value(self, *path: str | int) -> Where:
        return self._where(self.values, path)

    def graft(self, path: Path, other: Document, other_path: Path) -> None:
        """What stands at `other_path` of another document stands at `path` here: the places go with it."""
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for found, where in list(theirs.items()):
                if found[: len(other_path)] == other_path:
                    mine[(*path, *found[len(other_path) :])] = where
        self.keys[path] = other.at_key(*other_path)  # an item of a list has no key
        self.values[path] = other.at_value(*other_path)

    def _where(self, places: dict[Path, Where], path: Path) -> Where:
        for length in range(len(path), -1, -1):
            if place := places.get(path[:length]):
                return place
        return Where(self.file)


def read(text: str, file: str) -> Document:
    """Parse one campaign. Broken YAML, duplicate keys and values we can not take are in `problems`; `data` is then
    what could be read (None when nothing could)."""
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            document.problems.append(Problem("campaign-yaml", "the file is empty", Where(file)))
            return document
        document.data = _Builder(document).build(node, (), ())
    except yaml.MarkedYAMLError as error:
        document.problems.append(_broken(error, text, file))
    except yaml.YAMLError as error:
        document.problems.append(Problem("campaign-yaml", f"not readable as YAML: {_first_line(error)}", Where(file)))
    except (RecursionError, _TooMuch):
        document.problems.append(
            Problem("campaign-yaml", "nested too deeply, or blown up by aliases", Where(file), "write it out flat")
        )
    return document


class _TooMuch(Exception):
    """A document that no person wrote."""


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0

    def build(self, node: yaml.Node, path: Path, above: Sequence[int]) -> Any:
        self._count += 1
        if self._count > MOST_VALUES or len(above) > DEEPEST or id(node) in above:
            raise _TooMuch
        self._document.values[path] = self._place(node)
        if node.tag not in _TAGS:
            self._complain("campaign-yaml", f"tag {node.tag!r} is not used in campaign files", node)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i), (*above, id(node))) for i, item in enumerate(node.value)]
        if _HALF.search(str(node.value)):
            self._complain("campaign-yaml", f"{node.value!a} holds half a character", node)
            return None
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: Sequence[int]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain("wrong-type", "a key must be plain text", key_node)
                continue
            key = str(key_node.value)  # as written: `on:` and `1:` are the texts "on" and "1"
            if _HALF.search(key):
                self._complain("campaign-yaml", f"key {key!a} holds half a character", key_node)
                continue
            if key in made:
                first = self._document.keys[(*path, key)].line
                self._complain("duplicate-key", f"key {key!r} stands here twice (first in line {first})", key_node)
                continue
            self._document.keys[(*path, key)] = self._place(key_node)
            made[key] = self.build(value_node, (*path, key), above)
        return made

    def _complain(self, slug: str, what: str, node: yaml.Node) -> None:
        self._document.problems.append(Problem(slug, what, self._place(node)))

    def _place(self, node: yaml.Node) -> Where:
        return Where(self._document.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
    return text if quoted else _typed(text)  # quoted or a block: text, whatever it looks like


def _typed(text: str) -> Any:
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if _INT.fullmatch(text) and len(text) <= 19:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _broken(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file)
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in str(error.problem):
        return Problem("campaign-yaml", "a tab can not indent YAML", where, "indent with spaces")
    if isinstance(error, yaml.composer.ComposerError) and "single document" in str(error.context):
        return Problem("campaign-yaml", "a campaign file holds one document", where, "split it at the line ---")
    return Problem("campaign-yaml", f"not readable as YAML: {error.problem}", where, _advice(str(error.problem), line))


def _advice(problem: str, line: str) -> str | None:
    if "mapping values are not allowed" in problem:
        return "check the indentation, and quote a text that holds a colon followed by a space"
    if "flow" in problem or "expected ',' or" in problem:
        return "a bracket or brace is not closed, or a comma is missing"
    if line.lstrip().startswith(("%", "@", "`")):
        return "quote a text that begins with % @ or `"
    return None


def _first_line(error: yaml.YAMLError) -> str:
    return str(error).splitlines()[0]
