"""`.env` and `.env.local` of the project folder: settings and tokens that stand in no shell profile and in no campaign.

Written as python-dotenv reads them: `NAME=value`, `export` before it, '...' and "..." over several lines, comments,
`${NAME}` and `${NAME:-else}` outside of '...'. What the process has already wins; `.env.local` wins over `.env`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from runner.errors import UsageError, Where

FILES = (".env", ".env.local")
_LARGEST = 1 << 20

_BLANK = re.compile(r"(?:[ \t\f\v]*(?:#[^\n]*)?\n)*[ \t\f\v]*(?:#[^\n]*\Z)?")
_NAME = re.compile(r"(?:export[ \t]+)?(?:'([^'\n]+)'|([^\s=#'\"]+))[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPED = re.compile(r"\\([\\'\"abfnrtv])")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REFERENCE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")
_USABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_LOADING = re.compile(
    r"PATH|LD_.*|DYLD_.*|PYTHON.*|GIT_.*|BASH_ENV|ENV|IFS|SHELL|HOME|PIP_.*|UV_.*|KUBECONFIG|DOCKER_CONFIG"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
)
"""They decide which programs and libraries run, or whose word is believed. A project comes from a repository, and a
mere `check` of it must not run its code."""
_HUB, _TOKENS = "HF_ENDPOINT", ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_NO_TOKEN = "HF_HUB_DISABLE_IMPLICIT_TOKEN"


class Setting(NamedTuple):
    """One line. `literal`: it stood in '...', where nothing is replaced."""

    line: int
    name: str
    value: str
    literal: bool


def use_env_files(project: Path) -> list[str]:
    """Bring the files' settings into the environment of this process: the names that were set. Called once, when a
    command begins and before anything reads the environment. Raises UsageError with file and line."""
    found: dict[str, str] = {}
    for name in FILES:
        if (text := _read(project / name)) is not None:
            found |= values(text, name, os.environ, found)
    new = [name for name in found if name not in os.environ]
    if _HUB in new and not any(name in new for name in _TOKENS):
        # The token of the user's shell or login is for the hub that the user chose, not for one that a project names.
        found[_NO_TOKEN] = "1"
        new.append(_NO_TOKEN)
    os.environ.update({name: found[name] for name in new})
    return new


def values(text: str, file: str, outer: Mapping[str, str], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name -> value of one file, references replaced: by `outer` first, then by what stands above (`before` included).
    Raises UsageError."""
    known: dict[str, str] = dict(before or {})
    found: dict[str, str] = {}
    for setting in settings(text, file):
        value = setting.value if setting.literal else _replaced(setting.value, outer, known)
        known[setting.name] = found[setting.name] = value
    return found


def settings(text: str, file: str) -> Iterator[Setting]:
    """What the lines say, in their order. Raises UsageError with file and line for one that says nothing."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    at, line = 0, 1
    while True:
        blank = _matched(_BLANK, text, at)
        line += blank.group().count("\n")
        at = blank.end()
        if at >= len(text):
            return
        setting, end = _setting(text, at, file, line)
        yield setting
        line += text.count("\n", at, end)
        at = end


def _setting(text: str, at: int, file: str, line: int) -> tuple[Setting, int]:
    named = _NAME.match(text, at)
    if named is None:
        raise _bad("no NAME=value", file, line)
    name = named.group(1) or named.group(2)
    _refuse(name, file, line)
    quote = text[named.end() : named.end() + 1]
    if quote not in ("'", '"'):
        plain = _matched(_PLAIN, text, named.end())
        value, end, literal = _COMMENT.sub("", plain.group()).rstrip(), plain.end(), False
    else:
        quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, named.end())
        if quoted is None:
            raise _bad(f"{name}: the {quote} is never closed", file, line)
        value, end, literal = _unescaped(quoted.group(1), quote), quoted.end(), quote == "'"
    rest = _REST.match(text, end)
    if rest is None:
        raise _bad(f"{name}: something stands behind the closing {quote}", file, line)
    if "\0" in value:
        raise _bad(f"{name}: a value can not hold a NUL character", file, line)
    return Setting(line, name, value, literal), rest.end()


def _refuse(name: str, file: str, line: int) -> None:
    if not _USABLE.match(name):
        raise _bad(f"{name!r} is no name of an environment variable", file, line)
    if _LOADING.fullmatch(name):
        what = f"{name} decides which programs run or whom they trust, and is not taken from a file of the project"
        raise UsageError(what, hint="set it in your shell, or remove the line", where=Where(file, line))


def _matched(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    assert found is not None  # it may be empty, so it always matches
    return found


def _unescaped(value: str, quote: str) -> str:
    if quote == "'":
        return re.sub(r"\\([\\'])", r"\1", value)
    return _ESCAPED.sub(lambda one: _ESCAPES.get(one.group(1), one.group(1)), value)


def _replaced(value: str, outer: Mapping[str, str], known: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        name, otherwise = found.group(1), found.group(2) or ""
        return outer.get(name) or known.get(name) or otherwise

    return _REFERENCE.sub(one, value)


def _bad(what: str, file: str, line: int) -> UsageError:
    return UsageError(what, hint="a line is NAME=value, empty, or a comment behind #", where=Where(file, line))


def _read(path: Path) -> str | None:
    """None where there is no such file. It may hold tokens: what can not be read is told without its content."""
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()[: _LARGEST + 1]
    except OSError as error:
        raise UsageError(f"{path.name} can not be read: {error.strerror}", where=Where(str(path))) from error
    if len(data) > _LARGEST:
        raise UsageError(f"{path.name} is larger than 1 MiB", where=Where(str(path)))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path.name} is not UTF-8 text", where=Where(path.name, line)) from error
