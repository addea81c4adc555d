"""A command line with placeholders: `{port}` and the like, filled in without ever breaking a word apart."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence

PLACEHOLDERS = ("port", "host", "model", "revision", "served_model", "python", "flags")

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
"""A single name in braces. JSON such as `{"a": 1}` is no placeholder and passes as it stands."""


def words(command: str | Sequence[str]) -> list[str]:
    """The words of a command: a list as it is, a text as a shell would split it. Raises ValueError (open quote)."""
    return shlex.split(command) if isinstance(command, str) else list(command)


def complaints(template: Sequence[str]) -> list[tuple[str, str]]:
    """(what is wrong, what to do) with a template."""
    found = []
    used = {name for word in template for name in _PLACEHOLDER.findall(word)}
    for name in sorted(used - set(PLACEHOLDERS)):
        near = difflib.get_close_matches(name, PLACEHOLDERS, n=1)
        known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
        found.append((f"unknown placeholder {{{name}}}", f"did you mean {{{near[0]}}}?" if near else f"known: {known}"))
    if "port" not in used:
        found.append(("the command has no {port}", "tunebook chooses the port: pass it on, as in `--port {port}`"))
    return found


def fill(template: Sequence[str], values: Mapping[str, str], flags: Sequence[str]) -> tuple[str, ...]:
    """Replace placeholders. A word that is `{flags}` alone becomes one word per flag and value; inside a longer word
    (`sh -c "serve {flags}"`) the flags are quoted for a shell."""
    filled: list[str] = []
    for word in template:
        if word == "{flags}":
            filled += flags
            continue
        inside = {**values, "flags": shlex.join(flags)}
        filled.append(_PLACEHOLDER.sub(lambda match: inside.get(match[1], match[0]), word))  # noqa: B023
    return tuple(filled)
