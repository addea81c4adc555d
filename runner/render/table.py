"""A table for people: aligned text for a log, Markdown for the summary of a CI job. Pure.

A cell may hold what others wrote: the name of a file, a line of an engine. It stays one line that is nothing but text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
"""Control characters, line ends, and those that turn the direction of what follows."""
_MEANS_SOMETHING = re.compile(r"[\\`*_{}\[\]<>#!|&~^$:@]")
"""To Markdown or HTML inside a line; `:` and `@` make links, mentions and emoji of plain words."""


def visible(text: str) -> str:
    """`text` as one line without what a terminal would obey."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def markdown(text: str) -> str:
    """`text` as Markdown that shows exactly it, in a table too."""
    return _MEANS_SOMETHING.sub(lambda match: f"&#{ord(match[0])};", visible(text))


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Aligned columns, two spaces apart; the numbers of `right` stand at the right. The last column is not padded."""
    cells = [list(head), *([visible(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]

    def padded(row: list[str]) -> str:
        parts = [c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))]
        return "  ".join(parts).rstrip()

    return [padded(row) for row in cells]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    body = [[markdown(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in ([markdown(cell) for cell in head], rule, *body)]
