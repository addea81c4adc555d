"""A built page as the outline of what a reader sees: headings, tables with their columns, figures, commands, links.

MkDocs is not ours and its HTML changes with every release; what it makes of our Markdown must not.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

HEADINGS = ("h1", "h2", "h3", "h4")


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.links = 0
        self._inside = 0
        self._taking: str | None = None
        self._text = ""
        self._columns: list[str] = []
        self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "article":
            self._inside += 1
        if not self._inside:
            return
        if tag in (*HEADINGS, "figcaption", "title"):
            self._taking, self._text = tag, ""
        elif tag == "table":
            self._columns, self._rows = [], 0
        elif tag == "th":
            self._taking, self._text = tag, ""
        elif tag == "tr":
            self._rows += 1
        elif tag == "figure":
            self.lines.append(f"  figure {given.get('data-spec', '?')}")
        elif tag == "pre":
            self.lines.append("  code")
        elif tag == "a" and "headerlink" not in given.get("class", ""):
            self.links += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._inside -= 1
        if not self._inside:
            return
        if tag == self._taking:
            text = re.sub(r"\s+", " ", self._text.replace("¶", "")).strip()
            if tag in HEADINGS:
                self.lines.append(f"{'#' * int(tag[1])} {text}")
            elif tag == "figcaption":
                self.lines.append(f"    {text}")
            else:
                self._columns.append(text)
            self._taking = None
        elif tag == "table":
            self.lines.append(f"  table of {self._rows - 1}: {' | '.join(self._columns)}")

    def handle_data(self, data: str) -> None:
        if self._taking:
            self._text += data


def outline(html: str) -> str:
    """The outline of one page, a line for each thing on it."""
    parser = Outline()
    parser.feed(html)
    return "\n".join([*parser.lines, f"  {parser.links} links"])
