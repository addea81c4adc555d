"""Text from outside on a terminal: nothing in it moves the cursor, changes colours or turns the direction."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


def visible(text: str, keep: str = "") -> str:
    """`text` with every character that is not printable spelled out (`\\x1b`, `\\u202e`), but for those in `keep`."""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def visible_line(text: str) -> str:
    """A line of a log. Colours are dropped, tabs stay, a progress bar that draws over itself shows its last state."""
    plain = _COLOURS.sub("", text.rstrip("\r\n"))
    return visible(plain.rpartition("\r")[2], keep="\t")
