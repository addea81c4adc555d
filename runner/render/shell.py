"""A launch as text for a shell on another machine: quoted, one option a line, `$MODEL` and `$PORT` left to fill in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

VARIABLES = ("$MODEL", "$PORT")
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", re.DOTALL)
_PART = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^'"\\]+|.""", re.DOTALL)
_IN_QUOTES = re.compile(r"""\\(["\\`$])|\$\{(MODEL|PORT)\}""")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_ESCAPED_VARIABLE = re.compile(r"\\\$(MODEL|PORT)(?=(\w)?)")
_FITS = 72
"""A command that is shorter than this stays on one line."""


def shell(launch: Mapping[str, Any]) -> str:
    """The portable command of a launch (`portable`, and `env` where it has one), broken into lines."""
    return wrapped(one_line(launch["portable"], launch.get("env") or {}))


def one_line(portable: Iterable[object], env: Mapping[str, object]) -> str:
    """The portable command with its environment in front, quoted, on one line."""
    words = [f"{name}={_quoted(str(value))}" for name, value in sorted(env.items())]
    return " ".join([*words, *(_quoted(str(word)) for word in portable)])


def wrapped(command: str) -> str:
    """A one-line command with a line for the program and one for each option and its values. The words stay as they
    are quoted; a shell reads the same command."""
    if len(command) <= _FITS:
        return command
    lines: list[list[str]] = [[]]
    in_assignments = True
    for word in _WORD.findall(command):
        if in_assignments and _ASSIGNMENT.match(word):
            lines[-1].append(word)
            lines.append([])
            continue
        in_assignments = False
        # `python -m module`: the first option that follows the program belongs to it.
        if word.startswith("-") and lines[-1] and not (len(lines[-1]) == 1 and word == "-m"):
            lines.append([])
        lines[-1].append(word)
    return " \\\n  ".join(" ".join(line) for line in lines if line)


def words_of(line: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Environment and words of what `one_line` made: its inverse. Of a line that was changed since (something in it was
    hidden) whatever can be read: each form quotes it anew."""
    words = [_unquoted(word) for word in _WORD.findall(line)]
    env: dict[str, str] = {}
    while len(words) > 1 and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    return env, tuple(words)


def _unquoted(word: str) -> str:
    return "".join(_plain(part) for part in _PART.findall(word))


def _plain(part: str) -> str:
    if part[0] == "'" and len(part) > 1:
        return part[1:-1]
    if part[0] != '"' or len(part) == 1:
        return part.removeprefix("\\")
    return _IN_QUOTES.sub(lambda match: match[1] or f"${match[2]}", part[1:-1])


def _quoted(word: str) -> str:
    """Quoted for a POSIX shell, with our variables left open. `${MODEL}` where a letter follows it."""
    if not any(variable in word for variable in VARIABLES):
        return shlex.quote(word)
    escaped = re.sub(r'(["\\`$])', r"\\\1", word)
    return f'"{_ESCAPED_VARIABLE.sub(lambda m: f"${{{m[1]}}}" if m[2] else f"${m[1]}", escaped)}"'
