"""What is done to the built HTML: tables take the place of their placeholders, and campaigns that of their frame.

A table of cells costs Markdown most of its time, and it would read `*` in a flag as emphasis; so pages carry
`<!--table:NAME-->` through it, and the finished table goes in afterwards. The indentation of the theme, a third of a
page, goes.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from report.article import SLUG, Frame, in_map
from report.campaigns import Kept
from report.escape import slug as slug_of
from report.render import Page
from report.website import write_data

_AS_IT_IS = re.compile(r"(<(pre|script|style|textarea)\b.*?</\2>)", re.DOTALL)
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


def squeezed(html: str) -> str:
    """`html` without indentation and empty lines, where neither is seen."""
    parts = _AS_IT_IS.split(html)
    # Of three parts one is what stays as it is, and one the name of its tag.
    return "".join(
        part if at % 3 == 1 else re.sub(r"\s*\n\s*", "\n", part) for at, part in enumerate(parts) if at % 3 != 2
    )


def fill(folder: Path, tables: Mapping[str, str]) -> int:
    """Put the tables into every page below `folder`; the number of pages. Every table must find its place."""
    used: set[str] = set()
    pages = sorted(folder.rglob("*.html"))
    for path in pages:
        html = squeezed(path.read_text(encoding="utf-8"))
        used.update(_PLACEHOLDER.findall(html))
        path.write_text(with_tables(html, tables), encoding="utf-8")
    unused = sorted(set(tables) - used)
    if unused:
        raise LeftOver(f"tables that no page shows: {', '.join(unused)}")
    return len(pages)


def set_in(folder: Path, frames: Sequence[Page], kept: Kept, note: str, epoch: int) -> int:
    """Write the page of every campaign into its frame below `folder`, and its data file; the frames go. Returns how
    many pages came to those that `fill` counted. `note` says as of when the site is; `epoch` (s) dates its map."""
    built = {page.path: _built(folder / "results", page.path) for page in frames}
    made = {path: Frame(file.read_text(encoding="utf-8")) for path, file in built.items()}
    count = -len(built)
    slugs = [slug_of(campaign) for campaign in kept.files]
    for slug, pages in zip(slugs, kept.pages(note), strict=True):
        for page in pages:
            frame = page.path.replace(f"/{slug}/", f"/{SLUG}/")
            path = Path(str(built[frame]).replace(f"/{SLUG}/", f"/{slug}/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[frame].around(page.article, page.title, slug), encoding="utf-8")
            if page.data is not None:
                write_data(folder / "results" / "data", page.key, page.data)
            count += 1
    for file in built.values():
        shutil.rmtree(next(one for one in file.parents if one.name == SLUG), ignore_errors=True)
    _map(folder, slugs, epoch)
    return count


def _built(folder: Path, path: str) -> Path:
    """Where MkDocs wrote a page: it has two ways to name them."""
    stem = path.removesuffix(".md")
    file = folder / f"{stem}.html"
    return file if file.is_file() else folder / stem / "index.html"


def _map(folder: Path, slugs: Sequence[str], epoch: int) -> None:
    path = folder / "sitemap.xml"
    if not path.is_file():
        return
    text = in_map(path.read_text(encoding="utf-8"), slugs)
    path.write_text(text, encoding="utf-8")
    with path.with_name("sitemap.xml.gz").open("wb") as file, gzip.GzipFile("sitemap.xml", "wb", 9, file, epoch) as out:
        out.write(text.encode())
