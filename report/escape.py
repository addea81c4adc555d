"""Text from outside, made safe to stand in a page: in Markdown, in HTML, in an attribute, in a title, in a path.

A campaign's name, a flag, an engine's last line are written by others. Every value that a template prints passes
`printed` (Jinja's `finalize`), so that a page has to ask for markup and never has to remember to escape.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup

_MEANS_SOMETHING = re.compile(r"""[\\`*_{}\[\]()<>#!|&"'~^]""")
"""To Markdown, its extensions or HTML, wherever it stands."""
_AT_THE_START = re.compile(r"^(?:[^\w\s]|\d+(?=[.)](?:\s|$)))+")
"""A list, a heading, a rule, a quote, an admonition: only at the start of a line, and a value may stand there."""
INLINE, BLOCK = 2_000, 60_000
"""Longest texts on a page, in characters. The downloads hold all of it."""
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and those that turn the direction of what follows."""

_DASH = Markup("–")
DATE = Markup("<!--tb-date-->")
"""In a page that is kept for the next build: what is put in afterwards, as of when the site is."""


def _entity(match: re.Match[str]) -> str:
    return "".join(f"&#{ord(c)};" for c in match[0])


def _entities(text: str) -> str:
    start = _AT_THE_START.match(text)
    length = start.end() if start else 0
    head = "".join(f"&#{ord(c)};" for c in text[: length + 1]) if start else ""
    rest = text[length + 1 :] if start else text
    return head + _MEANS_SOMETHING.sub(_entity, rest)


def short(text: str, limit: int = 300) -> str:
    """At most `limit` characters of `text`, and how many are left out: a page is no place for a megabyte."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


@lru_cache(maxsize=16384)
def in_chart(text: str) -> str:
    """`text` as a chart may hold it: the drawing library takes an unseen line end for the end of its own code."""
    return _UNSEEN.sub("\ufffd", short(text))


@lru_cache(maxsize=16384)
def inline(text: str) -> Markup:
    """`text` as one line that is nothing but text, at most INLINE characters of it. Pages say the same words again and
    again: what was said lately is remembered."""
    return Markup(_entities(re.sub(r"\s+", " ", _UNSEEN.sub("\ufffd", short(text, INLINE)))))


def block(text: str) -> Markup:
    """`text` with its line ends, for a `<pre>`, at most BLOCK characters of it. The ends are entities too, so that
    Markdown sees one line."""
    lines = _UNSEEN.sub("\ufffd", short(text, BLOCK).replace("\r\n", "\n").replace("\t", "    ")).rstrip().split("\n")
    return Markup("&#10;".join(_entities(line) for line in lines))


def printed(value: Any) -> Any:
    """What a template prints for `value`. Markup is trusted, None is a dash, everything else is text."""
    kind = value.__class__  # a page prints a thousand values, most of them markup or text
    if kind is Markup:
        return value
    if kind is str:
        return inline(value)
    if value is None:
        return _DASH
    if isinstance(value, Markup):
        return value
    if isinstance(value, bool):
        return Markup("yes" if value else "no")
    if isinstance(value, int):
        return Markup(str(value))
    if isinstance(value, datetime):
        raise TypeError("a time needs the filter `when`")
    if isinstance(value, float):
        raise TypeError(f"{value!r} has no unit: use the filter `measured`, `seconds` or `percent`")
    return inline(str(value))


def title(text: str) -> str:
    """For front matter: the theme puts it into `<title>` as it stands, so only harmless characters stay."""
    return re.sub(r"[^\w .,:;+/@=%-]+", "_", re.sub(r"\s+", " ", short(text, 120))).strip() or "_"


def slug(name: str) -> str:
    """A folder name for `name`: itself when it is harmless, else what is left of it and a hash."""
    kept = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip(".-")[:80]
    if kept and kept == name:
        return kept
    return f"{kept or 'campaign'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
