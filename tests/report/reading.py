"""What a reader of a built site has before him: a page's paragraphs and tables as text, and the downloads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb

from report.escape import slug
from report.questions import questions

HEADINGS = ("h1", "h2", "h3")
TAKEN = ("p", "li", "dd")
"""What is read as one text each, beside the cells of tables and the facts of an answer."""


class Page(HTMLParser):
    """`texts`: (class, text) of each paragraph, list item and fact, in order. `tables`: rows of cells, the head first;
    `under`: the heading above each table. A `<br>` is a line end; other white space is one blank."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.under: list[str] = []
        self._inside = 0
        self._open: list[tuple[str, str]] = []
        self._text = ""
        self._cell: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = dict(attrs).get("class") or ""
        self._inside += tag == "article"
        if not self._inside:
            return
        if tag == "table":
            self.tables.append([])
            self.under.append(next((text for kind, text in reversed(self.texts) if kind == "heading"), ""))
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = ""
        elif tag == "br" or (tag == "span" and self._open and self._open[0][1] == "tb-fact"):
            self.handle_data("\n")
        elif tag in TAKEN or kind == "tb-fact":
            self._open, self._text = [(tag, kind)], ""
        elif tag in HEADINGS:
            self._open, self._text = [(tag, "heading")], ""
        elif self._open and tag == self._open[0][0]:
            self._open.append((tag, kind))

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "article"
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(spaced(self._cell))
            self._cell = None
        elif self._open and tag == self._open[-1][0]:
            _, kind = self._open.pop()
            if not self._open:
                self.texts.append((kind, spaced(self._text)))

    def handle_data(self, data: str) -> None:
        data = data if data == "\n" else re.sub(r"\s+", " ", data)
        if self._cell is not None:
            self._cell += data
        elif self._open:
            self._text += data

    def of(self, kind: str) -> list[str]:
        """The texts with the class `kind`."""
        return [text for one, text in self.texts if one == kind]

    def text(self, begin: str) -> str:
        """The only text that begins so."""
        (found,) = {text for _, text in self.texts if text.startswith(begin)}
        return found

    def rows(self, *head: str) -> list[list[str]]:
        """The rows of the only table whose head begins with `head`, without it."""
        (found,) = [rows for rows in self.tables if rows[0][: len(head)] == list(head)]
        return found[1:]


def spaced(text: str) -> str:
    """Without white space at the ends of lines."""
    lines = (re.sub(r" +", " ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


@dataclass(frozen=True)
class Site:
    """A built site in the hands of a reader."""

    out: Path

    def page(self, path: str) -> Page:
        return Page((self.out / path).read_text(encoding="utf-8"))

    def campaign(self, name: str) -> Page:
        return self.page(f"results/campaigns/{slug(name)}/index.html")

    def ask(self, title: str) -> list[dict[str, Any]]:
        """The answer to the question whose title begins so, from the downloaded file."""
        (query,) = [one.query for one in questions() if one.title.startswith(title)]
        with duckdb.connect(self.out / "results/data/results.duckdb", read_only=True) as connection:
            result = connection.execute(query)
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
