"""What is done to the built HTML: tables take the place of their placeholders.

A table of cells costs Markdown most of its time, and it would read `*` in a flag as emphasis; so pages carry
`<!--table:NAME-->` through it, and the finished table goes in afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_PLACEHOLDER = re.compile(r"<!--table:([\w./-]+)-->")


class LeftOver(ValueError):
    """A placeholder without a table, or a table without a placeholder: a defect of a page."""


def with_tables(html: str, tables: Mapping[str, str]) -> str:
    """`html` with every placeholder replaced. Raises LeftOver for one that has no table."""

    def put(match: re.Match[str]) -> str:
        if match[1] not in tables:
            raise LeftOver(f"no table for the placeholder {match[1]!r}")
        return f'<div class="tb-scroll">{tables[match[1]]}</div>'

    return _PLACEHOLDER.sub(put, html)


def fill(folder: Path, tables: Mapping[str, str]) -> int:
    """Put the tables into every page below `folder`; the number of pages. Every table must find its place."""
    used: set[str] = set()
    pages = sorted(folder.rglob("*.html"))
    for path in pages:
        html = path.read_text(encoding="utf-8")
        names = _PLACEHOLDER.findall(html)
        if names:
            path.write_text(with_tables(html, tables), encoding="utf-8")
            used.update(names)
    unused = sorted(set(tables) - used)
    if unused:
        raise LeftOver(f"tables that no page shows: {', '.join(unused)}")
    return len(pages)
