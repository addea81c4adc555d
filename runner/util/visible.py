"""Text from outside on a terminal: what would steer the terminal is shown, not obeyed."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


def visible(text: str, keep: str = "") -> str:
    """`text` with every character that can not be seen (control, direction mark, line end) spelled out (`\\x1b`,
    `\\u202e`), but for those in `keep`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def visible_lines(text: str) -> str:
    """The same for a text of our own lines with foreign words in them: its line ends stay."""
    return "\n".join(map(visible, text.split("\n")))


def visible_line(text: str) -> str:
    """A line of a log. Colours are dropped, tabs stay, a progress bar that draws over itself shows its last state."""
    plain = _COLOURS.sub("", text.rstrip("\r\n"))
    return visible(plain.rpartition("\r")[2], keep="\t")
